"""TAB completes verbs, groups, keys, values, flags and runs: asked of the function behind it, and of real shells."""

import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Cli

from sweepformer.commands.completion import next_words
from sweepformer.commands.export import FORMATS
from sweepformer.commands.verbs import VERBS

MODELS = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sweepformer ", [f"{verb} " for verb in VERBS]),
        ("/somewhere/bin/sweepformer ru", ["run "]),
        ("sweepformer completion ", ["bash ", "zsh ", "fish "]),
        ("sweepformer run mod", ["model.", "model="]),
        ("sweepformer run model=", [f"model={name} " for name in MODELS]),
        ("sweepformer run -m model=tiny,sm", ["model=tiny,small"]),
        ("sweepformer run callbacks=[halving,e", ["callbacks=[halving,ema"]),
        ("sweepformer run hydra/launcher=subm", ["hydra/launcher=submitit_local ", "hydra/launcher=submitit_slurm "]),
        ("sweepformer run model=tiny model.num_h", ["model.num_heads="]),
        ("sweepformer run hydra.sweep.", ["hydra.sweep.dir=", "hydra.sweep.subdir="]),
        ("sweepformer run model.pooling=m", ["model.pooling=mean ", "model.pooling=max "]),
        ("sweepformer run data.truncation=head", ["data.truncation=head ", "data.truncation=head_and_tail "]),
        ("sweepformer run model.norm_first=", ["model.norm_first=true ", "model.norm_first=false "]),
        ("sweepformer run model=tiny model.embedding_dim=", ["model.embedding_dim=64 "]),
        ("sweepformer run data=files data.te", ["data.test_file=", "data.test_fraction=", "data.text_column="]),
        ("sweepformer run model=what model.drop", ["model.dropout="]),  # not yet usable: as without it
        ("sweepformer run --mul", ["--multirun "]),
        ("sweepformer run data=files data.train_file=ro", []),  # left to the shell
        ("sweepformer run model.nothing.of=", []),
        ("sweepformer run --cfg j", ["job "]),
        ("sweepformer cache ", ["show ", "clear "]),
        ("sweepformer predict --res", ["--resume "]),
        ("sweepformer predict RUN - --resume --res", []),  # once is enough
        ("sweepformer predict --allow one --al", ["--allow "]),  # as often as one likes
        ("sweepformer predict RUN - --format j", ["jsonl "]),
        ("sweepformer export --format=sa", ["--format=safetensors "]),
        ("sweepformer export RUN --format ", [f"{name} " for name in FORMATS]),
        ("sweepformer evaluate RUN --text", ["--text-column "]),
        ("sweepformer compare --ht", ["--html "]),
        ("sweepformer init --", ["--help "]),
        ("sweepformer init ", []),
        ("sweepformer what ", []),
    ],
)
def test_what_may_come_next(line: str, expected: list[str]) -> None:
    assert next_words(line) == expected


def test_presets_of_the_project_here_are_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("# Mine.\ndefaults: [tiny, _self_]\n")
    monkeypatch.chdir(tmp_path)
    assert next_words("sweepformer run model=mi") == ["model=mine "]
    assert next_words("sweepformer run model=mine model.num_heads=") == ["model.num_heads=2 "]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "run"])
def test_flags_of_every_verb_are_those_that_its_help_tells(sweepformer: Cli, verb: str) -> None:
    told = set(re.findall(r"--[a-z0-9-]+", sweepformer(verb, "--help").out.partition("options:")[2]))
    assert told == {word.rstrip() for word in next_words(f"sweepformer {verb} --")}


@pytest.fixture
def runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of two runs and a sweep, in the folder that a command is typed in."""
    for run in ("outputs/my runs/one", "outputs/my runs/other", "multirun/heads/0-model.num_heads=2,seed=0"):
        (tmp_path / run / ".hydra").mkdir(parents=True)
        (tmp_path / run / ".hydra" / "config.json").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "rows of mine.csv").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sweepformer predict ", ["multirun/", "outputs/"]),
        ("sweepformer run --from-run outputs/", ["outputs/my\\ runs/"]),
        ("sweepformer export outputs/my\\ runs/o", ["outputs/my\\ runs/one ", "outputs/my\\ runs/other "]),
        ("sweepformer compare outputs multirun/h", ["multirun/heads/"]),
        ("sweepformer evaluate --json multirun/heads/0", ["multirun/heads/0-model.num_heads=2,seed=0 "]),
        ("sweepformer predict ./out", ["./outputs/"]),
        ("sweepformer predict outputs da", []),  # the second is a file
        ("sweepformer predict outputs/my\\ runs/one/", []),  # may go on to a checkpoint: left to the shell
        ("sweepformer predict nowhere/", []),
        ("sweepformer predict ~nobody-of-this-name/", []),
    ],
)
@pytest.mark.usefixtures("runs_here")
def test_what_stands_for_a_run_may_come_next(line: str, expected: list[str]) -> None:
    assert next_words(line) == expected


STARTUP = {
    "bash": f"""
sweepformer() {{ {sys.executable} -m sweepformer "$@"; }}
eval "$(sweepformer completion bash)"
bind -x '"\\C-t": printf "<%s>" "$READLINE_LINE"'
PS1=ready
""",
    "zsh": f"""
autoload -Uz compinit && compinit -u -D
sweepformer() {{ {sys.executable} -m sweepformer "$@"; }}
eval "$(sweepformer completion zsh)"
show() {{ print -rn -- "<$BUFFER>"; }}
zle -N show
bindkey '^T' show
PS1=ready
""",
}
COMMANDS = {
    "bash": ("bash", "--noprofile", "--rcfile", "startup", "-i"),
    "zsh": ("zsh", "--no-globalrcs", "-i"),
}


@pytest.fixture(params=COMMANDS)
def press_tab(request: pytest.FixtureRequest, tmp_path: Path, runs_here: None) -> Iterator[Callable[[str], str]]:
    """Call with what is typed in an interactive shell before TAB is pressed; returns the line after that."""
    shell: str = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / {"bash": "startup", "zsh": ".zshrc"}[shell]).write_text(STARTUP[shell])
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 200))
    places = {"PYTHONPATH": str(ROOT / "src"), "ZDOTDIR": str(tmp_path), "INPUTRC": os.devnull}
    process = subprocess.Popen(
        COMMANDS[shell],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env={**os.environ, **places, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)

    def read_until(end: bytes) -> bytes:
        seen = b""
        while end not in seen:
            seen += os.read(ours, 4096)
        return seen

    def line_after(typed: str) -> str:
        os.write(ours, f"{typed}\t\x14".encode())  # \x14 is C-t, which prints the line as it stands
        line = read_until(b">").rpartition(b"<")[2].partition(b">")[0].decode()
        os.write(ours, b"\x15")  # C-u clears it
        return line

    read_until(b"ready")
    yield line_after
    process.kill()
    process.wait()
    os.close(ours)


def test_tab_in_a_shell(press_tab: Callable[[str], str]) -> None:
    assert press_tab("sweepformer ini") == "sweepformer init "
    assert press_tab("sweepformer run model=ti") == "sweepformer run model=tiny "
    assert press_tab("sweepformer run -m model=tiny,sm") == "sweepformer run -m model=tiny,small"
    assert press_tab("sweepformer run data=files data.train_file=ro").startswith(
        "sweepformer run data=files data.train_file=rows\\ of\\ mine.csv"
    )
    assert press_tab("sweepformer predict --res") == "sweepformer predict --resume "
    assert press_tab("sweepformer export --format=tr") == "sweepformer export --format=transformers "
    assert press_tab("sweepformer compare outputs/my") == "sweepformer compare outputs/my\\ runs/"
    assert press_tab("sweepformer compare outputs/my\\ runs/on") == "sweepformer compare outputs/my\\ runs/one "
    run = "multirun/heads/0-model.num_heads=2,seed=0"
    assert press_tab(f"sweepformer predict {run[:30]}") == f"sweepformer predict {run} "
    assert press_tab(f"sweepformer predict {run} ro").startswith(f"sweepformer predict {run} rows\\ of\\ mine.csv")


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sweepformer ini", ["init"]),
        ("sweepformer run model=ti", ["model=tiny"]),
        ("sweepformer predict --res", ["--resume"]),
        ("sweepformer compare outputs/my\\ runs/o", ["outputs/my runs/one", "outputs/my runs/other"]),
        ("sweepformer predict outputs ro", ["rows of mine.csv"]),
    ],
)
@pytest.mark.usefixtures("runs_here")
def test_fish_offers_the_same(line: str, expected: list[str]) -> None:
    function = (
        f"function sweepformer; {sys.executable} -m sweepformer $argv; end; sweepformer completion fish | source;"
    )
    command = ["fish", "--no-config", "-c", f"{function} complete -C '{line}'"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert [offer.partition("\t")[0] for offer in done.stdout.splitlines()] == expected, done.stderr
