"""Beginning with another run's encoder and tokenizer instead of chance."""

import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sweepformer.config.choices import config_as_trained
from sweepformer.config.plain import check_groups
from sweepformer.data.tokenizer import load_tokenizer, lowers, parse_tokenizer, tokenizer_kind
from sweepformer.errors import UserError
from sweepformer.files.atomic import write_text
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.models.embeddings import FrequentTokens
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.identity import resolve_init_from

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

    @property
    def stem(self) -> str:
        """What stands between its embeddings and layers, as `model.stem` has it."""
        return (USUAL | self.config["model"])["stem"]

    @property
    def tokens(self) -> int | None:
        """How many tokens the encoder knows; None if that can't be told."""
        vectors = self.weights.get(VECTORS)
        return None if vectors is None else len(vectors)


def open_pretrained(given: str) -> Pretrained:
    """Read the checkpoint that `model.init_from` names.

    Raises:
        UserError: it is none, or has no encoder.
    """
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
    config, tokenizer = config_as_trained(about), about["tokenizer"]
    try:
        parse_tokenizer(tokenizer)
    except ValueError as error:
        raise ValueError(f"its tokenizer can't be used: {error}") from error
    weights = {name.removeprefix(ENCODER): value for name, value in state.items() if name.startswith(ENCODER)}
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError("its weights are not tensors")
    return Pretrained(given, config, tokenizer, weights)


def take_tokenizer(pretrained: Pretrained, tokenizer: dict[str, Any], directory: RunDirectory) -> dict[str, Any]:
    """The tokenizer's config with the pretrained one in its place: its ids are what the embeddings stand for.

    Raises:
        UserError: another kind was asked for.
    """
    _check_asked_for(pretrained, tokenizer)
    path = directory.path / "tokenizer.json"
    write_text(path, pretrained.tokenizer)
    return {**tokenizer, "kind": "pretrained", "path": str(path)}


def _check_asked_for(pretrained: Pretrained, asked: dict[str, Any]) -> None:
    """The default kind asks for nothing, nor does the one that goes by the texts."""
    given, there = f"model.init_from={pretrained.given}", pretrained.config["tokenizer"]
    tokenizer = parse_tokenizer(pretrained.tokenizer)
    kind = tokenizer_kind(tokenizer, there["kind"])
    if asked["kind"] == "pretrained":
        same = load_tokenizer(asked["path"]).to_str() == pretrained.tokenizer
    else:
        same = asked["kind"] in (kind, "auto")
    if not same:
        raise UserError(
            f"{given} brings its own tokenizer (tokenizer={kind}), whose tokens are all that its encoder "
            f"knows, and tokenizer.kind={asked['kind']} asks for another. Leave tokenizer out, or pretrain with it."
        )
    if asked["lowercase"] is False and lowers(tokenizer):
        log.warning("warning: %s was pretrained with tokenizer.lowercase=true: capitals are not seen", given)


def take_encoder(pretrained: Pretrained, model: nn.Module, config: dict[str, Any]) -> None:
    """Copy the pretrained weights into the model's encoder.

    Args:
        config: the model's, plain.

    Raises:
        UserError: naming every parameter that doesn't fit.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise UserError(f"model.init_from: {type(model).__name__} has no encoder to begin with. Choose a transformer.")
    there, here = _of_all_tokens(pretrained.weights, encoder), encoder.state_dict()
    before, now = USUAL | pretrained.config["model"], USUAL | config
    # Sines are no weights, and as large as the vectors were to begin with.
    shaping = (*ARCHITECTURE, "embedding_std") if now.get("positional_encoding") == "sinusoidal" else ARCHITECTURE
    differing = [key for key in shaping if now.get(key) != before.get(key)]
    lines = [f"model.{key}: {before.get(key)} there, {now.get(key)} here" for key in differing]
    for name in list(dict.fromkeys([*there, *here])):
        if name in there and name in here:
            if there[name].shape != here[name].shape:
                lines.append(f"encoder.{name}: {tuple(there[name].shape)} there, {tuple(here[name].shape)} here")
        elif name not in OPTIONAL:
            sides = (f"{tuple(one[name].shape)}" if name in one else "none" for one in (there, here))
            lines.append("encoder.{}: {} there, {} here".format(name, *sides))
    if lines:
        wanted = " ".join(f"model.{key}={before.get(key)}" for key in differing)
        advice = f"Give {wanted}" if wanted else "Give the model.max_length and model.pooling that it had"
        raise UserError(
            f"model.init_from={pretrained.given}: its encoder doesn't fit this model's:\n  "
            + "\n  ".join(lines)
            + f"\n{advice}, or pretrain another."
        )
    encoder.load_state_dict({name: value for name, value in there.items() if name in here}, strict=False)
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
