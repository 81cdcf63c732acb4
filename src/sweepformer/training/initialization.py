"""Beginning with another run's encoder and tokenizer instead of chance."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweepformer.config.choices import config_as_trained
from sweepformer.config.kinds import task_kind
from sweepformer.config.plain import check_groups
from sweepformer.data.tokenizer import load_tokenizer, lowers, parse_tokenizer, tokenizer_kind
from sweepformer.errors import UserError
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.models.embeddings import FrequentTokens
from sweepformer.runs.finding import resolve_init_from

log = logging.getLogger(__name__)

ENCODER = "model.encoder."  # what its weights' names begin with in a checkpoint
# What shapes an encoder, or makes other numbers of the same weights.
ARCHITECTURE = (
    "embedding_dim", "num_heads", "num_layers", "dim_feedforward", "norm_first", "activation", "positional_encoding",
    "stem",
)  # fmt: skip
USUAL = {"stem": "none", "embedding_std": 1.0}  # what earlier versions had without saying so
VECTORS = "embedding.tokens.weight"  # those of tokens
# Parts that only some tasks have: a vector before the row, and one for each text of a pair.
OPTIONAL = ("embedding.cls", "embedding.segments.weight")
CUT = ("val_fraction", "test_fraction", "group_column", "max_rows")  # what decides how splits are cut, beside the seed


@dataclass(frozen=True)
class Pretrained:
    """An encoder and what belongs to it.

    given: what named it; config: plain, of the run that trained it; tokenizer: its `tokenizer.json`; weights: by name,
    as in `Encoder.state_dict`.
    """

    given: str
    config: dict[str, Any]
    tokenizer: str
    weights: dict[str, Tensor]

    @classmethod
    def of(cls, state: dict[str, Any], given: str, config: dict[str, Any], tokenizer: str) -> "Pretrained":
        """Of the `state_dict` of a task."""
        weights = {name.removeprefix(ENCODER): value for name, value in state.items() if name.startswith(ENCODER)}
        return cls(given, config, tokenizer, weights)

    @property
    def tokenizer_kind(self) -> str:
        """What its tokenizer is, as `tokenizer.kind` has it."""
        return tokenizer_kind(parse_tokenizer(self.tokenizer), self.config["tokenizer"]["kind"])

    @property
    def stem(self) -> str:
        """What stands between its embeddings and layers, as `model.stem` has it."""
        return (USUAL | self.config["model"])["stem"]

    @property
    def tokens(self) -> int | None:
        """How many tokens the encoder knows; None if that can't be told."""
        return len(self.weights[VECTORS]) if VECTORS in self.weights else None


def open_pretrained(given: str) -> Pretrained:
    """Read the checkpoint that `model.init_from` names; raises a UserError if it is none, or has no encoder."""
    path = resolve_init_from(given)
    try:
        found = _taken_from(read_checkpoint(path), given)
    except Exception as error:  # whatever torch makes of another file
        raise UserError(
            f"model.init_from={given}: {path} is no checkpoint of a run of sweepformer, or damaged ({error})."
        ) from error
    if not found.weights:
        raise UserError(
            f"model.init_from={given}: that run's model, {found.config['model']['_target_']}, has no encoder."
        )
    return found


def _taken_from(checkpoint: dict[str, Any], given: str) -> Pretrained:
    """What is needed of a checkpoint, none of it trusted to be what it should be."""
    about, state = checkpoint["sweepformer"], checkpoint["state_dict"]
    check_groups(about["config"], ("task", "model", "data", "tokenizer"))
    try:
        parse_tokenizer(about["tokenizer"])
    except ValueError as error:
        raise ValueError(f"its tokenizer can't be used: {error}") from error
    found = Pretrained.of(state, given, config_as_trained(about), about["tokenizer"])
    if not all(isinstance(value, Tensor) for value in found.weights.values()):
        raise ValueError("its weights are not tensors")
    return found


def refuse_other_tokenizer(pretrained: Pretrained, asked: dict[str, Any]) -> None:
    """Raise a UserError where another tokenizer is asked for: its own ids are what the embeddings stand for.

    asked: a tokenizer's config.
    """
    kind = pretrained.tokenizer_kind
    if asked["kind"] == "pretrained":
        same = load_tokenizer(asked["path"]).to_str() == pretrained.tokenizer
    else:
        same = asked["kind"] in (kind, "auto")  # which goes by the texts, and so asks for nothing
    if not same:
        raise UserError(
            f"model.init_from={pretrained.given} brings its own tokenizer (tokenizer={kind}), whose tokens are all "
            f"that its encoder knows, and tokenizer.kind={asked['kind']} asks for another. Leave tokenizer out, or "
            "pretrain with it."
        )


def take_encoder(pretrained: Pretrained, model: nn.Module, config: dict[str, Any]) -> None:
    """Copy the pretrained weights into the encoder of a model of `config`; a UserError names all that don't fit."""
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise UserError(f"model.init_from: {type(model).__name__} has no encoder to begin with. Choose a transformer.")
    there, here = _of_all_tokens(pretrained.weights, encoder), encoder.state_dict()
    before, now = USUAL | pretrained.config["model"], USUAL | config
    # Sines are no weights, and as large as the vectors were to begin with.
    shaping = (*ARCHITECTURE, "embedding_std") if now.get("positional_encoding") == "sinusoidal" else ARCHITECTURE
    differing = [key for key in shaping if now.get(key) != before.get(key)]
    lines = [f"model.{key}: {before.get(key)} there, {now.get(key)} here" for key in differing]
    for name in dict.fromkeys([*there, *here]):
        if name in there and name in here:
            if there[name].shape != here[name].shape:
                lines.append(f"encoder.{name}: {tuple(there[name].shape)} there, {tuple(here[name].shape)} here")
        elif name not in OPTIONAL:
            sides = (f"{tuple(one[name].shape)}" if name in one else "none" for one in (there, here))
            lines.append("encoder.{}: {} there, {} here".format(name, *sides))
    if lines:
        wanted = " ".join(f"model.{key}={before.get(key)}" for key in differing)
        advice = f"Give {wanted}" if wanted else "Give the model.max_length and model.pooling that it had"
        told = "\n  ".join([f"model.init_from={pretrained.given}: its encoder doesn't fit this model's:", *lines])
        raise UserError(f"{told}\n{advice}, or pretrain another.")
    encoder.load_state_dict({name: value for name, value in there.items() if name in here}, strict=False)


def tell_what_is_taken(pretrained: Pretrained, model: nn.Module) -> None:
    """Print what a model has begun with, and which parts it had to do without."""
    there, here = pretrained.weights, model.encoder.state_dict()  # type: ignore[operator, union-attr]
    log.info("begins with the encoder and the tokenizer of %s", pretrained.given)
    for name in OPTIONAL:
        if (name in there) != (name in here):
            log.info("encoder.%s: %s", name, "new, as that one has none" if name in here else "left out, not needed")


def _of_all_tokens(weights: dict[str, Tensor], encoder: nn.Module) -> dict[str, Tensor]:
    """The weights, in which rare tokens have a vector too where they need one, at first the unknown token's."""
    tokens, vectors = getattr(getattr(encoder, "embedding", None), "tokens", None), weights.get(VECTORS)
    if not isinstance(tokens, FrequentTokens) or vectors is None or tokens.unknown_id is None:
        return weights
    missing = tokens.num_embeddings - len(vectors)
    if missing <= 0 or tokens.unknown_id >= len(vectors):
        return weights
    return {**weights, VECTORS: torch.cat([vectors, vectors[tokens.unknown_id].expand(missing, -1)])}


def warn(pretrained: Pretrained, config: dict[str, Any], labelled: str) -> None:
    """Say so if texts that were pretrained on may be in the test split of a run of `config`, or capitals not be seen.

    labelled: what its task needs rows to be labelled with.
    """
    if config["tokenizer"]["lowercase"] is False and lowers(parse_tokenizer(pretrained.tokenizer)):
        told = "warning: model.init_from=%s was pretrained with tokenizer.lowercase=true: capitals are not seen"
        log.warning(told, pretrained.given)
    there, here = pretrained.config["data"], config["data"]
    given, trained_on = _source(here, "test"), _source(there, "train")
    tested = given or _source(here, "train")
    if tested not in (trained_on, _source(there, "unlabelled")) or tested == _source(there, "test"):
        return
    kind = task_kind(pretrained.config["task"])
    stratify_by = pretrained.config["task"].get("stratify_by", kind.labels if kind else labelled)
    if given:
        log.warning(
            "warning: %s has read this run's test texts. To keep them unseen, pretrain with the same data.test_file: "
            "its texts are then left out of all others", pretrained.given,
        )  # fmt: skip
    elif tested != trained_on or _cut(pretrained.config, stratify_by) != _cut(config, labelled):
        log.warning(
            "warning: %s cut the same rows into other splits, and may have read this run's test texts. To keep them "
            "unseen, pretrain with task.stratify_by=%s and the same files, seed and fractions, or give data.test_file",
            pretrained.given, labelled,
        )  # fmt: skip


def _source(data: dict[str, Any], split: str) -> tuple[str, ...] | None:
    """Where the rows of a split are read: a file, or a part of another source; None: they are cut from train."""
    if file := data.get(f"{split}_file"):
        return (_resolved(file),)
    part = data.get(f"{split}_split")
    if not part and split != "train":
        return None
    root, path = _resolved(data.get("root")), _resolved(data.get("path"))
    return data["_target_"], root, path, str(data.get("name")), str(part)


def _resolved(path: str | None) -> str:
    """One file, however it is written; links are followed."""
    return str(Path(path).expanduser().resolve()) if path else ""


def _cut(config: dict[str, Any], labelled: str) -> list[Any]:
    data = config["data"]
    others = [_source(data, split) for split in ("val", "test")]  # their texts are left out of train
    return [labelled, config["seed"], *others, *(data.get(key) for key in CUT)]
