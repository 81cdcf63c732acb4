"""What earlier commits saved stays usable: their runs answer, are compared, go on and are repeated as they were then.

saved_runs/make.py tells how they were made, and what there is.
"""

import csv
import importlib
import json
import math
import shutil
import sys
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from conftest import ROOT, Cli, Result, ended
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepformer import UserError, load

Said = dict[str, Any]
KEPT = ROOT / "tests" / "saved_runs"
SAID = {path.parent.name: json.loads(path.read_text()) for path in sorted(KEPT.glob("*/answers.json"))}
RUNS = list(dict.fromkeys(name for said in SAID.values() for name in said["runs"]))
WITHOUT_LABELS = ("language_modeling", "masked_lm")
LABELLED = [name for name in RUNS if name not in WITHOUT_LABELS]
ROUNDED = 1e-4  # what sums may differ by on another machine
TRAINED = 1e-2  # what a training may come to on another machine


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Call with a commit: what its runs left on disk."""

    @cache
    def unpack(commit: str) -> Path:
        folder = tmp_path_factory.mktemp(commit)
        with tarfile.open(KEPT / commit / "runs.tar.xz") as file:
            file.extractall(folder, filter="data")
        return folder

    return unpack


@pytest.fixture(params=SAID)
def said(
    request: pytest.FixtureRequest,
    unpacked: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Said:
    """What a commit's runs said, and a copy of them in the folder that the test is in."""
    shutil.copytree(unpacked(request.param), tmp_path, copy_function=shutil.copyfile, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return SAID[request.param]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Call with the name of a file in src/ and what is typed after it: runs that in this process."""

    def typed(name: str, *arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", [f"src/{name}.py", *arguments])
        return ended(importlib.import_module(f"src.{name}").main, capfd, Path())

    return typed


def test_runs_were_saved() -> None:
    assert "adc9d33" in SAID
    assert len(RUNS) >= 8


@pytest.mark.parametrize("name", RUNS)
def test_a_run_answers_as_it_did(said: Said, name: str) -> None:
    check_answers(f"runs/{name}", said["runs"][name])


@pytest.mark.parametrize("name", ["classification", "regression", "tfidf"])
def test_weights_by_themselves_answer_as_they_did(said: Said, tmp_path: Path, name: str) -> None:
    best = Path("runs", name, summary_of(f"runs/{name}")["best_checkpoint"])
    alone = best.rename(tmp_path / f"alone{best.suffix}")
    shutil.rmtree("runs")
    check_answers(alone, said["runs"][name])


def test_a_sweep_stands_for_its_best_run(said: Said) -> None:
    found = check_answers("sweep", said["sweep"])
    assert found.path.parents[1].name == said["sweep"]["best"]
    assert found.chosen.startswith("the best of 2 runs by val_acc (0.9")


@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_a_bundle_answers_as_its_run_did(said: Said, form: str) -> None:
    check_answers(f"bundles/{form}", said["runs"][said["bundles"][form]])


@pytest.mark.parametrize("name", LABELLED)
def test_rows_of_a_file_are_answered_as_in_the_runs_own_test(said: Said, door: Cli, name: str) -> None:
    tested = pyarrow.parquet.read_table(f"runs/{name}/predictions.parquet").to_pylist()
    assert len(tested) >= 20
    rows, places = data_of(said, name), [int(row["id"]) - 1 for row in tested]
    if name == "tagging":  # whose file is of a form that can't be asked about
        rows, places = Path("rows.jsonl"), list(range(len(tested)))
        rows.write_text("".join(json.dumps({"tokens": row["tokens"]}) + "\n" for row in tested))
    output = Path("out").with_suffix(rows.suffix)
    result = door("predict", f"runs/{name}", str(rows), "--output", str(output))
    assert result.code == 0, result.screen
    found = answers_in(output)
    for place, row in zip(places, tested, strict=True):
        assert found[place] == (
            pytest.approx(row["prediction"], abs=ROUNDED) if name == "regression" else row["prediction"]
        )


@pytest.mark.parametrize("name", WITHOUT_LABELS)
def test_a_language_model_scores_the_rows_of_a_file(said: Said, door: Cli, name: str) -> None:
    result = door("predict", f"runs/{name}", "data/rows.csv", "--output", "out.csv")
    assert result.code == 0, result.screen
    losses = [float(row["loss"]) for row in csv.DictReader(Path("out.csv").read_text().splitlines())]
    assert len(losses) == 120
    assert sum(losses) / len(losses) == pytest.approx(said["runs"][name]["metrics"]["test_loss"], rel=0.2)


@pytest.mark.parametrize("name", LABELLED)
def test_a_run_is_evaluated_by_its_own_test(said: Said, door: Cli, name: str) -> None:
    result = door("evaluate", f"runs/{name}", "--json")
    assert result.code == 0, result.screen
    check_evaluation(result, said["runs"][name])


@pytest.mark.parametrize("name", ["classification", "tfidf"])
def test_a_run_is_evaluated_on_a_file(said: Said, door: Cli, name: str) -> None:
    lines = data_of(said, name).read_text().splitlines()
    tested = pyarrow.parquet.read_table(f"runs/{name}/predictions.parquet").column("id").to_pylist()
    Path("rows.csv").write_text("\n".join([lines[0], *(lines[int(row)] for row in tested)]) + "\n")
    result = door("evaluate", f"runs/{name}", "rows.csv", "--json")
    assert result.code == 0, result.screen
    check_evaluation(result, said["runs"][name])


def test_runs_are_compared(said: Said, door: Cli) -> None:
    names = ("classification", "tfidf", "pretrained")
    result = door("compare", *(f"runs/{name}" for name in names), "sweep", "interrupted", "--json", "all.json")
    assert result.code == 0, result.screen
    assert "The best of 4 by val_acc is run " in result.out
    found = json.loads(Path("all.json").read_text())
    runs = {run["run"]: run for run in found["runs"]}
    assert runs.keys() == {*names, "0"}  # the sweep's other run has the config of runs/tfidf
    for name in names:
        assert runs[name]["metrics"] == said["runs"][name]["metrics"]
        low, high = runs[name]["intervals"]["test_acc"]
        assert low < runs[name]["metrics"]["test_acc"] <= high
    assert runs["0"]["beside_the_best"]["verdict"] == "worse"
    assert [run["run"] for run in found["without_a_result"]] == ["interrupted"]
    assert len(found["curves"]["classification"]["val_loss"]["values"]) == 6


def test_a_bundle_is_made_of_a_run(said: Said, door: Cli) -> None:
    """It is tried out on the rows of the run's own test, which are found again."""
    result = door("export", "runs/multilabel", "--format", "safetensors", "--output", "bundle")
    assert result.code == 0, result.screen
    assert "from those in its predictions.parquet" in result.out
    check_answers("bundle", said["runs"]["multilabel"])


@pytest.mark.parametrize("name", RUNS)
def test_a_finished_run_that_is_typed_again_tells_its_result(said: Said, cli: Cli, name: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path("runs", name).rglob("*.*")}
    result = cli(*said["runs"][name]["command"])
    assert result.code == 0, result.screen
    assert "holds this run's result already: nothing to do" in result.out
    assert result.summary["metrics"] == said["runs"][name]["metrics"]
    written = {path for path in Path("runs", name).rglob("*.*") if before.get(path) != path.stat().st_mtime_ns}
    assert {path.name for path in written} <= {"run.log", ".lock"}


def test_a_finished_run_is_not_overwritten_by_one_of_another_config(said: Said, cli: Cli) -> None:
    result = cli(*said["runs"]["classification"]["command"], "model.dropout=0.25")
    assert result.code == 1
    assert "holds a run of another config, which would be lost" in result.err
    assert "model.dropout: 0.3 there, 0.25 now" in result.err
    assert result.summary["metrics"] == said["runs"]["classification"]["metrics"]


@pytest.mark.parametrize("end", ["by Ctrl-C", "killed"])
def test_an_interrupted_run_goes_on_to_the_result_of_one_that_was_not(said: Said, cli: Cli, end: str) -> None:
    if end == "killed":
        Path("interrupted", "summary.json").unlink()
    result = cli(*said["interrupted"]["command"])
    assert result.code == 0, result.screen
    assert "going on from" in result.out
    assert result.summary["status"] == "completed"
    undisturbed = f"runs/{said['interrupted']['undisturbed']}"
    assert result.summary["steps"] == summary_of(undisturbed)["steps"]
    assert result.summary["metrics"] == pytest.approx(summary_of(undisturbed)["metrics"], abs=TRAINED)
    curves = [EventAccumulator(f"{run}/tensorboard").Reload() for run in (undisturbed, "interrupted")]
    whole, resumed = ([(event.step, event.value) for event in one.Scalars("val_loss")] for one in curves)
    assert [step for step, _ in resumed] == [step for step, _ in whole]
    assert [loss for _, loss in resumed] == pytest.approx([loss for _, loss in whole], abs=TRAINED)


def test_an_interrupted_run_is_no_finished_one(said: Said) -> None:
    with pytest.raises(
        UserError, match=r"interrupted has not come to its end \(interrupted\).*Finish it first"
    ) as error:
        load("interrupted")
    best_so_far = str(error.value).splitlines()[-1].strip()
    assert load(best_so_far, device="cpu").predict(["the apple is red"]) == ["red"]


def test_a_sweep_that_is_typed_again_does_what_is_not_done(said: Said, cli: Cli) -> None:
    (other,) = (path for path in Path("sweep").iterdir() if path.is_dir() and path.name != said["sweep"]["best"])
    before = summary_of(other)["metrics"]
    again = cli(*said["sweep"]["command"])
    assert again.code == 0, again.screen
    assert "2 of 2 runs have their result already" in again.out
    (other / "summary.json").unlink()
    goes_on = cli(*said["sweep"]["command"])
    assert goes_on.code == 0, goes_on.screen
    assert "1 of 2 runs have their result already" in goes_on.out
    assert summary_of(other)["metrics"] == pytest.approx(before, abs=ROUNDED)
    check_answers("sweep", said["sweep"])


@pytest.mark.parametrize("name", ["classification", "tfidf", "pretrained"])
def test_a_run_is_repeated_from_its_directory(said: Said, cli: Cli, name: str) -> None:
    result = cli("--from-run", f"runs/{name}", "hydra.run.dir=again")
    assert result.code in (0, 3), result.screen  # 3: not bit by bit, as on another machine
    assert f"as runs/{name}" in result.out  # the same, or not the same
    assert result.summary["metrics"] == pytest.approx(said["runs"][name]["metrics"], abs=TRAINED)


def test_a_run_begins_with_the_encoder_of_one(said: Said, cli: Cli) -> None:
    command = [one for one in said["runs"]["classification"]["command"] if not one.startswith("hydra.run.dir=")]
    result = cli(*command, "model.init_from=runs/masked_lm", "model.wide.enabled=false", "hydra.run.dir=new")
    assert result.code == 0, result.screen
    own, its, new = (
        Path(run, "tokenizer.json").read_text() for run in ("runs/classification", "runs/masked_lm", "new")
    )
    assert own != new == its


def check_answers(path: str | Path, recorded: Said) -> Any:
    """Load what is at `path`, ask it what was asked then, and return it."""
    found, texts = load(path, device="cpu"), recorded["texts"]
    if "losses" in recorded:
        scores = found.score(texts)
        assert numbers(scores.loss) == pytest.approx(numbers(recorded["losses"]), abs=ROUNDED, nan_ok=True)
        assert list(scores.tokens) == recorded["tokens"]
        return found
    assert found.classes == recorded["classes"]
    if not found.classes:
        assert found.predict(texts) == pytest.approx(recorded["answers"], abs=ROUNDED)
        return found
    assert found.predict(texts) == recorded["answers"]
    assert numbers(found.predict_proba(texts)) == pytest.approx(numbers(recorded["probabilities"]), abs=ROUNDED)
    return found


def check_evaluation(result: Result, recorded: Said) -> None:
    """The metrics in what `evaluate --json` printed are those that the run's own test came to."""
    found = {f"test_{name}": one["value"] for name, one in json.loads(result.out)["metrics"].items()}
    assert found.keys() & {"test_acc", "test_mae"}
    assert found == pytest.approx({name: recorded["metrics"][name] for name in found}, abs=ROUNDED)


def numbers(nested: Any) -> list[float]:
    """Those in lists or arrays of any depth, in their order."""
    if hasattr(nested, "__len__"):
        return [number for one in nested for number in numbers(one)]
    return [math.nan if nested is None else float(nested)]


def summary_of(run: str | Path) -> dict[str, Any]:
    return json.loads(Path(run, "summary.json").read_text())


def data_of(said: Said, name: str) -> Path:
    """The file that a run learned from."""
    (given,) = (one for one in said["runs"][name]["command"] if one.startswith("data.train_file="))
    return Path(given.removeprefix("data.train_file="))


def answers_in(path: Path) -> list[Any]:
    """The predictions in a file that was written with the ending of what was read."""
    lines = path.read_text().splitlines()
    rows = csv.DictReader(lines) if path.suffix == ".csv" else map(json.loads, lines)
    return [row["prediction"] for row in rows]
