"""From a path to a predictor."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from sweepformer.baselines.baseline import Baseline
from sweepformer.config.build import build, find_target
from sweepformer.config.kinds import KINDS, Kind, task_kind
from sweepformer.config.targets import Names, trusting
from sweepformer.data.tokenizer import parse_tokenizer, read_text_as_it_is
from sweepformer.data.truncation import Truncation
from sweepformer.errors import UserError
from sweepformer.inference.artifact import Artifact, Graph, read_artifact
from sweepformer.inference.predictor import Predictor
from sweepformer.inference.readers import BaselineReader, NetworkReader
from sweepformer.inference.scoring import Scorer
from sweepformer.inference.texts import TextMaker
from sweepformer.runs.finding import Found, find
from sweepformer.tasks.answers import ANSWERS, Answers
from sweepformer.tasks.model_arguments import known_to_the_program, model_options

# A config comes with the weights, from whoever made them: only models of this package are made of it, and what is in
# packages that the caller trusts. Nothing else is imported: who uses a run doesn't load what trained it.
LOADED = Names(
    packages=("sweepformer.models", "sweepformer.baselines"),
    in_words="Loading a run runs no code but that of sweepformer's models",
    advice=lambda packages: (
        f"say so: load(..., allowed_packages={packages}), or {' '.join(f'--allow {one}' for one in packages)}"
    ),
    models=(nn.Module, Baseline),
)

DTYPES = {"16": torch.float16, "bf16": torch.bfloat16, "64": torch.float64}
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")


def load(
    path: str | os.PathLike[str], *, device: str = "auto", precision: str = "auto", allowed_packages: Sequence[str] = ()
) -> Predictor:
    """Make a finished run ready to answer for new texts.

    Nothing but torch and the tokenizer is loaded: no Hydra, no Lightning, no loggers.

    Args:
        path: a run's directory, a sweep's directory (its best run by the metric that was monitored), a checkpoint, or a
            folder that `python -m src.export` wrote.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ...
            Baselines and exported graphs run on the CPU.
        precision: "auto" (the run's own; float32 for one in float16 on a CPU), or as `trainer.precision`.
        allowed_packages: packages whose code the run may use, where its model, task or `data.transform` is not
            sweepformer's own; "torch.export" for a `.pt2` file, which may hold code. It is run: name only what you
            trust.

    Raises:
        UserError: there is no such run, it has no result, it is damaged, or it was made by a newer version.

    Example:
        >>> run = load("multirun/heads")  # doctest: +SKIP
        >>> run.predict_proba(["one text", "another"]).shape  # doctest: +SKIP
        (2, 21)
    """
    with trusting(allowed_packages):
        return _load(find(path), device, precision)


def _load(found: Found, device: str, precision: str) -> Predictor:
    artifact = read_artifact(found)
    kind = kind_named(artifact.config["task"])
    transform = artifact.config["data"].get("transform")
    made_of_raw = build("data.transform", transform, LOADED) if transform else None
    texts = TextMaker(artifact.pairs, kind.labelled.is_of_words, made_of_raw)
    target = resolve_device("cpu" if artifact.is_baseline or artifact.is_graph else device)
    made = partial(Predictor, artifact, kind, texts, chosen=found.chosen)
    if artifact.is_baseline:
        baseline = build("model", model_options(artifact.config, kind), LOADED).suited_to(kind.labelled)
        baseline.load_state(artifact.weights)
        return made(
            BaselineReader(baseline, kind.labelled.is_of_words, len(artifact.classes)),
            answers_of(artifact, kind, target),
        )
    reader = network_reader(artifact, kind, target, precision)
    if kind.is_language_model:
        causal = kind is KINDS["LanguageModeling"]
        return made(reader, None, Scorer(reader, causal, artifact.config["task"], artifact.config["seed"]))
    return made(reader, answers_of(artifact, kind, target))


def kind_named(task: dict[str, Any]) -> Kind:
    """The kind of the task that a run's config names; a UserError if it is not allowed, or doesn't say."""
    kind = task_kind(task) or getattr(find_target("task", task, LOADED), "kind", None)
    if not isinstance(kind, Kind):
        raise UserError(
            f"task._target_={task.get('_target_')} doesn't say of what kind it is: give the class a `kind`."
        )
    return kind


def network_reader(artifact: Artifact, kind: Kind, device: torch.device, precision: str) -> NetworkReader:
    """A run's network with its weights, a UserError if they don't fit or it is not allowed. precision: as of `load`."""
    assert artifact.tokenizer is not None
    config = artifact.config
    try:
        tokenizer = read_text_as_it_is(parse_tokenizer(artifact.tokenizer))
    except ValueError as error:
        raise UserError(f"{artifact.origin}: its tokenizer can't be used ({error}).") from error
    trained_in = str(config["trainer"].get("precision", "32-true"))
    weights, autocast = dtypes(resolve_precision(precision, trained_in), device)
    model = _graph_or_network(artifact, kind, tokenizer).to(device, weights)
    tagged = kind.labelled.is_of_words
    return NetworkReader(model, tokenizer, Truncation.of(config), artifact.pairs, tagged, device, autocast)


def _graph_or_network(artifact: Artifact, kind: Kind, tokenizer: Tokenizer) -> nn.Module:
    if artifact.is_graph:
        return Graph(artifact.origin)
    known = known_to_the_program(kind, artifact.classes, tokenizer, artifact.pairs, artifact.frequent)
    with torch.random.fork_rng(devices=[]):  # what it begins with is overwritten: the caller's random numbers stay
        model: nn.Module = build("model", model_options(artifact.config, kind, tokenizer), LOADED, **known)
    try:
        model.load_state_dict(artifact.weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{artifact.origin}: its weights don't fit the model of its config ({reason:.300}).") from error
    return model


def answers_of(artifact: Artifact, kind: Kind, device: torch.device) -> Answers:
    """What a run's logits stand for; a UserError if it doesn't say, or has no labels to give."""
    if kind.labelled not in ANSWERS:
        raise UserError(f"Runs with {kind.labels} for labels can't be asked for labels.")
    try:
        return ANSWERS[kind.labelled].learned(artifact.task, device)
    except KeyError as error:
        raise UserError(
            f"{artifact.origin} lacks the task's {error}: an earlier version of sweepformer left it out. Run it again."
        ) from error


def resolve_device(requested: str) -> torch.device:
    """What `auto` stands for: a GPU if there is one; a UserError where there is no such device."""
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(requested)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device={requested} can't be used: {reason} Choose auto, cpu, cuda or cuda:1.") from error
    return device


def dtypes(precision: str, device: torch.device) -> tuple[torch.dtype, torch.dtype | None]:
    """The type of the weights, and that of the products where it is another (autocast).

    Args:
        precision: as Lightning names it: "32-true", "bf16-mixed", "16-true", ...
        device: a CPU computes in float32 what was trained in float16, which it is slow at.
    """
    bits, _, how = precision.partition("-")
    dtype = DTYPES.get(bits, torch.float32)
    if dtype is torch.float16 and device.type == "cpu":
        dtype = torch.float32
    if how == "true" or dtype is torch.float32:
        return dtype, None
    return torch.float32, dtype


def resolve_precision(requested: str, trained_in: str) -> str:
    """What `auto` stands for: what the run was trained in; a UserError where there is no such precision."""
    if requested not in ("auto", *PRECISIONS):
        raise UserError(f"precision={requested} is not one of auto, {', '.join(PRECISIONS)}.")
    return trained_in if requested == "auto" else requested
