"""python -m src.predict, as a user types it."""

import csv
import io
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, Result, ended, write_rows

from sweepformer import load
from sweepformer.inference.predictor import Predictor

Finished = Callable[[str], Path]
Predict = Callable[..., Result]


@pytest.fixture
def predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], finished: Finished
) -> Predict:
    """Call with the command's arguments, in a folder with rows.csv."""
    from src.predict import main

    finished("class")
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.csv", 40)
    capfd.readouterr()

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["src/predict.py", *map(str, arguments)])
        return ended(main, capfd, tmp_path)

    return run


def test_labelled_rows_are_answered_and_counted(predict: Predict, finished: Finished, tmp_path: Path) -> None:
    result = predict(finished("class"), "rows.csv", "--output", "out.csv")
    assert result.code == 0, result.screen
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    right = sum(row["prediction"] == row["label"] for row in rows)
    assert "40 rows written to out.csv" in result.err
    assert f"accuracy {right / 40:.4f}: {right} of 40 labelled rows are right" in result.err
    assert result.out == ""
    assert "nothing to do" in predict(finished("class"), "rows.csv", "--output", "out.csv", "--resume").err
    again = predict(finished("class"), "rows.csv", "--output", "out.csv")
    assert again.code == 1
    assert "Error: out.csv is there already" in again.err


def test_lines_of_standard_input_are_answered(
    predict: Predict, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the apple is red\nthe house is blue\n")))
    result = predict(finished("class"), "-", "--no-probabilities")
    assert result.code == 0, result.screen
    first, second = load(finished("class")).predict(["the apple is red", "the house is blue"])
    assert result.out == f"text\tprediction\nthe apple is red\t{first}\nthe house is blue\t{second}\n"


def test_ctrl_c_says_how_to_go_on(
    predict: Predict, finished: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer, calls = Predictor.answer, []

    def stops(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return answer(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "answer", stops)
    command = (finished("class"), "rows.csv", "--output", "out.csv", "--chunk-rows", 10)
    stopped = predict(*command)
    assert stopped.code == 130
    assert (
        f"python -m src.predict {finished('class')} rows.csv --output out.csv --chunk-rows 10 --resume" in stopped.err
    )
    assert not (tmp_path / "out.csv").exists()
    resumed = predict(*command, "--resume")
    assert resumed.code == 0, resumed.screen
    assert len(list(csv.DictReader((tmp_path / "out.csv").open()))) == 40
    assert len(calls) == 3 + 2


def test_texts_that_are_cut_are_counted(predict: Predict, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("red\n" + "red house " * 300 + "\n")
    result = predict(finished("class"), "long.txt")
    assert result.code == 0
    assert "1 of them are too long to be read whole: their beginning was read, model.max_length=" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "rows.csv"], ["nowhere", "no such file or folder"]),
        (["RUN", "nowhere.csv"], ["INPUT", "there is no file", "nowhere.csv"]),
        (["RUN", "rows.csv", "--text-column", "body"], ["'body'", "text, label"]),
        (["RUN", "rows.csv", "--output", "no/such/out.csv", "--device", "tpu9"], ["device=tpu9"]),
        (["RUN", "rows.csv", "--resume"], ["--resume needs --output"]),
        (["RUN", "rows.csv", "--output", "rows.csv/out.csv"], ["rows.csv/out.csv can't be written"]),
    ],
)
def test_mistakes_are_told_in_one_line(
    predict: Predict, finished: Finished, arguments: list[str], words: list[str]
) -> None:
    result = predict(*(finished("class") if one == "RUN" else one for one in arguments))
    assert result.code == 1
    assert result.err.startswith("Error: ")
    assert all(word in result.err for word in words), result.err
    assert "Traceback" not in result.err
    assert result.err.count("\n") <= 1


def test_the_readme_s_commands_and_program_work(
    predict: Predict, finished: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    .*python -m src\.predict (.*)$", readme, re.M)
    assert len(commands) >= 2
    for command in commands:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the apple is red\n")))
        given = [finished("class") if one.startswith(("outputs/", "multirun/")) else one for one in command.split()]
        result = predict(*given)
        assert result.code == 0, result.screen
    program = re.search(r"^    from sweepformer import load\n\n((?:    .*\n)+)", readme, re.M)
    assert program is not None
    (tmp_path / "outputs" / "DATE").mkdir(parents=True)
    (tmp_path / "outputs" / "DATE" / "RUN").symlink_to(finished("class"))
    names = {"load": load}
    exec(textwrap.dedent(program[1]), names)
    assert names["run"].predict(["red"])  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_killed_again_and_again_it_comes_to_the_same_bytes(finished: Finished, tmp_path: Path, ending: str) -> None:
    rows = [f"the {number} apple is red" for number in range(20_000)]  # seconds of work, so that there is time to kill
    pq.write_table(pa.table({"text": rows}), tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text("\n".join(["text", *rows]) + "\n")
    command = [sys.executable, "-m", "src.predict", str(finished("class")), str(tmp_path / f"rows.{ending}")]
    command += ["--output", str(tmp_path / f"out.{ending}"), "--resume", "--chunk-rows", "20", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    kills, random = 0, Random(0)
    while True:
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, cwd=ROOT)
        try:
            assert process.wait(timeout=1 + kills / 2 + random.random()) == 0
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    assert kills
    undisturbed = [one for one in command if one != "--resume"]
    undisturbed[undisturbed.index("--output") + 1] = str(tmp_path / f"again.{ending}")
    assert subprocess.run(undisturbed, env=environment, capture_output=True, cwd=ROOT).returncode == 0
    assert (tmp_path / f"out.{ending}").read_bytes() == (tmp_path / f"again.{ending}").read_bytes()
