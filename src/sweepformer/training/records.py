"""What a run leaves in its directory, and tells on the screen: its rows, what was decided, its result."""

import json
import logging
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.table import Table

from sweepformer.baselines.token_counts import unigram_perplexity
from sweepformer.config.choices import Choice
from sweepformer.config.metrics import telling
from sweepformer.data.data_module import RowsDataModule
from sweepformer.data.store import SPLITS, Store
from sweepformer.data.tokenizer import vocab_size
from sweepformer.files.atomic import write_text
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.screen.command_line import command_line
from sweepformer.screen.tables import rendered, share, table_text
from sweepformer.training.attempt import Attempt
from sweepformer.training.building import Training
from sweepformer.training.plan import Plan, choices_as_yaml

log = logging.getLogger(__name__)

MUCH_UNKNOWN = 0.5  # of tokens


def record_choices(choices: Sequence[Choice], directory: RunDirectory) -> None:
    """Write `plan.yaml`, and show the same."""
    write_text(directory.path / "plan.yaml", choices_as_yaml(choices))
    rows = [[one.key, json.dumps(one.value), one.why] for one in choices]
    log.info("\n%s", table_text("Decided for this run", ["key", "value", "why"], rows))


def record_plan(plan: Plan, store: Store, directory: RunDirectory) -> None:
    """Write the plan, and tokenizer and labels of its rows; show them."""
    if plan.begins_with is None:  # else it is there, as the rows were tokenised by it
        write_text(directory.path / "tokenizer.json", store.tokenizer.to_str(pretty=True))
    directory.write_labels(store.classes)
    print_rows(store)
    print_tokens(store, RowsDataModule.of(plan.config, store), plan.known["frequent"])
    record_choices(plan.choices, directory)
    if plan.kind.is_language_model:
        perplexity = unigram_perplexity(store.splits["train"], store.splits["test"], vocab_size(store.tokenizer))
        log.info("to beat: test perplexity %.1f, by the tokens' frequencies alone", perplexity)


def record_environment(training: Training, attempt: Attempt) -> None:
    """Write with what and where the run is trained."""
    trainer, plan = training.trainer, training.plan
    device = trainer.strategy.root_device
    attempt.summary.effective_precision = str(trainer.precision)
    if attempt.is_first_process:
        attempt.directory.write_environment(
            seed=plan.asked["seed"],
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            processes=trainer.world_size,
            effective_precision=attempt.summary.effective_precision,
            begins_with=plan.asked["model"].get("init_from") or plan.begins_with,
            **training.store.hashes,
        )


def print_rows(store: Store) -> None:
    """Rows, classes, and what was dropped."""
    for line in store.report.lines():
        log.info(line)
    for warning in store.report.warnings:
        log.warning("warning: %s", warning)


def print_tokens(store: Store, data: RowsDataModule, frequent: int | None) -> None:
    """Vocabulary, lengths, what is truncated and unknown. frequent: how many tokens are not rare; None: all."""
    lengths = store.splits["train"].lengths
    vocabulary, unknown = f"{store.tokenizer.get_vocab_size():,}", store.unknown_rate
    if frequent is not None:
        vocabulary = f"{frequent:,} and {store.tokenizer.get_vocab_size() - frequent:,} rare words"
        unseen = [store.splits[split].tokens for split in ("val", "test")]
        unknown += sum(int((tokens >= frequent).sum()) for tokens in unseen) / max(sum(map(len, unseen)), 1)
    cut, share_cut = f"{data.truncated():,}", 100 * data.truncated() / len(lengths)
    about = "tokens: vocabulary %s, mean %.1f a row, %s rows truncated (%.1f %%), %.2f %% unknown"
    log.info(about, vocabulary, lengths.mean(), cut, share_cut, 100 * unknown)
    if unknown > MUCH_UNKNOWN:
        log.warning(
            "warning: most of what validation and test say is unknown to the encoder: pieces of words "
            "(tokenizer=wordpiece) or characters (tokenizer=char) would tell more"
        )
    words = {split: data.rows[split].cut_words() for split in SPLITS}
    if any(words.values()):
        counts = ", ".join(f"{split} {count:,}" for split, count in words.items())
        log.warning("warning: words beyond model.max_length are not tagged, which counts as wrong: %s", counts)


def print_result(summary: Summary, path: Path, monitor: str) -> None:
    """The closing table and the next commands to type. monitor: the metric that the best checkpoint was chosen by."""
    shown = Path(os.path.relpath(path))
    table = Table(title="Result", show_header=False, title_justify="left")
    for name in (*telling("test", summary.metrics), "test_loss", monitor):
        if name in summary.metrics:
            table.add_row(name, f"{summary.metrics[name]:.4f}")
    table.add_row("best checkpoint", str(shown / summary.best_checkpoint) if summary.best_checkpoint else "none")
    if summary.parameters:
        table.add_row("parameters", f"{summary.parameters:,}")
    seconds = summary.seconds
    if "training" in seconds:
        steps = f" ({summary.epochs} epochs, {summary.steps:,} steps)" if summary.steps else ""
        table.add_row("time", f"{seconds['total']:.1f} s, of which training {seconds['training']:.1f} s{steps}")
    kinds = "steps skipped, gradients not finite", "steps skipped, fp16 overflows", "loss spikes"
    for name, count in zip(kinds, (summary.skipped_steps, summary.fp16_overflows, summary.loss_spikes), strict=True):
        if count:
            table.add_row(name, f"{count:,}")
    if summary.tokens_per_second:
        table.add_row("real tokens a second", f"{summary.tokens_per_second:,.0f}")
        table.add_row("share of the device's peak (MFU)", share(summary.mfu))
    if summary.effective_precision:
        table.add_row("precision", summary.effective_precision)
    log.info("\n%s", rendered(table))
    tensorboard = shlex.join(["tensorboard", "--logdir", str(shown.parent if shown.parts else shown)])
    left = summary.best_checkpoint or (path / "checkpoints" / "last.ckpt").exists()
    use = [command_line("predict", str(shown), "FILE")] if left else []
    log.info("next:\n  %s", "\n  ".join([*use, tensorboard, *_next_runs(summary.overrides)]))


def _next_runs(overrides: list[str]) -> list[str]:
    """Commands for more of the same: a larger model unless one was chosen, and how far chance goes."""
    same = [one for one in overrides if one.partition("=")[0] not in ("name", "seed")]
    commands = [["-m", *same, "seed=0,1,2"]]
    if not any(one.lstrip("+~").startswith(("model", "experiment")) for one in same):
        commands.insert(0, [*same, "model=base"])
    return [command_line("run", *command) for command in commands]
