"""What a run is refused for, by us before any data is read or by Lightning later; and which warnings are silenced."""

import logging
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pytorch_lightning.utilities.exceptions import MisconfigurationException

from sweepformer.config.build import check_keys, find_target
from sweepformer.config.rules import check as check_rules
from sweepformer.errors import UserError, is_out_of_memory
from sweepformer.runs.request import Request
from sweepformer.training.baseline_run import is_baseline
from sweepformer.training.building import OUR_TRAINER_OPTIONS
from sweepformer.training.optimization import check_optimization


def check(request: Request) -> None:
    """Refuse what can be seen to be wrong from the config alone: a UserError names key, what was given and allowed."""
    config = request.config
    check_rules(config)
    trainer = {key: value for key, value in config["trainer"].items() if key not in OUR_TRAINER_OPTIONS}
    check_keys("trainer", trainer)
    check_optimization(config["optimizer"], config["scheduler"])
    for group in ("callbacks", "logger"):
        for name, options in (config.get(group) or {}).items():
            if options is not None:
                # A folder that is left open becomes the run's.
                left_open = {"save_dir": "."} if options.get("save_dir", "") is None else {}
                check_keys(f"{group}.{name}", {**options, **left_open})
    target, predicts = find_target("model", config["model"]), request.kind.predicts
    # Models that don't say what they can answer for are tried.
    if not is_baseline(config["model"]) and predicts not in getattr(target, "predicts", (predicts,)):
        raise UserError(
            f"model: {target.__name__} can't do this task: it has one answer a row, and the task asks for tokens. "
            "Choose a transformer, such as model=small."
        )


def silence_known_warnings() -> None:
    """Warnings that advise against what is done here on purpose, each for its reason."""
    # Batches are one gather from a memory map: workers would cost more than they save.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A run that goes on writes where it wrote before.
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*Experiment logs directory .* exists and is not empty.*")
    # Short epochs are logged at their end anyway.
    warnings.filterwarnings("ignore", message=".*The number of training batches .* is smaller than the logging.*")
    # The batch plan resumes from Lightning's own counters, which Lightning doesn't look for.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    # The first steps may be skipped, under 16-mixed nearly always, and the schedule goes on.
    warnings.filterwarnings("ignore", message=".*Detected call of `lr_scheduler.step.* before `optimizer.step.*")
    # Lightning's own use of what torch deprecates.
    warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
    # What labels become for training is the task's business, not the data's.
    warnings.filterwarnings("ignore", message=".*You have overridden `on_before_batch_transfer` in.*")
    # The summary's size in MB is for 32 bits, whatever the precision.
    warnings.filterwarnings("ignore", message=".*is not supported by the model summary.*")
    # A run that is started by itself on a cluster is one run.
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
    # Pictures show a box for what their font lacks, such as emoji.
    warnings.filterwarnings("ignore", message=".*Glyph .* missing from.*")
    for name in ("matplotlib", "pytorch_lightning.utilities.rank_zero", "pytorch_lightning.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def told_as_it_is() -> Iterator[None]:
    """Raises what Lightning itself raises of wrong settings as a UserError, and what it makes of Ctrl-C, an exit after
    which further ones may be ignored, as KeyboardInterrupt. What our own code raises stays as it is."""
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from error
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        is_theirs = str(frame.f_globals.get("__name__", "")).startswith("pytorch_lightning.")
        wrong = isinstance(error, MisconfigurationException) or (is_theirs and not is_out_of_memory(error))
        if not wrong:
            raise
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error
