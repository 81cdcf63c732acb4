"""Kinds of label: declared once, and known on every floor."""

import subprocess
import sys

import pytest

from sweepformer.analysis.comparison.answers import SUMS
from sweepformer.analysis.evaluation.label_kinds import JUDGINGS
from sweepformer.config.kinds import KINDS, Kind, LabelKind
from sweepformer.config.options import StratifyBy
from sweepformer.data.label_kinds import LABELLINGS
from sweepformer.export.label_kinds import LABELS
from sweepformer.inference.bundle_predict import KINDS as BUNDLED
from sweepformer.inference.correctness import TALLIES
from sweepformer.tasks.answers import ANSWERS

LABELLED = set(LabelKind) - {LabelKind.NOTHING}


def test_every_floor_knows_every_kind_of_label() -> None:
    assert set(LABELLINGS) == set(TALLIES) == set(SUMS) == set(LabelKind)
    assert set(ANSWERS) == set(JUDGINGS) == set(LABELS) == LABELLED
    assert set(BUNDLED) == {kind.value for kind in LABELLED}
    assert {one.name for one in StratifyBy} == {kind.value for kind in LabelKind}
    assert {kind.labelled for kind in KINDS.values()} == set(LabelKind)


def test_a_task_of_ones_own_may_name_its_kind_of_label() -> None:
    kind = Kind("classes", "row", ("f1",))  # type: ignore[arg-type]
    assert kind.labelled is LabelKind.CLASSES
    assert type(kind.labels) is str  # plain, for YAML and checkpoints
    assert kind.labels == "classes"
    with pytest.raises(ValueError, match=r"'colours' is no kind of label\. There are: class, classes"):
        Kind("colours", "row", ("f1",))  # type: ignore[arg-type]


def test_kinds_are_known_before_torch_is_loaded() -> None:
    program = "import sys, sweepformer.config.kinds\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
