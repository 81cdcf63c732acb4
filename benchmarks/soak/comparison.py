"""Two runs of one command, compared bit by bit."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

# What depends on the clock, on where a run is, or on how many processes have logged.
OF_THE_CLOCK = ("tokens_per_second", "padding_share", "mfu")


def differences(one: Path, other: Path, logs: bool = True, besides: Collection[str] = ()) -> list[str]:
    """What two runs of one command have not in common, of what they should: a line each.

    logs: whether TensorBoard's are compared; besides: names of checkpoints that are not.
    """
    from sweepformer.files.checkpoints import read_checkpoint

    found = []
    checkpoints = [
        sorted({path.name for path in (run / "checkpoints").iterdir()} - set(besides)) for run in (one, other)
    ]
    if checkpoints[0] != checkpoints[1]:
        return [f"checkpoints: {checkpoints}"]
    for name in checkpoints[0]:
        contents = [_comparable(read_checkpoint(run / "checkpoints" / name)) for run in (one, other)]
        found += list(_unequal(*contents, name))
    summaries = [json.loads((run / "summary.json").read_text(encoding="utf-8")) for run in (one, other)]
    for key in ("status", "metrics", "best_checkpoint", "epochs", "steps", "parameters", "config_hash"):
        found += list(_unequal(summaries[0][key], summaries[1][key], f"summary.{key}"))
    if (one / "predictions.parquet").read_bytes() != (other / "predictions.parquet").read_bytes():
        found.append("predictions.parquet")
    return found + (list(_unequal(scalars(one), scalars(other), "tensorboard")) if logs else [])


def _comparable(checkpoint: dict[str, Any]) -> dict[str, Any]:
    callbacks = {
        name: state
        for name, state in checkpoint["callbacks"].items()
        if name not in ("Throughput", "LogFiles", "Clock")
    }
    return {**checkpoint, "callbacks": callbacks}


def _unequal(one: Any, other: Any, name: str) -> Iterator[str]:
    import torch

    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _unequal(one[key], other[key], f"{name}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(first, second, f"{name}[{number}]")
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if not torch.equal(one, other):
            yield f"{name}: tensors differ"
    elif one != other and not (one != one and other != other):  # two that are NaN are alike
        yield f"{name}: {str(one)[:200]} != {str(other)[:200]}"


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar in a run's event files, duplicates included, by its name: steps and values."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[tuple[int, float]]] = {}
    for file in (run / "tensorboard").glob("events.*"):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars" and value.tag not in OF_THE_CLOCK:
                    found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return {name: sorted(values) for name, values in sorted(found.items())}
