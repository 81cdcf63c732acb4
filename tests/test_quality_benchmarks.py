"""benchmarks.quality, .ablations and .learning_curves, in short: what is measured, kept, told and shown."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import COLOURS, THINGS, Cli
from omegaconf import OmegaConf

from benchmarks import ablations, learning_curves, quality
from benchmarks.labelled_sets import LabelledSet, drawn, find_sets
from benchmarks.quality_tables import gain, tables
from benchmarks.recorded_runs import Case, RecordedRuns
from benchmarks.runs_of_recipes import COMMON
from benchmarks.soak.processes import Command, Ending, run_all, warm_up
from sweepformer.files.locks import locked
from sweepformer.runs.directory import RunDirectory, Summary

QUICK = ["model=tiny", "model.num_layers=1", "trainer.max_epochs=1", "tokenizer.vocab_size=200"]
Measured = list[dict[str, Any]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one set, `colours`, whose rows of training and test differ, and two that are none."""
    folder = tmp_path / "data"
    write_set(folder / "colours" / "train.csv", range(90))
    write_set(folder / "colours" / "test.csv", range(90, 120))
    write_set(folder / "no_test" / "train.csv", range(9))
    (folder / "note.txt").write_text("no set")
    return folder


@pytest.fixture
def bench(data: Path, tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Measured]:
    """Call with a benchmark and what is typed after it: measures `colours`, and returns the runs that are recorded."""
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(quality.RECIPES, "default", QUICK)

    def measure(module: Any, *typed: str) -> Measured:
        result = tmp_path / "result"
        places = ("--data", str(data), "--work", str(tmp_path / "work"), "--name", str(result))
        monkeypatch.setattr(sys, "argv", ["benchmarks", *places, "--sets", "colours", *typed])
        module.main()
        return json.loads(result.with_suffix(".json").read_text())["runs"]

    return measure


def write_set(path: Path, numbers: range) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        for number in numbers:
            colour = COLOURS[number % 3]
            writer.writerow((f"the {THINGS[number % 10]} number {number} is {colour}", colour))


def test_recipes_are_measured_once_and_changes_are_told(bench, monkeypatch, capsys, tmp_path: Path) -> None:
    typed = ("--recipes", "tfidf", "default", "--seeds", "2", "--at-once", "2")
    runs = bench(quality, *typed)
    names = [(run["recipe"], run["seed"]) for run in runs]
    assert names == [("default", 0), ("default", 1), ("tfidf", 0), ("tfidf", 1)]
    assert all(0 <= run[name] <= 1 for run in runs for name in ("test_acc", "test_f1", "test_ece", "test_ece_raw"))
    assert runs[2]["test_acc"] > 0.9
    assert runs[0]["tokens"] > 40 * 5  # a tenth of 90 rows validates, and the first of three batches is not counted
    assert "data.train_file=DATA/colours/train.csv" in runs[0]["overrides"]
    assert not list(tmp_path.glob("work/*/run/checkpoints"))
    assert "3 left" in capsys.readouterr().out

    assert bench(quality, *typed) == runs
    assert "all is measured" in capsys.readouterr().out

    monkeypatch.setitem(quality.RECIPES, "default", [*QUICK, "model.dropout=0"])
    fewer = ("--recipes", "default", "--seeds", "1")
    assert bench(quality, *fewer) == runs
    assert "1 runs are of other code or of another command" in capsys.readouterr().out
    again = bench(quality, *fewer, "--again")
    assert ["model.dropout=0" in run["overrides"] for run in again] == [True, False, False, False]
    assert again[1:] == runs[1:]


def test_a_run_that_fails_is_told_and_the_others_go_on(bench, monkeypatch, capsys, tmp_path: Path) -> None:
    monkeypatch.setitem(quality.RECIPES, "majority", ["model=majority", "model.dropuot=1"])
    with pytest.raises(SystemExit, match="1 runs failed: colours-majority-0"):
        bench(quality, "--recipes", "majority", "tfidf", "--seeds", "2")
    assert "dropuot" in capsys.readouterr().out
    recorded = json.loads((tmp_path / "result.json").read_text())["runs"]
    assert [(run["recipe"], run["seed"]) for run in recorded] == [("tfidf", 0), ("tfidf", 1)]


def test_slow_recipes_have_one_seed(bench, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.runs_of_recipes.PATIENCE", 0.0)
    assert [run["seed"] for run in bench(quality, "--recipes", "majority")] == [0]


def test_ingredients_are_taken_out_one_at_a_time(bench, monkeypatch) -> None:
    whole = bench(quality, "--recipes", "default", "--seeds", "1")
    monkeypatch.setattr(ablations, "WITHOUT", {"dropout": [*QUICK, "model.dropout=0"]})
    monkeypatch.setattr(ablations, "WITH", {})
    runs = [run for run in bench(ablations, "--seeds", "1") if run not in whole]  # here both write into one file
    (without,), (beside,) = runs, whole
    assert without["recipe"] == "dropout"
    change = 100 * (without["test_acc"] - beside["test_acc"])
    assert f"| without dropout | `{' '.join([*QUICK, 'model.dropout=0'])}` | {change:+.1f} |" in ablations.table(
        runs, whole
    )


def test_curves_learn_from_as_many_rows_as_they_say(bench, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(learning_curves, "ROWS", (6, 12, 60, 5000))
    runs = bench(learning_curves, "--recipes", "tfidf", "--seeds", "1")
    assert [run["rows"] for run in runs] == [12, 60]  # 6 are too few for three classes, and 5000 there are not
    assert runs[0]["test_acc"] <= runs[1]["test_acc"]
    assert len((tmp_path / "work" / "rows" / "colours-60-0.csv").read_text().splitlines()) == 61
    learning_curves.draw(runs, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_runs_end_with_the_command_that_measures_them(data: Path, shared_cache: Path, tmp_path: Path) -> None:
    warm_up()
    rows = [*find_sets(data)["colours"].overrides, *COMMON]
    environment = {"SWEEPFORMER_CACHE": str(shared_cache)}
    endless = Command([*rows, *QUICK[:2], "trainer.max_epochs=-1"], tmp_path / "endless", environment)
    quick = Command([*rows, "model=majority"], tmp_path / "quick", environment)
    runs = run_all([endless, quick], at_once=2)
    assert next(runs)[0] is quick
    runs.close()
    with locked(endless.directory / ".lock"):  # which a run holds for as long as it lives
        assert RunDirectory(endless.directory).result is None


def test_every_ingredient_can_be_taken_out(cli: Cli) -> None:
    changes = [*ablations.WITHOUT.values(), *ablations.WITH.values()]
    all_of_them = [override for overrides in changes for override in overrides]
    whole, stripped = (OmegaConf.create(cli("--cfg", "job", *overrides).out) for overrides in ([], all_of_them))
    for override in all_of_them:
        key = override.split("=")[0]
        assert OmegaConf.select(stripped, key) != OmegaConf.select(whole, key), f"{override} takes nothing away"


def test_sets_are_folders_with_train_and_test(data: Path) -> None:
    assert list(find_sets(data)) == ["colours", "icd10"]
    with pytest.raises(SystemExit, match="no such folder"):
        find_sets(data / "nowhere")


def test_subsets_are_stratified_and_part_of_larger_ones() -> None:
    labels = ["often"] * 900 + ["seldom"] * 95 + ["rare"] * 5
    order = drawn(labels, seed=1)
    assert sorted(order) == list(range(1000))
    assert order != drawn(labels, seed=2)
    first = Counter(labels[row] for row in order[:200])
    assert 170 <= first["often"] <= 182
    assert first["rare"] >= 3


def test_only_large_sets_cut_vanilla_short() -> None:
    few, many = (LabelledSet("any", {}) for _ in range(2))
    few.__dict__["characters"], many.__dict__["characters"] = 10_000, 11_000_000
    assert quality.overrides_of("vanilla", few) == ["model=vanilla"]
    assert quality.overrides_of("vanilla", many) == ["model=vanilla", "trainer.max_epochs=1"]
    assert quality.overrides_of("default", many) == []


def test_time_left_is_told_by_siblings_and_by_what_is_read(tmp_path: Path) -> None:
    recorded = RecordedRuns(str(tmp_path / "none"), {})
    recorded.runs = measured("a", "default", [0.5], cpu_seconds=120.0, characters=1000)
    same, unknown = (Case("a", recipe, 1, (), 1000) for recipe in ("default", "vanilla"))
    other = Case("b", "default", 0, (), 4000)
    assert recorded.expected_seconds(same) == 120
    assert recorded.expected_seconds(other) == 480
    assert recorded.time_left([same, other, unknown], at_once=2) == "3 left, about 5 min, and 1 of a kind that is new"


def measured(name: str, recipe: str, accuracies: list[float], **other: Any) -> Measured:
    about = {"rows": None, "overrides": [], "test_f1": 0.5, "test_ece": 0.02, "test_ece_raw": 0.1, "epochs": 6}
    about |= {"cpu_seconds": 60.0, "resumed": False, "tokens": 500_000, "code": "a", **other}
    return [{"set": name, "recipe": recipe, "seed": at, "test_acc": one, **about} for at, one in enumerate(accuracies)]


def test_table_compares_with_the_best_of_known_and_measured_baselines() -> None:
    trec = measured("trec6", "tfidf", [0.88]) + measured("trec6", "default", [0.90, 0.92])
    mine = measured("mine", "bag_of_ngrams", [0.8]) + measured("mine", "default", [0.75])
    icd10 = measured("icd10", "tfidf", [0.80]) + measured("icd10", "default", [0.81])
    assert gain("trec6", trec) == pytest.approx(1.4)  # fastText's 89.6 is known
    assert gain("mine", mine) == pytest.approx(-5)
    assert gain("icd10", icd10) == pytest.approx(1)  # what is known was measured on another cut
    assert gain("trec6", measured("trec6", "tfidf", [0.88])) is None
    short = measured("mine", "vanilla", [0.6], overrides=["trainer.max_epochs=2"], epochs=2, code="b")
    shown = tables([*trec, *mine, *short, *icd10], list(quality.RECIPES))
    assert "| 91.0 ± 1.4 |  | +1.4 |" in shown
    assert "| 60.0 (cut short after epoch 2) |" in shown
    assert "at or above the best baseline, known or measured here, on 2 of 3 sets; on average -0.9 points" in shown
    assert "0.100 before and 0.020 after" in shown
    assert "2 states of the code" in shown


def test_verdicts_need_more_than_noise_over_seeds() -> None:
    assert ablations.verdict([[-2.0, -1.8, -2.2], []]) == "pays"
    assert ablations.verdict([[2.0, 1.8, 2.2]]) == "costs"
    assert ablations.verdict([[-2.0, 1.0, 0.5]]) == "makes no difference seen here"
    assert ablations.verdict([[-2.0], [-2.0, -2.1]]) == "isn't known yet"
    assert ablations.verdict([[-2.0, -1.8, -2.2]], put_in=True) == "would cost"
    assert ablations.verdict([[2.0, 1.8, 2.2]], put_in=True) == "would pay"
    # Sets may differ: what helps one of them alone pays.
    assert ablations.verdict([[-30.1, -30.0, -29.9], [-0.1, 0.0, 0.1]]) == "pays"


def test_two_commands_may_record_into_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.record.RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.recorded_runs.RESULTS", tmp_path)
    mine, others = RecordedRuns("both", {}), RecordedRuns("both", {})
    summary = Summary("finished", metrics={"test_acc": 0.5}, seconds={"training": 1.0})
    for recorded, name in ((mine, "a"), (others, "b")):
        recorded.add(Case(name, "default", 0, (), 10), [], "code", summary, Ending(0, "", "", 1.0, 1.0))
    assert [run["set"] for run in json.loads((tmp_path / "both.json").read_text())["runs"]] == ["a", "b"]
