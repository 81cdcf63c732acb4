"""What a run decides before anything is built: all that follows from what was asked, its rows and its device."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from yaml import safe_dump

from sweepformer.config.build import build
from sweepformer.config.choices import Choice, choices_by_rows, choices_by_the_task, has_wide_path, with_choices
from sweepformer.config.kinds import Kind
from sweepformer.data.data_module import RowsDataModule
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import has_rare_words, lowers, special_ids, tokenizer_kind, vocab_size
from sweepformer.data.truncation import Truncation
from sweepformer.errors import UserError
from sweepformer.runs.request import Request
from sweepformer.tasks.model_arguments import known_to_the_program, model_options, ngram_order
from sweepformer.training.initialization import Pretrained

WHY_TOKENS = {  # are what they are, by what tokenizer=auto became
    "word": "as most texts have spaces",
    "char": "as most texts have no spaces",
    "wordpiece": "as most texts have spaces, and answers are for tokens",
}
BY_THE_ENCODER = "as that encoder's tokenizer"
AS_ASKED = "as the config has it"
USUAL_EPOCHS = 1000  # of Lightning, where nothing limits training
ALIASES = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}


@dataclass(frozen=True)
class Plan:
    """A run as it will be: nothing of it changes once it is there, and all that trains is built from `config`.

    asked: the request's config, plain, by which the run is known; config: the same with a value for whatever it left
    open; kind: of its task; begins_with: the run or checkpoint whose encoder it takes over, None: none; known: what
    only the program knows, and a model may ask for by name; total_steps: of the optimizer, as schedules reckon;
    choices: the values that were decided, and why.
    """

    asked: dict[str, Any]
    config: dict[str, Any]
    kind: Kind
    begins_with: str | None
    known: dict[str, Any]
    total_steps: int
    choices: tuple[Choice, ...]

    @property
    def model(self) -> dict[str, Any]:
        """What the model is made with, by its config."""
        return model_options(self.config, self.kind)


def choices_as_yaml(choices: Iterable[Choice]) -> str:
    """For `plan.yaml`: what was decided, and why."""
    decided = {one.key: {"value": one.value, "why": one.why} for one in choices}
    return safe_dump({"decided": decided}, sort_keys=False, allow_unicode=True)


def of_the_labels(kind: Kind) -> Choice:
    """What rows are labelled with."""
    from_them = "texts alone" if kind.labelled.is_nothing else "them"
    return Choice("labels", kind.labels, f"as the task learns from {from_them}")


def settle(request: Request, store: Store, device: list[Choice], pretrained: Pretrained | None = None) -> Plan:
    """Decide all that a checked request leaves open.

    device: as `choose_device` has it; pretrained: what the run begins with.

    Raises:
        UserError: nothing says what a value should be, or the epochs are too short for what the trainer is to do.
    """
    asked, kind, train = request.config, request.kind, store.splits["train"]
    frequent, why_known = _tokens_known(asked, kind, store, pretrained)
    choices = [of_the_labels(kind)]
    if pretrained:
        why = AS_ASKED if request.begins_with else "the first of two runs, as pretrain asks"
        choices.append(Choice("begins_with", pretrained.given, why))
    choices += _of_the_tokenizer(asked["tokenizer"], store, pretrained)
    choices.append(Choice("known_tokens", frequent or vocab_size(store.tokenizer), why_known))
    if asked["data"].get("truncation") is None:
        part = Truncation.of(asked).part
        why = "as tokenizer.truncation_side=left" if part == "tail" else "as nothing says otherwise"
        choices.append(Choice("data.truncation", part, why))
    reads_all = batches_used(asked["trainer"], sys.maxsize) == sys.maxsize  # epochs may end before
    tokens = int(Truncation.of(asked).tokens_read(train.lengths).sum()) if reads_all else 0
    choices += [*choices_by_rows(asked, len(train), tokens), *device]
    choices += choices_by_the_task(asked, kind, pretrained.stem if pretrained else None)
    wide = asked["model"].get("wide")
    if isinstance(wide, dict) and has_wide_path(asked, kind) and wide.get("ngram_order", 0) is None:
        choices.append(Choice("model.wide.ngram_order", *ngram_order(store.tokenizer)))
    config = with_choices(asked, choices)
    steps, why = _total_steps(config["trainer"], _batches(config, store))
    choices.append(Choice("total_steps", steps, why))
    known = known_to_the_program(kind, store.classes, store.tokenizer, store.pairs, frequent)
    return Plan(asked, config, kind, pretrained.given if pretrained else None, known, steps, tuple(choices))


def _of_the_tokenizer(asked: dict[str, Any], store: Store, pretrained: Pretrained | None) -> list[Choice]:
    """What it became, where it was left open or another's is taken over."""
    kind, lowercase, found = asked["kind"], asked["lowercase"], []
    its_own = "as the tokenizer at tokenizer.path" if kind == "pretrained" else None
    if pretrained:
        kind, its_own = pretrained.tokenizer_kind, BY_THE_ENCODER
    elif kind == "auto":
        kind = tokenizer_kind(store.tokenizer, "auto")
    if asked["kind"] == "auto":
        found.append(Choice("tokenizer.kind", kind, its_own or WHY_TOKENS[kind]))
    became = lowers(store.tokenizer)
    if lowercase is None or (its_own and lowercase != became):
        why = "as capitals are not seen in words" if became else "as capitals tell characters apart"
        found.append(Choice("tokenizer.lowercase", became, its_own or why))
    return found


def _tokens_known(
    asked: dict[str, Any], kind: Kind, store: Store, pretrained: Pretrained | None
) -> tuple[int | None, str]:
    """How many tokens, those of the smallest ids, the encoder has vectors for, None: all; and why.

    All where the encoder has to name them, else as many as the encoder knows that the run begins with, or as there
    would be without `tokenizer.rare_words`.
    """
    options = asked["tokenizer"]
    if kind.is_language_model:
        return None, "all, as each may be the answer"
    if pretrained:
        return pretrained.tokens, "as many as that encoder knows"
    if not has_rare_words(store.tokenizer, options):
        return None, "all of the vocabulary"
    often = np.flatnonzero(store.splits["train"].counts(vocab_size(store.tokenizer)) >= options["min_frequency"])
    found = int(often.max(initial=max(special_ids(store.tokenizer))) + 1)
    if found > options["vocab_size"]:
        return options["vocab_size"], "as many as tokenizer.vocab_size allows"
    return found, f"as the others occur fewer than {options['min_frequency']} times (tokenizer.min_frequency)"


def _batches(config: dict[str, Any], store: Store) -> int:
    """How many batches each process trains on in an epoch; a UserError if they are too few for what is asked of them.

    Lightning would say so when training begins, and the loggers have.
    """
    trainer, data = config["trainer"], RowsDataModule.of(config, store)
    processes = _processes(trainer)

    def batches(split: str) -> int:
        if len(data.rows[split]) < processes:
            raise UserError(f"{len(data.rows[split])} rows of the {split} split are too few for {processes} processes.")
        return -(-len(data.plan(split, processes)) // processes)

    found = batches("train")
    if trainer.get("fast_dev_run"):
        return found
    overfit = "overfit_batches" if trainer.get("overfit_batches") else None
    for split, key in (("train", overfit), ("val", overfit), ("test", None)):
        key = key or f"limit_{split}_batches"
        share = trainer.get(key)
        if isinstance(share, float) and 0 < share < 1 and int(share * (there := batches(split))) < 1:
            raise UserError(
                f"trainer.{key}={share:g} of the {there} batches of {split} leaves none: give a larger share, or "
                "a whole number of batches."
            )
    used, every = batches_used(trainer, found), trainer.get("val_check_interval")
    by_epochs = trainer.get("limit_val_batches", 1) != 0 and trainer.get("check_val_every_n_epoch", 1) is not None
    if isinstance(every, int) and every > used and by_epochs:
        raise UserError(
            f"trainer.val_check_interval={every} batches is more than an epoch has, which are {used}. Give fewer, a "
            "share of an epoch up to 1.0, or trainer.check_val_every_n_epoch=null to count on from epoch to epoch."
        )
    return found


def _processes(trainer: dict[str, Any]) -> int:
    """How many processes a trainer of these options trains in."""
    if (trainer.get("devices", "auto"), trainer.get("num_nodes", 1)) == (1, 1):
        return 1
    asked = ("_target_", "accelerator", "devices", "num_nodes", "strategy")
    options = {key: trainer[key] for key in asked if key in trainer}
    nothing_else = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
    return int(build("trainer", options, **nothing_else).world_size)


def batches_used(trainer: dict[str, Any], batches: int) -> int:
    """How many of an epoch's batches are trained on, by the trainer's options: Lightning's would build the loaders.

    A whole number limits batches, a fraction is a share of them.
    """
    debug = int(trainer.get("fast_dev_run") or 0)
    limit = trainer.get("overfit_batches") or debug or trainer.get("limit_train_batches")
    if limit is None:
        return batches
    if isinstance(limit, float):
        return max(int(batches * limit), 1) if limit < 1 else batches
    return min(batches, limit)


def _total_steps(trainer: dict[str, Any], batches: int) -> tuple[int, str]:
    """Optimizer steps of the whole training, and by what. batches: of an epoch, of one process."""
    steps_an_epoch = max(-(-batches_used(trainer, batches) // (trainer.get("accumulate_grad_batches") or 1)), 1)
    debug = trainer.get("fast_dev_run")
    epochs, most = (1, int(debug)) if debug else (trainer.get("max_epochs"), trainer.get("max_steps"))
    by_steps = f"as trainer.{'fast_dev_run' if debug else 'max_steps'}"
    limits = [(steps_an_epoch * (epochs or -1), f"epochs: {epochs}, of {steps_an_epoch:,} steps"), (most, by_steps)]
    given = [(limit, why) for limit, why in limits if limit is not None and limit > 0]
    usual = (steps_an_epoch * USUAL_EPOCHS, f"as for {USUAL_EPOCHS:,} epochs, as nothing limits training")
    steps, why = min(given or [usual], key=lambda one: one[0])
    return steps, f"{why}, unless trainer.max_time ends them" if trainer.get("max_time") else why


def choose_device(trainer: dict[str, Any]) -> list[Choice]:
    """What a trainer's options come to on this machine; raises a UserError where it can't do what they ask for."""
    given = accelerator = trainer.get("accelerator", "auto")
    if accelerator in ("auto", "gpu"):
        there = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
        accelerator = there or ("cpu" if accelerator == "auto" else "gpu")
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={trainer['accelerator']}: no GPU was found on this machine. "
            "Use trainer=default (whatever is there) or trainer=cpu."
        )
    strategy = str(trainer.get("strategy", "auto"))
    if "fsdp" in strategy and accelerator != "cuda":
        raise UserError(
            f"trainer.strategy={strategy}: FSDP needs GPUs, and this run is on {accelerator}. "
            "Use trainer=default, or trainer=ddp with trainer.strategy=ddp_fork for several CPU processes."
        )
    asked = str(trainer.get("precision", "32-true"))
    precision = ALIASES.get(asked, asked)
    why = AS_ASKED if precision == asked else f"the full name of {asked}"
    if accelerator == "cpu" and precision.startswith("16"):  # many have bfloat16
        precision, why = precision.replace("16", "bf16"), f"in place of {asked}, as a CPU has no fast float16"
    found = "as there is no GPU" if accelerator == "cpu" else "as there is one"
    return [
        Choice("trainer.accelerator", accelerator, AS_ASKED if accelerator == given else found),
        Choice("trainer.precision", precision, why),
    ]
