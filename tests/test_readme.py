"""The README's commands and its example of own parts do what it says."""

import json
import math
import re
import shlex
from collections.abc import Callable

import pytest
from conftest import ROOT, Cli, write_rows, write_tagged
from task_rows import write_numbers, write_pairs, write_sets

from benchmarks.scaling import recorded_tables as scaling_tables
from benchmarks.tables import with_table
from benchmarks.tasks import recorded_table as tasks_table
from benchmarks.throughput import recorded_table as throughput_table

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python -m src\.run[^\n`]*", README)))
QUICK = ("debug=fast", "data.batch_size=4", "data.eval_batch_size=4")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with what the README's commands name."""
    for name in ("a.csv", "b.csv", "train.csv"):
        path = write_rows(tmp_path / name, 60)
        path.write_text(path.read_text().replace("the ", f"{name} "))
    write_sets(tmp_path / "sets.jsonl", 60)
    write_numbers(tmp_path / "numbers.jsonl", 60)
    write_pairs(tmp_path / "pairs.csv", 60)
    write_tagged(tmp_path / "train.conll")
    tagged = [{"tokens": ["the", f"thing {number}"], "tags": ["DET", "NOUN"]} for number in range(40)]
    (tmp_path / "tags.jsonl").write_text("\n".join(map(json.dumps, tagged)))
    for label in ("good", "bad"):
        (tmp_path / "DIR" / label).mkdir(parents=True)
        for number in range(20):
            (tmp_path / "DIR" / label / f"{number}.txt").write_text(f"number {number} is {label}")
    (tmp_path / "NAME").mkdir()
    write_rows(tmp_path / "NAME" / "train.csv", 60)
    for block in re.findall(r"```yaml\n# (mine/\S+)\n(.*?)```", README, re.S):
        path = tmp_path / block[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block[1])
    (tmp_path / "mine" / "parts.py").write_text(re.search(r"```python\n(.*?)```", README, re.S)[1])
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [c for c in COMMANDS if " -m " not in c[10:] and not c.endswith(" -m")])
def test_command_works(cli: Cli, workplace, command: str) -> None:
    arguments = shlex.split(command.removeprefix("python -m src.run"))
    if not {"--help", "--cfg"} & set(arguments):
        quick = [override for override in QUICK if override.split("=")[0] not in command]
        if "model=large" in command:  # the width is what is tried here, not patience
            arguments += ["model.num_layers=1"]
        if "data=numbers" in command:
            quick = ["trainer.max_epochs=1"]
        arguments += quick
    result = cli(*arguments)
    assert result.code == 0, result.screen


@pytest.mark.parametrize("command", [c for c in COMMANDS if " -m " in c[10:] or c.endswith(" -m")])
def test_sweep_command_works(cli: Cli, workplace, command: str) -> None:
    arguments = [a for a in shlex.split(command.removeprefix("python -m src.run")) if a != "-m"]
    arguments = [one.replace("n_trials=20", "n_trials=2") for one in arguments]
    quick = ["debug=fast", "data.batch_size=4", "model=tiny", "data=icd10", "data.max_rows=500"]
    result = cli("-m", *arguments, *[one for one in quick if f" {one.split('=')[0]}=" not in command])
    assert result.code == 0, result.screen
    swept = [one.count(",") + 1 for one in arguments if "," in one]
    expected = {"dry_run": 0, "optuna": 2, "experiment": 8}
    expected = [count for word, count in expected.items() if word in command] or [math.prod(swept)]
    assert len(list(workplace.glob("multirun/*/*/summary.json"))) == expected[0]


def test_own_parts_are_all_used(cli: Cli, workplace) -> None:
    command = next(c for c in COMMANDS if "--config-dir mine" in c)
    result = cli(*shlex.split(command.removeprefix("python -m src.run")), "trainer.max_epochs=1")
    assert result.code == 0, result.screen
    assert "steps:" in result.out
    assert (result.directory / "metrics.csv").exists()
    assert result.summary["parameters"] < 2000


@pytest.mark.parametrize(
    ("module", "table"), [("throughput", throughput_table), ("scaling", scaling_tables), ("tasks", tasks_table)]
)
def test_tables_are_the_recorded_ones(module: str, table: Callable[[], str]) -> None:
    assert with_table(README, module, table()) == README
