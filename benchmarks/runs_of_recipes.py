"""Recipes trained on sets of rows, several runs at a time, each measured once and kept.

What stands in `results/NAME.json` is not measured again, and a run that was interrupted goes on. Where the command or
the code has changed since, that is told, and `--again` measures anew: a run's folder is named after both, so that
nothing goes on with what other code has begun. Every run has one thread. Seeds after the first are trained only where
that one took less than `PATIENCE`.
"""

import argparse
import hashlib
import math
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.labelled_sets import DATA, LabelledSet, find_sets
from benchmarks.record import ROOT
from benchmarks.recorded_runs import Case, RecordedRuns
from benchmarks.soak.processes import Command, Ending, run_all, warm_up
from sweepformer.files.locks import Locked, locked
from sweepformer.runs.directory import RunDirectory

PATIENCE = 300.0  # seconds of the processor
COMMON = ["trainer=cpu", "logger=none", "trainer.enable_progress_bar=false"]


def options_of(doc: str | None, name: str, recipes: dict[str, list[str]], sets: list[str] | None) -> argparse.Namespace:
    """The command line of a benchmark that compares recipes.

    Args:
        name: of its result file, its table and its folder under `outputs/`.
        recipes: which there are.
        sets: names of those it looks at unless told otherwise; None: all that there are.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="holds a folder for each set (default: %(default)s)")
    parser.add_argument("--sets", nargs="+", default=sets, help="names of folders, icd10 (default: %(default)s)")
    parser.add_argument("--recipes", nargs="+", choices=list(recipes), default=list(recipes), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, help=f"runs of what takes under {PATIENCE:.0f} s, else one")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="runs at a time, a thread each")
    parser.add_argument("--again", action="store_true", help="measure anew what other code or commands have measured")
    parser.add_argument("--name", default=name, help="of the result file")
    parser.add_argument("--work", type=Path, default=Path(f"outputs/benchmark-{name}"), help="where the runs lie")
    parser.add_argument("--docs", action="store_true", help="measure nothing, write what is recorded into the docs")
    options = parser.parse_args()
    options.data, options.work = options.data.absolute(), options.work.absolute()
    return options


def chosen_sets(options: argparse.Namespace) -> dict[str, LabelledSet]:
    """Those that `--sets` names, of those under `--data`."""
    there = find_sets(options.data)
    wanted = options.sets or list(there)
    if missing := [name for name in wanted if name not in there]:
        raise SystemExit(f"--sets {' '.join(missing)}: not under {options.data}. There are: {', '.join(there)}.")
    return {name: there[name] for name in wanted}


def measure(cases: list[Case], options: argparse.Namespace, recipes: dict[str, list[str]]) -> None:
    """Train what isn't measured yet, and end this process with a message if something failed."""
    try:
        with locked(options.work / ".lock"), ending_at_sigterm():
            failed = Measurement(cases, options, {"common": COMMON, "recipes": recipes}).run()
    except Locked:
        sys.exit(f"another command is measuring in {options.work}: wait for it, or give another --work.")
    if failed:
        sys.exit(f"{len(failed)} runs failed: {', '.join(case.name for case in failed)}")


class Measurement:
    """Trains the cases that aren't recorded yet."""

    def __init__(self, cases: list[Case], options: argparse.Namespace, about: dict[str, Any]) -> None:
        self.cases, self.options = cases, options
        self.recorded = RecordedRuns(options.name, about)
        self.code = code_digest()
        self.failed: list[Case] = []

    def run(self) -> list[Case]:
        """Train; returns what failed. Every first seed comes before all others."""
        self._print_changes()
        if not self._left():
            print("all is measured")
            return []
        print(self.recorded.time_left(self._left(), self.options.at_once), flush=True)
        os.environ["OMP_NUM_THREADS"] = "1"  # forks of a process that computes with several threads hang
        warm_up()
        first = min(case.seed for case in self.cases)
        for of_first in (True, False):
            self._train([case for case in self._left() if (case.seed == first) == of_first])
        return self.failed

    def _print_changes(self) -> None:
        changed = [run for case in self.cases if (run := self.recorded.of(case)) and self._is_stale(case, run)]
        if changed:
            since = min(f"{run['date']}, {run['commit']}" for run in changed)
            what = "is measured anew" if self.options.again else "is kept (--again measures it anew)"
            print(f"{len(changed)} runs are of other code or of another command, the oldest of {since}: that {what}")

    def _is_stale(self, case: Case, run: dict[str, Any]) -> bool:
        return run["code"] != self.code or run["overrides"] != self._shown(case)

    def _left(self) -> list[Case]:
        """What is to be trained, as far as that is known yet: slow ones have one seed."""
        return [case for case in self.cases if self._is_to_do(case)]

    def _is_to_do(self, case: Case) -> bool:
        run = self.recorded.of(case)
        if run and not (self.options.again and self._is_stale(case, run)):
            return False
        if case.but_for_the_seed in {one.but_for_the_seed for one in self.failed}:
            return False
        is_first = case.seed == min(one.seed for one in self.cases)
        return is_first or (self.recorded.expected_seconds(case) or 0) < PATIENCE

    def _train(self, cases: list[Case]) -> None:
        commands = [Command([*case.overrides], self._folder(case), about=case, room=None) for case in cases]
        for command, ending in run_all(commands, self.options.at_once, limit=math.inf, pause=0.2):
            self._take(command.about, command.directory, ending)

    def _take(self, case: Case, directory: Path, ending: Ending) -> None:
        summary = RunDirectory(directory).result
        if ending.code or summary is None:
            self.failed.append(case)
            print(f"{case.name} failed: {ending.message or ending.screen[-500:]}\n  {directory.parent}", flush=True)
            return
        run = self.recorded.add(case, self._shown(case), self.code, summary, ending)
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)  # gigabytes, over all runs
        left = self.recorded.time_left(self._left(), self.options.at_once)
        print(f"{case.name}: test_acc {run['test_acc']:.4f}, {run['cpu_seconds']:.0f} s; {left}", flush=True)

    def _folder(self, case: Case) -> Path:
        digest = hashlib.sha256(repr((self.code, self._shown(case))).encode()).hexdigest()
        return self.options.work / f"{case.name}-{digest[:8]}"

    def _shown(self, case: Case) -> list[str]:
        """The overrides without the places of this machine."""
        places = {str(self.options.work): "WORK", str(self.options.data): "DATA"}
        shown = [*case.overrides]
        for place, name in places.items():
            shown = [one.replace(place, name) for one in shown]
        return shown


def case_of(
    data: LabelledSet, recipe: str, overrides: list[str], seed: int, rows: int | None = None, name: str | None = None
) -> Case:
    """A recipe on all rows of `data`. rows, name: where these are a subset, how many they are, of which set."""
    command = (*data.overrides, *overrides, *COMMON, f"seed={seed}")
    return Case(name or data.name, recipe, seed, command, data.characters, rows)


def code_digest() -> str:
    """Twelve hex digits that stand for the code and the presets that a run depends on."""
    digest = hashlib.sha256()
    files = [*(ROOT / "src" / "sweepformer").rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def ending_at_sigterm() -> Iterator[None]:
    """Have SIGTERM end this process as an error would, so that it can end its runs first."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
