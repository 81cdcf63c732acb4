"""What is lost when runs are killed, fed with anything, given damaged files, or go on for very long: nothing.

    python -m benchmarks.reliability                              all parts, one after another
    python -m benchmarks.reliability --parts overrides files      these, beside what is recorded of the others
    python -m benchmarks.reliability --parts overrides --first 123 --overrides 1    one trial again
    python -m benchmarks.reliability --parts overrides --mended   what went wrong again: what doesn't now is recorded so
    python -m benchmarks.reliability --docs                       writes the recorded table into docs/reliability.md

A run is a fork of this process, which has loaded torch: it starts in a moment. Parts may run at the same time, in
different `--work` folders. What goes wrong is printed with the command that shows it, and its folder is kept.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, change_part, commit, record_part
from benchmarks.soak import damage, files, kills, long_life, many_runs, override_trials, writes
from benchmarks.soak.processes import warm_up
from benchmarks.tables import markdown, write_table

PARTS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "kills": lambda work, given: kills.killed_runs(work, given.runs, given.kills, given.seed),
    "writes": lambda work, given: writes.killed_writes(work, given.writes, given.seed),
    "overrides": lambda work, given: override_trials.try_sets(
        work, given.overrides, given.seed, given.first, given.at_once
    ),
    "files": lambda work, given: files.try_files(work, given.files, given.seed, given.first, given.at_once),
    "damage": lambda work, given: damage.try_damage(work, given.damages, given.seed, given.first, given.at_once),
    "many_runs": lambda work, given: many_runs.run_many(work, given.many_runs),
    "long_life": lambda work, given: long_life.train_long(work, given.steps),
}
# Parts of trials that can be done one by one, and the option that says how many.
NUMBERED = {"overrides": "overrides", "files": "files", "damage": "damages"}


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = "1"  # forks of a process that computes with several threads hang
    if options.docs:
        write_table("reliability", recorded_table())
        return
    failed = []
    for part in options.parts:
        if options.mended:
            failed += [part] if try_again(part, options) else []
            continue
        began = time.monotonic()
        result = PARTS[part](begin(part, options), options)
        result |= {"seed": options.seed, "minutes": round((time.monotonic() - began) / 60, 1)}
        print(part, json.dumps(result, indent=1))
        if options.first == 0:  # else it is a trial done again
            print("written:", record_part("reliability", part, result))
        if result["wrong"]:
            failed.append(part)
    if failed:
        sys.exit(f"something was lost: {', '.join(failed)}")


def begin(part: str, options: argparse.Namespace) -> Path:
    """An empty folder for a part; torch is loaded."""
    work = options.work.absolute() / part
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_elsewhere(work)
    warm_up()
    return work


def try_again(part: str, options: argparse.Namespace) -> list[str]:
    """Do the recorded trials of a part that went wrong once more, each by itself; returns those that still do.

    What was wrong stays in the record, as mended: what it takes for a whole part to be clean at once is told.
    """
    there = _recorded().get(part, {})
    if part not in NUMBERED or "seed" not in there:
        sys.exit(f"--parts {part} --mended: only {', '.join(NUMBERED)} have trials that can be done one by one.")
    still, work = [], begin(part, options)
    for wrong in there["wrong"]:
        alone = {"seed": there["seed"], "first": int(wrong.partition(":")[0]), NUMBERED[part]: 1}
        result = PARTS[part](work, argparse.Namespace(**{**vars(options), **alone}))
        print(wrong, "->", result["wrong"] or "mended")
        still += result["wrong"]
    mended = [
        f"{wrong} [mended: {date.today()}, {commit()}]" for wrong in there["wrong"] if not _is_among(wrong, still)
    ]
    change_part("reliability", part, {"wrong": still, "mended": [*there.get("mended", []), *mended]})
    return still


def _is_among(wrong: str, still: list[str]) -> bool:
    """Whether the trial of that number is, for whatever reason."""
    return any(one.partition(":")[0] == wrong.partition(":")[0] for one in still)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=20, help="at least so many runs that are killed")
    parser.add_argument("--kills", type=int, default=100, help="at least so many kills of runs")
    parser.add_argument("--writes", type=int, default=200, help="kills of writers")
    parser.add_argument("--overrides", type=int, default=5000, help="sets of overrides")
    parser.add_argument("--files", type=int, default=2000, help="mangled data files")
    parser.add_argument("--damages", type=int, default=300, help="damaged checkpoints and stores")
    parser.add_argument("--many-runs", type=int, default=200, help="runs in one process")
    parser.add_argument("--steps", type=int, default=500_000, help="steps of the long run")
    parser.add_argument("--first", type=int, default=0, help="the number of the first trial of its kind")
    parser.add_argument("--at-once", type=int, default=1, help="trials at a time")
    parser.add_argument("--mended", action="store_true", help="do what is recorded as wrong again, and nothing else")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-reliability"))
    parser.add_argument("--docs", action="store_true", help="run nothing, write what is recorded into the docs")
    return parser.parse_args()


def write_elsewhere(work: Path) -> None:
    """Have temporary files on another file system, where there is one: renaming from there would be no renaming."""
    other = Path("/dev/shm")
    if other.is_dir() and os.stat(other).st_dev != os.stat(work).st_dev:
        os.environ["TMPDIR"] = str(other)
        tempfile.tempdir = None


def _recorded() -> dict[str, Any]:
    path = RESULTS / "reliability.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def recorded_table() -> str:
    """What was tried and what came out, a line a part."""
    there = _recorded()
    rows = [[_TRIED[part](there[part]), _wrong(there[part]), there[part]["date"]] for part in PARTS if part in there]
    return markdown(["tried", "went wrong", "on"], rows)


_TRIED: dict[str, Callable[[dict[str, Any]], str]] = {
    "kills": lambda it: f"{it['kills']} kills of {it['runs']} runs, each compared with one that nobody disturbed",
    "writes": lambda it: f"{sum(one['kills'] for one in it['kinds'].values())} kills of writers",
    "overrides": lambda it: (
        f"{it['tried']:,} random sets of overrides: {it['trained']:,} trained, {it['refused']:,} refused"
    ),
    "files": lambda it: f"{it['tried']:,} mangled data files: {it['trained']:,} trained, {it['refused']:,} refused",
    "damage": lambda it: (
        f"{it['tried']:,} runs with damaged checkpoints and stores: {it['trained']:,} ended as undisturbed, "
        f"{it['refused']:,} refused"
    ),
    "many_runs": lambda it: (
        f"{it['runs']} runs in one process: {it['memory_mb'][0]:,} MB after the {it['from_run']}th, "
        f"{it['memory_mb'][1]:,} MB at the end; threads {_change(it['threads'])}, open files {_change(it['files'])}, "
        f"temporary files {_change(it['temporary'])}"
    ),
    "long_life": lambda it: (
        f"{it['steps']:,} steps in one run: {it['memory_mb'][0]:,} MB at {it['from_step']:,}, "
        f"{it['memory_mb'][1]:,} MB at the end; event files of {it['event_bytes'] / 1e6:.1f} MB"
    ),
}


def _change(pair: list[int]) -> str:
    return f"{pair[0]} → {pair[1]}"


def _wrong(result: dict[str, Any]) -> str:
    mended = result.get("mended", [])
    return f"{len(result['wrong'])}" + (f" ({len(mended)} mended since)" if mended else "")


if __name__ == "__main__":
    main()
