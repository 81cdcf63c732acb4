"""The command `sweepformer`: which verbs it has, and that its messages advise commands in its own words."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, Cli, write_rows

from sweepformer.commands.verbs import VERBS


def test_help_names_every_verb_and_waits_for_no_library() -> None:
    code = (
        "import sys; sys.argv = ['bin/sweepformer', '--help']\n"
        "from sweepformer.commands.verbs import main; main()\n"
        "assert not {'hydra', 'omegaconf', 'numpy', 'torch', 'yaml'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for verb, purpose in VERBS.items():
        assert f"sweepformer {verb} " in done.stdout
        assert purpose in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_of_its_own(sweepformer: Cli, verb: str) -> None:
    result = sweepformer(verb, "--help")
    assert result.code == 0, result.screen
    assert f"sweepformer {verb}" in result.out
    assert "src." not in result.out


@pytest.mark.parametrize("typed", ["", *VERBS, "run --cfg", "run --info"])
def test_who_reads_the_first_lines_only_sees_no_error(typed: str) -> None:
    arguments = typed.split() if " " in typed else [*typed.split(), "--help"]
    gone, out = os.pipe()
    os.close(gone)
    code = f"import sys; sys.argv = ['bin/sweepformer', *{arguments}, *(['job'] if '--cfg' in {arguments} else [])]\n"
    code += "from sweepformer.commands.verbs import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True)
    os.close(out)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("typed", "meant"), [("rnu", "run"), ("complete", "completion")])
def test_an_unknown_verb_is_refused_with_a_hint(sweepformer: Cli, typed: str, meant: str) -> None:
    result = sweepformer(typed, "model=tiny")
    assert result.code == 2
    assert typed in result.err
    assert f"Did you mean {meant}?" in result.err


def test_version_is_the_one_that_is_packaged(sweepformer: Cli) -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert sweepformer("--version").out.split() == ["sweepformer", about["project"]["version"]]


@pytest.mark.parametrize("verb", [["run"], []], ids=["run", "no verb"])
def test_a_run_advises_commands_in_the_words_of_the_one_that_was_typed(
    sweepformer: Cli, tmp_path: Path, verb: list[str]
) -> None:
    """Without a verb, as the further processes of a run are started, overrides are a run's."""
    rows = f"data.train_file={write_rows(tmp_path / 'rows.csv')}"
    result = sweepformer(*verb, "model=majority", "data=files", rows, "logger=none")
    assert result.code == 0, result.screen
    assert shlex.join(["sweepformer", "run", "-m", "model=majority", "data=files", rows]) in result.out
    assert "src.run" not in result.out


def test_a_sweep_says_how_to_run_it_again_in_the_same_words(sweepformer: Cli, tmp_path: Path) -> None:
    words = ["-m", "model=majority,tfidf", "data=files", f"data.train_file={write_rows(tmp_path / 'rows.csv')}"]
    words += ["name=two", "logger=none", "hydra.launcher.isolate=false"]
    assert sweepformer("run", *words).code == 0
    about = (tmp_path / "multirun" / "two" / "README.md").read_text()
    assert shlex.join(["sweepformer", "run", *words]) in about
    assert "src.run" not in about
