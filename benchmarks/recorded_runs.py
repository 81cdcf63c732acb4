"""Which runs there are to be, what those came to that are measured, and how long the others will take."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.record import RESULTS, about, alone_with, record
from benchmarks.soak.processes import Ending
from sweepformer.config.plain import RENAMED
from sweepformer.runs.directory import Summary

METRICS = ("test_acc", "test_f1", "test_ece", "test_ece_raw", "val_acc", "val_f1")


@dataclass(frozen=True)
class Case:
    """One run: a recipe on the rows of a set, or on so many of them, from a seed.

    overrides: all of its command line; characters: as `LabelledSet.characters`.
    """

    data: str
    recipe: str
    seed: int
    overrides: tuple[str, ...]
    characters: int
    rows: int | None = None

    @property
    def name(self) -> str:
        """Such as "trec6-1000-default-0"; all rows go without a number."""
        return "-".join(str(part) for part in (self.data, self.rows, self.recipe, self.seed) if part is not None)

    @property
    def but_for_the_seed(self) -> tuple[str, str, int | None]:
        """What it shares with its siblings."""
        return self.data, self.recipe, self.rows

    def is_of(self, run: dict[str, Any]) -> bool:
        """Whether a recorded run is this one."""
        return self.is_sibling_of(run) and self.seed == run["seed"]

    def is_sibling_of(self, run: dict[str, Any]) -> bool:
        """Whether a recorded run is this one or differs from it by the seed only."""
        return self.but_for_the_seed == (run["set"], run["recipe"], run["rows"])


class RecordedRuns:
    """The runs in `results/NAME.json`, a dict each.

    about: what stands there beside them.
    """

    def __init__(self, name: str, about: dict[str, Any]) -> None:
        self.name, self.about = name, about
        self.runs = read_runs(name)

    def of(self, case: Case) -> dict[str, Any] | None:
        """The run, if it is recorded."""
        return next((run for run in self.runs if case.is_of(run)), None)

    def add(self, case: Case, command: list[str], code: str, summary: Summary, ending: Ending) -> dict[str, Any]:
        """Record a run that has ended, beside those that other processes have recorded; returns its figures.

        command: its overrides as they may be shown; code: what state of the code it was trained by. Of a run that was
            interrupted the seconds are those of the last part.
        """
        metrics = {name: round(summary.metrics[name], 5) for name in METRICS if name in summary.metrics}
        made = {key: value for key, value in about().items() if key in ("date", "commit")}
        run = {
            "set": case.data,
            "rows": case.rows,
            "recipe": case.recipe,
            "seed": case.seed,
            "overrides": command,
            **metrics,
            "parameters": summary.parameters,
            "epochs": summary.epochs,
            "tokens": summary.tokens,
            "training_seconds": round(summary.seconds["training"], 1),
            "seconds": round(ending.seconds, 1),
            "cpu_seconds": round(ending.cpu_seconds, 1),
            "resumed": "going on from" in ending.screen,
            "characters": case.characters,
            "code": code,
            **made,
        }
        with alone_with(self.name):
            self.runs = sorted([*(one for one in read_runs(self.name) if not case.is_of(one)), run], key=_place)
            record(self.name, {**self.about, "runs": self.runs})
        return run

    def expected_seconds(self, case: Case) -> float | None:
        """Of the processor, which a run of one thread has to itself as a rule.

        As its first sibling took, or as the recipe's other runs by how much they read; None if there are none.
        """
        if siblings := [run for run in self.runs if case.is_sibling_of(run)]:
            return min(siblings, key=lambda run: run["seed"])["cpu_seconds"]
        of_recipe = [run for run in self.runs if run["recipe"] == case.recipe]
        if not of_recipe:
            return None
        rate = sum(run["cpu_seconds"] for run in of_recipe) / sum(run["characters"] for run in of_recipe)
        return case.characters * rate

    def time_left(self, cases: Iterable[Case], at_once: int) -> str:
        """How many these are and how long they will take, in words."""
        expected = [self.expected_seconds(case) for case in cases]
        minutes = sum(one for one in expected if one is not None) / at_once / 60
        unknown = f", and {expected.count(None)} of a kind that is new" if None in expected else ""
        return f"{len(expected)} left, about {minutes:.0f} min{unknown}"


def read_runs(name: str) -> list[dict[str, Any]]:
    """What `results/NAME.json` holds, under today's names of keys; nothing if there is no such file."""
    path = RESULTS / f"{name}.json"
    runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    for run in runs:
        pairs = (one.partition("=") for one in run["overrides"])
        run["overrides"] = [f"{RENAMED.get(key, key)}{equals}{value}" for key, equals, value in pairs]
    return runs


def states_of_code(runs: list[dict[str, Any]], module: str) -> str:
    """A sentence for the page, where the recorded runs are not all of one state of the code; else nothing."""
    states = {run["code"] for run in runs}
    if len(states) < 2:
        return ""
    return f"These are of {len(states)} states of the code; `python -m benchmarks.{module} --again` measures anew."


def spread(values: Iterable[float], digits: int = 1) -> str:
    """Mean and standard deviation over seeds; the value alone where there is one, and nothing where there is none."""
    found = list(values)
    if not found:
        return ""
    mean = f"{statistics.mean(found):.{digits}f}"
    return f"{mean} ± {statistics.stdev(found):.{digits}f}" if len(found) > 1 else mean


def _place(run: dict[str, Any]) -> tuple[Any, ...]:
    return run["set"], run["rows"] or 0, run["recipe"], run["seed"]
