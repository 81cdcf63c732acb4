"""The command `look`: what it prints can be typed, and what it can't read it says in one message."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Cli, write_rows, write_tagged
from task_rows import write_pairs, write_sets

QUICK = ("debug=fast", "model=tiny", "logger=none", "data.batch_size=4", "data.eval_batch_size=4")


def awkward(path: Path) -> Path:
    """Encoded, cut by semicolons, in a folder with a space, with blank texts and a class of one row."""
    path.parent.mkdir()
    lines = [
        "Café Ünï;kind of it",
        *(f"thé number {n};{'red' if n % 2 else 'blue'}" for n in range(40)),
        ";red",
        "x;green",
    ]
    path.write_bytes("\n".join(lines).encode("cp1252"))
    return path


def flags(path: Path) -> Path:
    path.write_text("text,rude,loud\n" + "".join(f"number {n} is it,{n % 2},{n % 3 % 2}\n" for n in range(40)))
    return path


def words(path: Path) -> Path:
    rows = (
        f"{n if word == 'Anna' else ''},{word},{tag}\n"
        for n in range(40)
        for word, tag in (("Anna", "P"), (f"saw{n}", "O"))
    )
    path.write_text("Sentence #,Word,Tag\n" + "".join(rows))
    return path


def numbered(path: Path) -> Path:
    path.write_text("".join(f"{'pos' if n % 2 else 'neg'}\tmeal number {n}\n" for n in range(40)))
    return path


def unnamed(path: Path) -> Path:
    path.write_text("".join(f"{'ham' if n % 2 else 'spam'}\tno, it is number {n}\n" for n in range(40)))
    return path


def separated(path: Path) -> Path:
    path.write_text(
        "text,genres\n" + "".join(f"film number {n},{('a|b', 'b|c', 'a', 'c')[n % 4]}\n" for n in range(40))
    )
    return path


def prices(path: Path) -> Path:
    path.write_text("review,price\n" + "".join(f"number {n} is one of them,{n / 4}\n" for n in range(40)))
    return path


def classes(path: Path) -> Path:
    path.mkdir()
    for name in ("good", "bad"):
        (path / f"{name}.txt").write_text("".join(f"number {n} is {name}\n" for n in range(20)))
    return path


def lines(path: Path) -> Path:
    path.write_text("".join(f"10:00:{n} INFO worker {n % 7} has begun\n" for n in range(40)))
    return path


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("rows.csv", write_rows, ["data.text_column=text", "data.label_column=label"]),
        ("my data/it's, a=1.csv", awkward, ["data.encoding=cp1252", "data.blank=drop", "data.rare_classes=train"]),
        ("flags.csv", flags, ["task=multilabel", "data.label_column=[rude,loud]"]),
        ("separated.csv", separated, ["task=multilabel", "data.label_separator='|'"]),
        ("sets.jsonl", write_sets, ["task=multilabel"]),
        ("prices.csv", prices, ["task=regression", "data.label_column=price"]),
        ("pairs.csv", write_pairs, ["data.text_column=text"]),
        ("train.conll", write_tagged, ["task=tagging", "data=conll"]),
        ("ner.csv", words, ["task=tagging", "data.sentence_column='Sentence #'"]),
        ("numbered.tsv", numbered, ["data.header=false", "data.text_column=2", "data.label_column=1"]),
        ("SMSCollection", unnamed, ["data.format=csv", "data.text_column=2", "data.label_column=1"]),
        ("classes", classes, ["data=folder", "data.root=classes"]),
        ("app.log", lines, ["task=masked_lm"]),
    ],
)
def test_the_command_that_is_printed_works(sweepformer: Cli, name: str, write, expected: list[str]) -> None:  # type: ignore[no-untyped-def]
    write(Path(name))
    result = sweepformer("look", name)
    assert result.code == 0, result.screen
    typed = shlex.split(result.out.rstrip().splitlines()[-1])
    assert typed[:2] == ["sweepformer", "run"]
    assert set(expected) <= set(typed), typed
    run = sweepformer(*typed[1:], *QUICK)
    assert run.code == 0, run.screen


def test_given_splits_are_named_in_the_command(sweepformer: Cli) -> None:
    for name in ("train", "dev", "test"):
        write_rows(Path(f"{name}.csv"), 40).write_text(Path(f"{name}.csv").read_text().replace("the ", f"{name} "))
    result = sweepformer("look", "test.csv", "train.csv", "dev.csv", "--rows", "2")
    assert "data.train_file=train.csv data.val_file=dev.csv data.test_file=test.csv" in result.out
    assert result.out.count("(line ") == 2
    typed = shlex.split(result.out.rstrip().splitlines()[-1])
    assert sweepformer(*typed[1:], *QUICK).code == 0


def test_a_page_holds_all_of_it_and_no_markup_of_the_rows(sweepformer: Cli) -> None:
    Path("a.csv").write_text("text,label\n" + "".join(f"<b>bold</b> {n},<i>{n % 2}</i>\n" for n in range(9)))
    result = sweepformer("look", "a.csv", "--html", "page.html")
    assert result.code == 0, result.screen
    page = Path("page.html").read_text()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt; 1" in page
    for words in (
        "fields may be quoted",
        "Lengths in",
        "2 classes",
        "sweepformer run data=files data.train_file=a.csv",
    ):
        assert words in page
    assert "written: page.html" in result.err


def test_control_characters_of_rows_do_not_reach_the_terminal(sweepformer: Cli) -> None:
    Path("a.csv").write_text("text,label\n\x1b[31mred,x\x1b[0m\nblue,y\nblue,z\n")
    assert "\x1b" not in sweepformer("look", "a.csv").out


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.csv", None, [], "there is no file"),
        ("a.csv", b"", [], "a.csv is empty"),
        ("a.csv", b"text,label\n", [], "a.csv has no row"),
        ("a.png", b"\x89PNG", [], "Give --format, one of"),
        ("a.csv", b"\x00\x01\x00\x02" * 50, [], "holds NUL bytes"),
        ("a.csv", b'text,label\n"a,x\nb,y\nc",x\nd,y\n', [], "--quoting false"),
        ("a.csv", b"text,label\na,x\n", ["--encoding", "utf-99"], "--encoding utf-99: there is no such encoding"),
        ("a.csv", b"text,label\na,x\n", ["--separator", "ab"], "--separator 'ab': one character"),
        ("a.csv", b"text,label\na,x\n", ["--text-column", "words"], "--text-column words: there is no such column"),
        ("a.csv", b"text,label\na,x\n", ["--html", "a.csv/page.html"], "a.csv/page.html can't be written"),
        ("a.jsonl", b"{not json\n", [], "line 1: not JSON"),
        ("a.parquet", b"PAR1 and no more", [], "is not a Parquet file, or damaged"),
        ("a.csv.gz", b"\x1f\x8b\x08 broken", [], "damaged or incomplete"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_message(
    sweepformer: Cli, name: str, content: bytes | None, options: list[str], message: str
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    result = sweepformer("look", name, *options)
    assert result.code == 1
    assert message in result.err
    assert result.err.startswith("Error: ")
    assert "Traceback" not in result.screen


def test_standard_input_and_a_folder_beside_files_are_refused(sweepformer: Cli) -> None:
    assert "standard input" in sweepformer("look", "-").err
    assert "is a folder" in sweepformer("look", ".", "a.csv").err


def test_a_column_that_test_lacks_is_told(sweepformer: Cli) -> None:
    write_rows(Path("train.csv"), 9)
    Path("test.csv").write_text("text,class\na,x\n")
    result = sweepformer("look", "train.csv", "test.csv")
    assert result.code == 1
    assert "test.csv has no column 'label', which train.csv has" in result.err


def test_it_answers_without_torch(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", 30)
    write_rows(tmp_path / "test.csv", 9)
    code = (
        "import sys; sys.argv = ['src/look.py', 'train.csv', 'test.csv', '--html', 'page.html']\n"
        "from sweepformer.commands.look import main; main()\n"
        "assert not {'hydra', 'omegaconf', 'torch', 'sklearn', 'tokenizers'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"python -m src\.run .*data\.test_file=test\.csv", done.stdout)


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    rows = (json.dumps({"text": f"a text with some words, number {n}", "label": n % 2}) + "\n" for n in range(600_000))
    (tmp_path / "large.jsonl").write_text("".join(rows))
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "src" / "look.py"), "large.jsonl"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    opened = Path(f"/proc/{process.pid}/fd")
    while not any(os.path.realpath(one).endswith("large.jsonl") for one in list(opened.iterdir())):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
