"""Metrics that follow from sums over rows are those of the rows, and of resampled rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import answers, write_run
from sklearn.metrics import f1_score

from sweepformer.analysis.comparison.answers import ScoredAnswers, Split, answers_of, split_of
from sweepformer.analysis.comparison.predictions import mark_spans, read_predictions
from sweepformer.analysis.comparison.statistics import interval, resample
from sweepformer.data.spans import spans_of
from sweepformer.runs.reading import read_runs

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def read(folder: Path, columns: dict[str, Any], task: str) -> tuple[Split, ScoredAnswers]:
    (run,) = read_runs([write_run(folder / "run", {}, columns, task=task)])
    predictions = read_predictions(run)
    split = split_of(predictions)
    return split, answers_of(split, predictions, run.metric)


def measured(split: Split, found: ScoredAnswers, weights: np.ndarray) -> dict[str, float]:
    """weights: (rows,) how often each row was drawn."""
    column = weights.astype(np.float32)[:, None]
    return {
        name: float(value) for name, (value,) in found.measure(found.quantities @ column, split.shared @ column).items()
    }


def test_of_classes(tmp_path: Path) -> None:
    columns = answers(0.7, rows=60, classes=("a", "b", "c", "never seen"))
    split, found = read(tmp_path, columns, "classification.Classification")
    drawn = np.random.default_rng(3).integers(60, size=60)
    label, given = (np.array(columns[name])[drawn] for name in ("label", "prediction"))
    values = measured(split, found, np.bincount(drawn, minlength=60))
    assert values["acc"] == pytest.approx((label == given).mean(), abs=1e-6)
    assert values["f1"] == pytest.approx(f1_score(label, given, average="macro"), abs=1e-6)


def test_of_sets(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    true, given = random.random((2, 80, 3)) < 0.4
    names = np.array(["a", "b", "c"], dtype=object)
    columns = {name: [names[row].tolist() for row in one] for name, one in (("label", true), ("prediction", given))}
    columns |= {f"probability_{name}": np.zeros(80, np.float32) for name in names}
    split, found = read(tmp_path, columns, "multilabel.Multilabel")
    drawn = random.integers(80, size=80)
    values = measured(split, found, np.bincount(drawn, minlength=80))
    assert values["acc"] == pytest.approx((true == given).all(1)[drawn].mean(), abs=1e-6)
    assert values["f1"] == pytest.approx(f1_score(true[drawn], given[drawn], average="macro"), abs=1e-6)
    assert values["f1_micro"] == pytest.approx(f1_score(true[drawn], given[drawn], average="micro"), abs=1e-6)


def test_of_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    label = random.normal(5000, 2, 300)  # far from 0 for their spread, as years are
    given = label + random.normal(0, 1, 300)
    split, found = read(tmp_path, {"label": label, "prediction": given}, "regression.Regression")
    drawn = random.integers(300, size=300)
    values = measured(split, found, np.bincount(drawn, minlength=300))
    assert values["mae"] == pytest.approx(np.abs(label - given)[drawn].mean(), rel=1e-5)
    assert values["pearson"] == pytest.approx(np.corrcoef(label[drawn], given[drawn])[0, 1], abs=1e-4)


def test_of_losses(tmp_path: Path) -> None:
    columns = {"loss": np.array([1.0, 3.0, np.nan], np.float32), "tokens": [1, 3, 0]}
    split, found = read(tmp_path, columns, "language_modeling.LanguageModeling")
    values = measured(split, found, np.array([2, 1, 5]))
    assert values["loss"] == pytest.approx((2 * 1 + 3 * 3) / 5)
    assert values["perplexity"] == pytest.approx(np.exp(11 / 5), rel=1e-5)


def tagged(rows: int, seed: int) -> tuple[list[list[str]], list[list[str | None]]]:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, size=rows)
    true = [[TAGS[tag] for tag in random.integers(len(TAGS), size=length)] for length in lengths]
    return true, [[tag if random.random() < 0.7 else TAGS[random.integers(5)] for tag in row] for row in true]


def places_of(tags: list[str | None]) -> set[tuple[int, int, str]]:
    return {(one.span.start, one.span.end, one.type) for one in spans_of([tag or "O" for tag in tags])}


def test_of_tags(tmp_path: Path) -> None:
    true, given = tagged(50, seed=0)
    given[0][-1] = None  # cut off
    split, found = read(tmp_path, {"label": true, "prediction": given}, "tagging.Tagging")
    drawn = np.random.default_rng(3).integers(50, size=50)
    right = [one == other for row in drawn for one, other in zip(true[row], given[row], strict=True)]
    spans = [[places_of(rows[row]) for row in drawn] for rows in (true, given)]
    same = sum(len(one & other) for one, other in zip(*spans, strict=True))
    values = measured(split, found, np.bincount(drawn, minlength=50))
    assert values["acc"] == pytest.approx(np.mean(right), abs=1e-6)
    assert values["f1"] == pytest.approx(2 * same / sum(len(row) for rows in spans for row in rows), abs=1e-6)


@pytest.mark.parametrize("scheme", ["BI", "BIES", "BILU"])
def test_spans_of_many_rows_are_those_of_each(scheme: str) -> None:
    names = ["O", *(f"{state}-{kind}" for state in scheme for kind in ("X", "Y"))]
    random = np.random.default_rng(0)
    rows = np.sort(random.integers(40, size=300))
    tags = random.integers(len(names), size=300)
    found = mark_spans(tags, rows, names)
    assert found is not None
    expected = []
    for row in np.unique(rows):
        places = np.flatnonzero(rows == row)
        for one in spans_of([names[tag] for tag in tags[places]]):
            expected.append((places[0] + one.span.start, places[0] + one.span.end))
    assert list(zip(found.begins.tolist(), found.ends.tolist(), strict=True)) == sorted(expected)


def test_tags_that_mark_no_spans_have_none() -> None:
    assert mark_spans(np.array([0, 1]), np.array([0, 0]), ["NOUN", "VERB"]) is None


def test_intervals_hold_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    split, _ = read(tmp_path, answers(0.8, rows=200), "classification.Classification")
    held, trials = 0, 200
    for trial in range(trials):
        right = np.random.default_rng(trial).random(200) < 0.8
        of_trial = ScoredAnswers(
            (~right).astype(np.float32)[None], lambda own, shared: {"acc": 1 - own[0] / shared.sum(0)}, right
        )
        (values,) = resample(split, [of_trial], resamples=200, seed=trial)
        low, high = interval(values["acc"], 0.9)
        held += low <= 0.8 <= high
    assert 0.84 <= held / trials <= 0.96


def test_runs_see_the_same_resamples(tmp_path: Path) -> None:
    split, found = read(tmp_path, answers(0.8), "classification.Classification")
    one, other = resample(split, [found, found], resamples=100)
    assert np.array_equal(one["acc"], other["acc"])
    assert one["acc"].std() > 0
