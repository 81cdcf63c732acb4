"""Whether the run that another begins with may have read its test texts."""

import logging
from pathlib import Path
from typing import Any

from sweepformer.config.kinds import task_kind
from sweepformer.training.initialization import Pretrained

log = logging.getLogger(__name__)

CUT = ("val_fraction", "test_fraction", "group_column", "max_rows")  # what decides how splits are cut, beside the seed


def warn_of_seen_rows(pretrained: Pretrained, config: dict[str, Any], labelled: str) -> None:
    """Say so if texts that were pretrained on may be in this run's test split.

    Args:
        config: this run's, plain.
        labelled: what its task needs rows to be labelled with, as in `tasks.kinds.Kind`.
    """
    there, here = pretrained.config["data"], config["data"]
    given, trained_on = _source(here, "test"), _source(there, "train")
    tested = given or _source(here, "train")
    if tested not in (trained_on, _source(there, "unlabelled")) or tested == _source(there, "test"):
        return
    if given:
        log.warning(
            "warning: %s has read this run's test texts. To keep them unseen, pretrain with the same data.test_file: "
            "its texts are then left out of all others",
            pretrained.given,
        )
        return
    kind = task_kind(pretrained.config["task"])
    stratify_by = pretrained.config["task"].get("stratify_by", kind.labels if kind else labelled)
    if tested != trained_on or _cut(pretrained.config, stratify_by) != _cut(config, labelled):
        log.warning(
            "warning: %s cut the same rows into other splits, and may have read this run's test texts. To keep them "
            "unseen, pretrain with task.stratify_by=%s and the same files, seed and fractions, or give data.test_file",
            pretrained.given,
            labelled,
        )


def _source(data: dict[str, Any], split: str) -> tuple[str, ...] | None:
    """Where the rows of a split are read: a file, or a part of another source; None: they are cut from train."""
    if file := data.get(f"{split}_file"):
        return (_resolved(file),)
    part = data.get(f"{split}_split")
    if not part and split != "train":
        return None
    return (
        data["_target_"],
        _resolved(data.get("root")),
        _resolved(data.get("path")),
        str(data.get("name")),
        str(part),
    )


def _resolved(path: str | None) -> str:
    """One file, however it is written; links are followed."""
    return str(Path(path).expanduser().resolve()) if path else ""


def _cut(config: dict[str, Any], labelled: str) -> list[Any]:
    data = config["data"]
    others = [_source(data, split) for split in ("val", "test")]  # their texts are left out of train
    return [labelled, config["seed"], *others, *(data.get(key) for key in CUT)]
