"""What a run decides before anything is built: all that follows from what was asked, its rows and its device."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from yaml import safe_dump

from sweepformer.config.choices import Choice, choices_by_rows, choices_by_the_task, with_choices
from sweepformer.config.kinds import Kind
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import has_rare_words, special_ids, tokenizer_kind, vocab_size
from sweepformer.data.truncation import Truncation
from sweepformer.runs.request import Request
from sweepformer.tasks.model_arguments import known_to_the_program, model_options
from sweepformer.training.devices import Device
from sweepformer.training.epochs import has_short_epochs
from sweepformer.training.initialization import Pretrained

WHY_TOKENS = {  # are what they are, by what tokenizer=auto became
    "word": "most texts have spaces",
    "char": "most texts have no spaces",
    "wordpiece": "most texts have spaces, and answers are for tokens",
}


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
    choices: tuple[Choice, ...] = field(default=())

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
    """Decide all that is still open.

    Args:
        request: what was asked, checked.
        store: its rows, tokenised.
        device: what it trains on.
        pretrained: the encoder that it begins with.

    Raises:
        UserError: something is open, and nothing says what it should be.
    """
    asked, kind = request.config, request.kind
    choices = [
        *_by_tokens(asked, store),
        *choices_by_rows(asked, len(store.splits["train"]), _tokens_an_epoch(asked, store)),
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


def _by_tokens(asked: dict[str, Any], store: Store) -> list[Choice]:
    if asked["tokenizer"]["kind"] != "auto":
        return []
    kind = tokenizer_kind(store.tokenizer, "auto")
    return [Choice("tokenizer.kind", kind, f"as {WHY_TOKENS[kind]}")]


def _ngrams(asked: dict[str, Any], model: dict[str, Any]) -> list[Choice]:
    """How long a wide path's n-grams are, which `model_options` takes from the tokens."""
    wide, made = asked["model"].get("wide") or {}, model.get("wide") or {}
    if "ngram_order" not in made or wide.get("ngram_order") is not None:
        return []
    return [Choice("model.wide.ngram_order", made["ngram_order"], "by what tokens are: 5 of characters, 2 of others")]


def _tokens_an_epoch(asked: dict[str, Any], store: Store) -> int:
    """How many an epoch reads; 0 where it ends before all rows are read."""
    if has_short_epochs(asked["trainer"]):
        return 0
    return int(Truncation.of(asked).tokens_read(store.splits["train"].lengths).sum())


def _tokens_known(asked: dict[str, Any], kind: Kind, store: Store, pretrained: Pretrained | None) -> int | None:
    """As `Plan.frequent`: all where the encoder has to name them.

    As many as there would be without `tokenizer.rare_words`, or as the encoder knows that the run begins with.
    """
    if kind.is_language_model:
        return None
    if pretrained:
        return pretrained.tokens
    options = asked["tokenizer"]
    if not has_rare_words(store.tokenizer, options):
        return None
    often = np.flatnonzero(store.splits["train"].counts(vocab_size(store.tokenizer)) >= options["min_frequency"])
    return int(min(often.max(initial=max(special_ids(store.tokenizer))) + 1, options["vocab_size"]))
