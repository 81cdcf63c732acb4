"""A run's model: what it is made of, what it begins with, what it is taught beforehand, how large it is."""

import logging
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch import nn

from sweepformer.config.build import build, find_target
from sweepformer.config.kinds import Kind
from sweepformer.data.data_module import RowsDataModule
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import has_rare_words, special_ids, vocab_size, words_by_id
from sweepformer.errors import UserError
from sweepformer.models.wide import WidePath
from sweepformer.tasks.model_arguments import (
    is_by_the_task,
    known_to_the_program,
    leaves_stem_open,
    model_options,
    stem_by_the_task,
)
from sweepformer.training.devices import compile_in_place
from sweepformer.training.initialization import Pretrained, take_encoder
from sweepformer.training.optimization import freeze
from sweepformer.training.wide_fit import fit_wide

log = logging.getLogger(__name__)


def check_can_do(model: dict[str, Any], kind: Kind) -> None:
    """Before any data is read. Models that don't say what they can answer for are tried.

    Raises:
        UserError: the model can't answer what the task asks.
    """
    target = find_target("model", model)
    if kind.predicts not in getattr(target, "predicts", (kind.predicts,)):
        raise UserError(
            f"model: {target.__name__} can't do this task: it has one answer a row, and the task asks for tokens. "
            "Choose a transformer, such as model=small."
        )


def with_stem(config: dict[str, Any], kind: Kind, pretrained: Pretrained | None) -> dict[str, Any]:
    """The plain config, in which what stands between embeddings and layers is no longer null; tells what and why."""
    model = config["model"]
    if not leaves_stem_open(model):
        return config
    stem, reason = (pretrained.stem, "that encoder has it") if pretrained else stem_by_the_task(config, kind)
    log.info("recipe: model.stem=%s, as %s", stem, reason)
    return {**config, "model": {**model, "stem": stem}}


def tokens_known(config: dict[str, Any], kind: Kind, store: Store, pretrained: Pretrained | None) -> int | None:
    """How many tokens, those of the smallest ids, an encoder knows; None: all, as where it has to name them.

    As many as there would be without `tokenizer.rare_words`, or as the encoder knows that it begins with.
    """
    if kind.predicts == "vocabulary":
        return None
    if pretrained:
        return pretrained.tokens
    asked = config["tokenizer"]
    if not has_rare_words(store.tokenizer, asked):
        return None
    often = np.flatnonzero(store.splits["train"].counts(vocab_size(store.tokenizer)) >= asked["min_frequency"])
    return int(min(often.max(initial=max(special_ids(store.tokenizer))) + 1, asked["vocab_size"]))


def make_model(
    config: dict[str, Any],
    kind: Kind,
    store: Store,
    frequent: int | None,
    trainer: pl.Trainer,
    pretrained: Pretrained | None,
) -> nn.Module:
    """Built, with the encoder of another run where there is one, frozen and compiled as the config says.

    frequent: as `tokens_known` says.
    """
    # A "true" half precision wants its weights made in it.
    with trainer.init_module(empty_init=False):
        known = known_to_the_program(kind, store.classes, store.tokenizer, store.pairs, frequent)
        model = build("model", model_options(config, kind, store.tokenizer), **known)
    if pretrained:
        take_encoder(pretrained, model, config["model"])
    if config["model"].get("frozen_layers") is not None:
        freeze(model, config["model"]["frozen_layers"])
    if config["trainer"].get("compile"):
        compile_in_place(model, trainer.strategy.root_device)
    return model


def teach_beforehand(
    model: nn.Module, config: dict[str, Any], kind: Kind, store: Store, data: RowsDataModule, most_rows: int
) -> None:
    """Fit the wide path, if the model has one. most_rows: of the training rows that may be looked at."""
    if wide := _wide_path(model):
        words = words_by_id(store.tokenizer)
        fit_wide(wide, data.rows["train"], data.rows["val"], config["model"]["wide"], most_rows, words)
    elif kind.labels == "class" and is_by_the_task(config["model"].get("wide")):
        log.info("recipe: no wide path, as classes are weighed (model.wide.enabled)")


def parameters(model: nn.Module) -> int:
    """How many numbers a model learns, or has learned beforehand."""
    wide = _wide_path(model)
    return sum(one.numel() for one in model.parameters()) + (wide.learned if wide else 0)


def tell_trust(model: nn.Module) -> None:
    """Print how encoder and wide path are pooled, if there are both."""
    if wide := _wide_path(model):
        log.info("pooled: encoder x %.2f, wide path x %.2f, by validation rows", *wide.trust.tolist())


def _wide_path(model: nn.Module) -> WidePath | None:
    wide = getattr(model, "wide", None)
    return wide if isinstance(wide, WidePath) else None
