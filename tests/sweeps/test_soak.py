"""Long trials of sweeps: killed again and again, and fifty runs in one process."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from forked_commands import Start
from moments import processes_in, wait_for
from test_resume import finished_at

pytestmark = pytest.mark.slow


def results(sweep: Path) -> dict[str, dict[str, Any]]:
    """What every completed run came to, without what depends on the clock."""
    found = {}
    for path in sweep.glob("*/summary.json"):
        summary = json.loads(path.read_text())
        if summary["status"] == "completed":
            kept = {"metrics", "best_checkpoint", "config_hash", "parameters", "epochs", "steps"}
            found[path.parent.name] = {key: value for key, value in summary.items() if key in kept}
    return found


def test_forty_runs_survive_ten_kills(start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Every fifth run has heads that don't divide its width; the whole process is killed at random moments."""
    grid = ("model.num_heads=1,2,4,8,3", "optimizer.lr=1e-3,2e-3", "model.dropout=0.0,0.1", "seed=1,2", "logger=none")
    command = ["-m", *tiny, "trainer.max_epochs=3", *grid]
    undisturbed = shell(*command, "name=undisturbed")
    assert undisturbed.code == 1
    assert len(results(tmp_path / "multirun" / "undisturbed")) == 32
    sweep = tmp_path / "multirun" / "killed"
    chance = random.Random(0)
    completed: dict[str, int] = {}
    for _ in range(10):
        process = start(*command, "name=killed")
        time.sleep(chance.uniform(1, 5))
        process.kill()
        wait_for(lambda: not processes_in(tmp_path))
        now = {name: at for name, at in finished_at(sweep).items() if name in results(sweep)}
        assert now.items() >= completed.items(), "a completed run was trained again"
        completed = now
    assert len(completed) < 32, "the kills came too late to mean anything"
    last = shell(*command, "name=killed")
    assert last.code == 1
    found = results(sweep)
    statuses = [json.loads(path.read_text())["status"] for path in sweep.glob("*/summary.json")]
    assert sorted(statuses) == ["completed"] * 32 + ["failed"] * 8
    assert {name: finished_at(sweep)[name] for name in completed} == completed
    for name, result in results(tmp_path / "multirun" / "undisturbed").items():
        # The name of a sweep is part of its runs' config, and so of the hash; nothing else may differ.
        assert {**found[name], "config_hash": ""} == {**result, "config_hash": ""}, name


def test_fifty_runs_in_one_process_leak_nothing(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    watch = (
        "allowed_packages=[misbehaving]",
        "+callbacks.watch._target_=misbehaving.Watch",
        f"+callbacks.watch.file={tmp_path}/usage.jsonl",
    )
    result = shell("-m", *tiny, *watch, "seed=range(0,50)", "name=m", "hydra.launcher.isolate=false")
    assert result.code == 0, result.screen
    usage = [json.loads(line) for line in (tmp_path / "usage.jsonl").read_text().splitlines()]
    assert len(usage) == 50
    print({key: [usage[4][key], usage[-1][key]] for key in usage[0]})
    assert usage[-1]["memory"] <= 1.05 * usage[4]["memory"]
    assert usage[-1]["threads"] <= usage[4]["threads"]
    assert usage[-1]["files"] <= usage[4]["files"]
    assert not processes_in(tmp_path)
