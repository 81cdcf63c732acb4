"""The commands of the README and the docs, and their example of own parts, do what is said."""

import json
import math
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Cli, write_rows, write_tagged
from made_runs import write_sweep
from task_rows import write_numbers, write_pairs, write_sets

from benchmarks.ablations import recorded_table as ablations_table
from benchmarks.learning_curves import recorded_table as learning_curves_table
from benchmarks.quality import recorded_table as quality_table
from benchmarks.reliability import recorded_table as reliability_table
from benchmarks.scaling import recorded_tables as scaling_tables
from benchmarks.serving import recorded_table as serving_table
from benchmarks.tables import PAGES, page_of, with_table
from benchmarks.tasks import recorded_table as tasks_table
from benchmarks.throughput import recorded_table as throughput_table
from sweepformer.commands.compare import main as compare

TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
FOR_DEVELOPERS = ("CONTRIBUTING.md", "docs/architecture.md", "docs/reliability.md")
PACKAGE = ROOT / "src" / "sweepformer"
COMMANDS = sorted(set(re.findall(r"python -m src\.run[^\n`]*", TEXT)))
COMPARISONS = sorted(set(re.findall(r"python -m src\.compare[^\n`#]*", TEXT)))
QUICK = ("debug=fast", "data.batch_size=4", "data.eval_batch_size=4")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with what the commands name."""
    for name in ("a.csv", "b.csv", "train.csv"):
        path = write_rows(tmp_path / name, 60)
        path.write_text(path.read_text().replace("the ", f"{name} "))
    write_sets(tmp_path / "sets.jsonl", 60)
    write_numbers(tmp_path / "numbers.jsonl", 60)
    write_pairs(tmp_path / "pairs.csv", 60)
    write_tagged(tmp_path / "train.conll")
    tagged = [{"tokens": ["the", f"thing {number}"], "tags": ["DET", "NOUN"]} for number in range(40)]
    (tmp_path / "tags.jsonl").write_text("\n".join(map(json.dumps, tagged)))
    words = "".join(f"Sentence: {n},It,O\n,is,O\n,Rome {n},B-GEO\n" for n in range(40))
    (tmp_path / "words.csv").write_text(f"Sentence #,Word,Tag\n{words}")
    for label in ("good", "bad"):
        (tmp_path / "DIR" / label).mkdir(parents=True)
        for number in range(20):
            (tmp_path / "DIR" / label / f"{number}.txt").write_text(f"number {number} is {label}")
    (tmp_path / "NAME").mkdir()
    write_rows(tmp_path / "NAME" / "train.csv", 60)
    for block in re.findall(r"```yaml\n# (mine/\S+)\n(.*?)```", TEXT, re.S):
        path = tmp_path / block[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block[1])
    parts = next(block for block in re.findall(r"```python\n(.*?)```", TEXT, re.S) if "class BagOfTokens" in block)
    (tmp_path / "mine" / "parts.py").write_text(parts)
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
    if "--from-run" in arguments:
        assert cli(*QUICK, "model=tiny", "data=files", "data.train_file=train.csv", "hydra.run.dir=RUN").code == 0
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


@pytest.mark.parametrize("command", COMPARISONS)
def test_comparison_works(tmp_path, monkeypatch, capsys, command: str) -> None:
    for name in ("multirun/heads", "multirun/NAME", "outputs/base"):
        write_sweep(tmp_path / name, [0.7, 0.8], model__num_heads=[2, 4])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", shlex.split(command.removeprefix("python -m ")))
    compare()
    assert "The best of " in capsys.readouterr().out
    assert (tmp_path / "page.html").exists() == ("--html" in command)


def test_own_parts_are_all_used(cli: Cli, workplace) -> None:
    command = next(c for c in COMMANDS if "--config-dir mine" in c)
    result = cli(*shlex.split(command.removeprefix("python -m src.run")), "trainer.max_epochs=1")
    assert result.code == 0, result.screen
    assert "steps:" in result.out
    assert (result.directory / "metrics.csv").exists()
    assert result.summary["parameters"] < 2000


@pytest.mark.parametrize(
    ("module", "table"),
    [
        ("throughput", throughput_table),
        ("scaling", scaling_tables),
        ("tasks", tasks_table),
        ("reliability", reliability_table),
        ("serving", serving_table),
        ("quality", quality_table),
        ("learning_curves", learning_curves_table),
        ("ablations", ablations_table),
    ],
)
def test_tables_are_the_recorded_ones(module: str, table: Callable[[], str]) -> None:
    text = page_of(module).read_text(encoding="utf-8")
    assert with_table(text, module, table()) == text


@pytest.mark.parametrize("page", FOR_DEVELOPERS)
def test_what_a_page_says_of_the_code_is_there(page: str) -> None:
    """Files and folders of the repository or the package, and names that are said to be in one of them.

    In capitals they stand for any name; hidden ones are those of runs.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:\w[\w.-]*/)+(?:[\w.-]+\.\w+)?)`", text))
    paths = {path for path in paths if not re.search("NAME|VERB", path)}
    assert len(paths) > 3
    assert [path for path in paths if not any((root / path).exists() for root in (ROOT, PACKAGE))] == []
    named = re.findall(r"`(\w+)` (?:in|of) `([\w/]+\.py)`", text)
    assert [(name, path) for name, path in named if not re.search(rf"\b{name}\b", _source(path))] == []


def _source(path: str) -> str:
    return next(root / path for root in (ROOT, PACKAGE) if (root / path).exists()).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text(encoding="utf-8"))
    for file, section in links:
        target = (page.parent / file) if file else page
        assert target.exists(), file
        if section:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert section in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings], section


def test_pre_commit_checks_what_make_check_does() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert recipe
    assert [hook["entry"] for hook in hooks] == recipe[1].replace("$(BIN)", ".venv/bin").replace("\t", "").splitlines()
