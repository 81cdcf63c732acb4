"""What a run decides before anything is built: all that follows from what was asked, its rows and its device."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from yaml import safe_dump

from sweepformer.config.choices import Choice, choices_by_rows, choices_by_the_task, with_choices
from sweepformer.config.kinds import Kind
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import has_rare_words, special_ids, tokenizer_kind, vocab_size
from sweepformer.data.truncation import Truncation
from sweepformer.errors import UserError
from sweepformer.runs.request import Request
from sweepformer.tasks.model_arguments import known_to_the_program, model_options
from sweepformer.training.initialization import Pretrained

WHY_TOKENS = {  # are what they are, by what tokenizer=auto became
    "word": "most texts have spaces",
    "char": "most texts have no spaces",
    "wordpiece": "most texts have spaces, and answers are for tokens",
}
USUAL_EPOCHS = 1000  # of Lightning, where nothing limits training
ALIASES = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}


@dataclass(frozen=True)
class Device:
    """What a run trains on: cuda, mps or cpu; the precision it computes in; what this changes about the config."""

    accelerator: str
    precision: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A run as it will be: nothing of it changes once it is there.

    config: what was asked, plain, with a value for whatever it left open; kind: of its task; device: what it trains on;
    begins_with: the run or checkpoint whose encoder it takes over, None: none; frequent: how many tokens, those of the
    smallest ids, the encoder knows, None: all; model: what the model is made with, by its config; known: what else it
    may ask for, by name; choices: the values that were decided, and why.
    """

    config: dict[str, Any]
    kind: Kind
    device: Device
    begins_with: str | None
    frequent: int | None
    model: dict[str, Any]
    known: dict[str, Any]
    choices: tuple[Choice, ...]

    def as_yaml(self) -> str:
        """For `plan.yaml`: what was decided, and why."""
        decided = {one.key: {"value": one.value, "why": one.why} for one in self.choices}
        follows = {
            "labels": self.kind.labels,
            "begins_with": self.begins_with,
            "known_tokens": self.frequent,
            "accelerator": self.device.accelerator,
            "precision": self.device.precision,
        }
        return safe_dump({"decided": decided, **follows}, sort_keys=False, allow_unicode=True)


def settle(request: Request, store: Store, device: Device, pretrained: Pretrained | None = None) -> Plan:
    """Decide all that a checked request leaves open; raises a UserError where nothing says what it should be."""
    asked, kind, train = request.config, request.kind, store.splits["train"]
    reads_all = batches_used(asked["trainer"], sys.maxsize) == sys.maxsize  # epochs may end before
    tokens = int(Truncation.of(asked).tokens_read(train.lengths).sum()) if reads_all else 0
    by_the_texts = [tokenizer_kind(store.tokenizer, "auto")] if asked["tokenizer"]["kind"] == "auto" else []
    choices = [
        *[Choice("tokenizer.kind", token, f"as {WHY_TOKENS[token]}") for token in by_the_texts],
        *choices_by_rows(asked, len(train), tokens),
        *choices_by_the_task(asked, kind, pretrained.stem if pretrained else None),
        *device.choices,
    ]
    config = with_choices(asked, [one for one in choices if one.key != "tokenizer.kind"])
    frequent = _tokens_known(asked, kind, store, pretrained)
    known = known_to_the_program(kind, store.classes, store.tokenizer, store.pairs, frequent)
    model = model_options(config, kind, store.tokenizer)
    choices += _ngrams(asked, model)
    begins_with = pretrained.given if pretrained else None
    return Plan(config, kind, device, begins_with, frequent, model, known, tuple(choices))


def _ngrams(asked: dict[str, Any], model: dict[str, Any]) -> list[Choice]:
    """How long a wide path's n-grams are, which `model_options` takes from the tokens."""
    wide, made = asked["model"].get("wide") or {}, model.get("wide") or {}
    if "ngram_order" not in made or wide.get("ngram_order") is not None:
        return []
    return [Choice("model.wide.ngram_order", made["ngram_order"], "by what tokens are: 5 of characters, 2 of others")]


def _tokens_known(asked: dict[str, Any], kind: Kind, store: Store, pretrained: Pretrained | None) -> int | None:
    """As `Plan.frequent`: all where the encoder has to name them, else as many as the encoder knows that the run begins
    with, or as there would be without `tokenizer.rare_words`."""
    options = asked["tokenizer"]
    if pretrained and not kind.is_language_model:
        return pretrained.tokens
    if kind.is_language_model or not has_rare_words(store.tokenizer, options):
        return None
    often = np.flatnonzero(store.splits["train"].counts(vocab_size(store.tokenizer)) >= options["min_frequency"])
    return int(min(often.max(initial=max(special_ids(store.tokenizer))) + 1, options["vocab_size"]))


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


def total_steps(trainer: dict[str, Any], batches: int) -> int:
    """Optimizer steps of the whole training. batches: of an epoch, of one process."""
    steps_an_epoch = max(-(-batches_used(trainer, batches) // (trainer.get("accumulate_grad_batches") or 1)), 1)
    debug = trainer.get("fast_dev_run")
    epochs, most = (1, int(debug)) if debug else (trainer.get("max_epochs"), trainer.get("max_steps"))
    limits = [limit for limit in (steps_an_epoch * (epochs or -1), most) if limit is not None and limit > 0]
    return min(limits) if limits else steps_an_epoch * USUAL_EPOCHS


def choose_device(trainer: dict[str, Any]) -> Device:
    """What a trainer's options come to on this machine; raises a UserError where it can't do what they ask for."""
    accelerator = trainer.get("accelerator", "auto")
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
    precision, why = ALIASES.get(asked, asked), "its full name"
    if accelerator == "cpu" and precision.startswith("16"):  # many have bfloat16
        precision, why = precision.replace("16", "bf16"), f"in place of {asked}, as a CPU has no fast float16"
    choices = [Choice("trainer.precision", precision, why)] if precision != asked else []
    return Device(accelerator, precision, tuple(choices))
