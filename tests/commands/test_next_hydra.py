"""Hydra's next release, in an environment of its own: what touches Hydra works with it too."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import ROOT

NEXT = "hydra-core==1.4.0rc3"
TOUCHED = (
    "tests/config",
    "tests/commands/test_completion.py",
    "tests/commands/test_verbs.py",
    "tests/contracts/test_hydra.py",
    "tests/analysis/repetition",
    "tests/sweeps/test_resume.py",
    "tests/sweeps/test_study.py",
    "tests/sweeps/test_sweep_input.py",
    "tests/training/test_run.py",
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment that has the release, and of this one's packages all others."""
    folder = tmp_path_factory.mktemp("next")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python)
    got = subprocess.run([*pip, "install", "--pre", NEXT], capture_output=True, text=True, timeout=300)
    if got.returncode:
        pytest.skip(f"{NEXT} can't be had here: {got.stderr.strip()[-300:]}")
    places = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    (packages / "zz_others.pth").write_text(sysconfig.get_path("purelib") + "\n")  # after those that are here
    return python


def call(*command: str | Path, seconds: int) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "HYDRA_"))}
    variables["PYTHONPATH"] = str(ROOT / "src")
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=seconds)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_command_has_nothing_to_warn_of(python: Path) -> None:
    done = call(python, "-m", "src.run", "--cfg", "job", seconds=120)
    assert (done.returncode, done.stderr) == (0, "")
    version = call(python, "-c", "import hydra; print(hydra.__version__)", seconds=60).stdout
    assert version.strip() == NEXT.partition("==")[2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_tests_of_what_touches_hydra_pass(python: Path) -> None:
    quiet = ("-q", "-p", "no:cacheprovider", "-m", "not slow")
    done = call(python, "-m", "pytest", *quiet, *TOUCHED, seconds=3000)
    assert done.returncode == 0, done.stdout[-5000:]
