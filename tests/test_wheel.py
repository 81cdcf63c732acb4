"""The wheel, installed apart from the clone: the command works in an empty folder, and so does a project of its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import EXPERIMENTS, ROOT

from sweepformer.commands.init import FILES

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that has the wheel, and of this one's packages all others."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("src", "conf", "experiments"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / "source" / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / "source")
    _call(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "source")
    shutil.rmtree(folder / "source")
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    _call(*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel)
    places = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")  # of which no .pth is followed
    return python


def _call(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "HYDRA_"))}
    variables = {**variables, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_works_in_an_empty_folder(installed: Path, tmp_path: Path, shared_cache: Path) -> None:
    """With conf/ and experiments/ from inside the wheel; a project that it starts passes its own test."""
    presets = Path(
        _call(installed, "-c", "from sweepformer.config.presets import CONF; print(CONF)", cwd=tmp_path).strip()
    )
    assert presets.is_relative_to(installed.parents[1].resolve())
    relative = [sorted(path.relative_to(conf) for path in conf.glob("**/*.yaml")) for conf in (presets, ROOT / "conf")]
    assert set(relative[1]) | {Path("experiment", f"{name}.yaml") for name in EXPERIMENTS} == set(relative[0])

    command = installed.with_name("sweepformer")
    cache = {"SWEEPFORMER_CACHE": str(shared_cache)}
    screen = _call(command, "run", "debug=fast", "model=tiny", "data.max_rows=500", "name=a", cwd=tmp_path, **cache)
    (summary,) = (tmp_path / "outputs" / "a").glob("*/summary.json")
    assert json.loads(summary.read_text())["status"] == "completed"
    assert "sweepformer run -m " in screen

    _call(command, "init", "shop", cwd=tmp_path)
    files = {path.relative_to(tmp_path / "shop") for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    kept = {path.relative_to(FILES) for path in FILES.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert files == kept | {Path("data", "train.csv")}
    assert "1 passed" in _call(installed, "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path / "shop", **cache)


@pytest.mark.slow
def test_processes_that_lightning_starts_find_the_verb(installed: Path, tmp_path: Path, shared_cache: Path) -> None:
    command = installed.with_name("sweepformer")
    _call(command, "init", "shop", cwd=tmp_path)
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=2", "name=two")
    _call(command, "run", *two, cwd=tmp_path / "shop", SWEEPFORMER_CACHE=str(shared_cache))
    (summary,) = (tmp_path / "shop" / "outputs" / "two").glob("*/summary.json")
    assert json.loads(summary.read_text())["status"] == "completed"


@pytest.mark.slow
def test_a_sweep_of_runs_at_once(installed: Path, tmp_path: Path, shared_cache: Path) -> None:
    """What its processes write tells of the command that was typed."""
    command = installed.with_name("sweepformer")
    _call(command, "init", "shop", cwd=tmp_path)
    words = ("-m", "experiment=size", "debug=fast", "hydra/launcher=joblib")
    _call(command, "run", *words, cwd=tmp_path / "shop", SWEEPFORMER_CACHE=str(shared_cache))
    runs = sorted((tmp_path / "shop" / "multirun" / "size").glob("*/environment.json"))
    assert [json.loads(run.read_text())["argv"] for run in runs] == [[str(command), *words]] * 4
    assert all("sweepformer run -m " in (run.parent / "run.log").read_text() for run in runs)
