"""Files of rows are written again with answers, in their own form, and a stopped command goes on to the same bytes."""

import csv
import gzip
import io
import json
import os
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import COLOURS

from sweepformer import Predictor, UserError, load
from sweepformer.inference.inputs import Way
from sweepformer.inference.prediction_files import Options, predict_file

Finished = Callable[[str], Path]
SHARES = [f"probability_{colour}" for colour in sorted(COLOURS)]
ROWS = [
    {"id": number, "text": f"the apple, number {number} is {COLOURS[number % 3]}", "label": COLOURS[number % 3]}
    for number in range(50)
]


@pytest.fixture
def run(finished: Finished) -> Predictor:
    return load(finished("class"), device="cpu")


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Rows in the form that the path's ending asks for."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    out = io.StringIO()
    if path.name.startswith("rows.jsonl"):
        out.writelines(json.dumps(row) + "\n" for row in rows)
    elif path.name.startswith("rows.txt"):
        out.writelines(row["text"] + "\n" for row in rows)
    else:
        writer = csv.DictWriter(out, list(rows[0]), delimiter="\t" if ".tsv" in path.name else ",")
        writer.writeheader()
        writer.writerows(rows)
    path.write_bytes(gzip.compress(out.getvalue().encode()) if path.suffix == ".gz" else out.getvalue().encode())
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in raw.decode().splitlines()]
    return list(csv.DictReader(io.StringIO(raw.decode(), newline=""), delimiter="\t" if ".tsv" in path.name else ","))


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.parquet", "rows.csv.gz", "rows.jsonl.gz"])
def test_rows_come_out_as_they_were_with_answers_added(run: Predictor, tmp_path: Path, name: str) -> None:
    report = run.predict_file(write(tmp_path / name), tmp_path / f"out-{name}", chunk_rows=16)
    rows = read(tmp_path / f"out-{name}")
    assert list(rows[0]) == ["id", "text", "label", "prediction", *SHARES]
    given = [{key: str(value) for key, value in row.items()} for row in ROWS] if "sv" in name else ROWS
    assert [{key: row[key] for key in ROWS[0]} for row in rows] == given
    texts = [row["text"] for row in ROWS]
    assert [row["prediction"] for row in rows] == run.predict(texts)
    shares = [[float(row[share]) for share in SHARES] for row in rows]
    np.testing.assert_allclose(shares, run.predict_proba(texts), atol=1e-5)
    right = sum(row["prediction"] == row["label"] for row in rows)
    assert (report.rows, report.tally.share) == (50, right / 50)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"out-{name}"])


ODD = [
    'quotes "", commas, and\ttabs',
    "two\nlines\r\nor three\rof them",
    "a return at the end\r",
    "\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0633\u0644\u0627\u0645 \U0001f469\u200d\U0001f469\u200d\U0001f466",
    " spaces around, =1+1",
]


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.parquet"])
def test_whatever_stands_in_a_text_comes_out_as_it_was(run: Predictor, tmp_path: Path, name: str) -> None:
    rows = [{"text": text, "of, whom": text} for text in ODD]
    path = tmp_path / name
    if "sv" in name:
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, delimiter="\t" if "tsv" in name else ",", quoting=csv.QUOTE_ALL)
            writer.writerows([list(rows[0]), *(row.values() for row in rows)])
    else:
        write(path, rows)
    run.predict_file(path, tmp_path / f"out-{name}")
    assert [{key: row[key] for key in rows[0]} for row in read(tmp_path / f"out-{name}")] == rows


def test_half_a_character_in_another_field_of_json_is_kept(run: Predictor, tmp_path: Path) -> None:
    row = {"text": "the apple is red", "author": "cut off \ud83d"}
    run.predict_file(write(tmp_path / "rows.jsonl", [row]), tmp_path / "out.jsonl")
    (found,) = read(tmp_path / "out.jsonl")
    assert {key: found[key] for key in row} == row


def test_parquet_keeps_its_types(run: Predictor, tmp_path: Path) -> None:
    run.predict_file(write(tmp_path / "rows.parquet"), tmp_path / "out.parquet", prefix="new_")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert [schema.field(name).type for name in ("id", "text", "new_prediction", f"new_{SHARES[0]}")] == [
        pa.int64(),
        pa.string(),
        pa.string(),
        pa.float32(),
    ]


def test_plain_text_becomes_tsv_a_row_for_every_line(run: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("the apple is red\n\nthe\thouse is blue")
    report = run.predict_file(path, tmp_path / "out.tsv")
    rows = read(tmp_path / "out.tsv")
    assert [row["text"] for row in rows] == ["the apple is red", "", "the\thouse is blue"]
    assert [rows[0]["prediction"], rows[2]["prediction"]] == run.predict(["the apple is red", "the\thouse is blue"])
    assert set(rows[1].values()) == {""}
    assert (report.rows, report.without_text, report.tally.share) == (3, 1, None)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_rows_without_a_text_have_no_answer(run: Predictor, tmp_path: Path, ending: str) -> None:
    rows = [{**row, "text": None if ending != "csv" else ""} if row["id"] % 5 == 0 else row for row in ROWS]
    report = run.predict_file(write(tmp_path / f"rows.{ending}", rows), tmp_path / f"out.{ending}", chunk_rows=8)
    assert report.without_text == 10
    empty, some = ("", None)[ending != "csv"], [row["text"] for row in rows if row["text"]]
    found = read(tmp_path / f"out.{ending}")
    assert [found[number]["prediction"] for number in range(0, 50, 5)] == [empty] * 10
    assert [found[number][SHARES[0]] for number in range(0, 50, 5)] == [empty] * 10
    assert [row["prediction"] for row in found if row["prediction"]] == run.predict(some)


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl.gz", "rows.parquet"])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_a_stopped_command_goes_on_to_the_same_bytes(
    run: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[BaseException]
) -> None:
    path, whole, out = write(tmp_path / name), tmp_path / f"whole-{name}", tmp_path / f"out-{name}"
    first = run.predict_file(path, whole, chunk_rows=7)
    answer, calls = run.answer, []

    def stops(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise error
        return answer(*arguments, **named)

    monkeypatch.setattr(run, "answer", stops)
    with pytest.raises(error):
        run.predict_file(path, out, chunk_rows=7)
    assert not out.exists()
    rest = tmp_path / f"out-{name}.part"
    if (rest / "rows").exists():  # killed while it was writing
        with (rest / "rows").open("ab") as file:
            file.write(b"half a ro")
    with pytest.raises(UserError, match=r"21 rows of it.*--resume.*--overwrite"):
        run.predict_file(path, out, chunk_rows=7)
    with pytest.raises(UserError, match=r"(?s)another command.*chunk_rows: 7 there, 8 now"):
        run.predict_file(path, out, chunk_rows=8, resume=True)
    second = run.predict_file(path, out, chunk_rows=7, resume=True)
    assert len(calls) == 4 + 5  # the first three chunks were not answered again
    assert out.read_bytes() == whole.read_bytes()
    assert (second.rows, second.counts) == (first.rows, first.counts)
    assert not rest.exists()
    assert run.predict_file(path, out, resume=True).was_whole
    with pytest.raises(UserError, match="is there already"):
        run.predict_file(path, out)
    assert run.predict_file(path, out, chunk_rows=7, overwrite=True).rows == 50
    assert out.read_bytes() == whole.read_bytes()


def test_a_kill_after_the_last_rename_leaves_nothing_to_do(run: Predictor, tmp_path: Path, monkeypatch: Any) -> None:
    from sweepformer.inference.unfinished import Unfinished

    path, out = write(tmp_path / "rows.csv"), tmp_path / "out.csv"
    with monkeypatch.context() as now:
        now.setattr(Unfinished, "remove", lambda self: None)
        run.predict_file(path, out)
    written = out.read_bytes()
    assert (tmp_path / "out.csv.part").exists()
    assert run.predict_file(path, out, resume=True).was_whole
    assert out.read_bytes() == written
    assert not (tmp_path / "out.csv.part").exists()


def test_a_kill_while_the_rows_are_cleared_away_leaves_the_file_whole(
    run: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write(tmp_path / "rows.parquet"), tmp_path / "out.parquet"

    def killed(folder: Path, **options: Any) -> None:
        (folder / "000000.parquet").unlink()
        raise Stop

    with monkeypatch.context() as now:
        now.setattr("sweepformer.inference.unfinished.shutil.rmtree", killed)
        with pytest.raises(Stop):
            run.predict_file(path, out, chunk_rows=20)
    assert run.predict_file(path, out, chunk_rows=20, resume=True).was_whole
    assert len(read(out)) == 50


def test_parquet_in_many_parts_is_joined_with_few_files_open(run: Predictor, tmp_path: Path) -> None:
    rows = [{"text": f"row {number} is red"} for number in range(150)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    path = write(tmp_path / "rows.parquet", rows)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, limits[1]))
    try:
        run.predict_file(path, tmp_path / "out.parquet", chunk_rows=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(read(tmp_path / "out.parquet")) == 150


def test_a_whole_file_is_not_taken_for_that_of_a_newer_input(run: Predictor, tmp_path: Path) -> None:
    path, out = write(tmp_path / "rows.csv"), tmp_path / "out.csv"
    run.predict_file(path, out)
    write(path, ROWS[:10])
    os.utime(path, ns=(0, out.stat().st_mtime_ns + 1))
    with pytest.raises(UserError, match=r"out\.csv is whole, and older than .*rows\.csv: give --overwrite"):
        run.predict_file(path, out, resume=True)
    assert run.predict_file(path, out, overwrite=True).rows == 10


def test_another_process_is_not_written_over(run: Predictor, tmp_path: Path) -> None:
    from sweepformer.files.locks import locked

    with locked(tmp_path / "out.csv.part" / ".lock"), pytest.raises(UserError, match="by another process"):
        run.predict_file(write(tmp_path / "rows.csv"), tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("name", "rows", "added"),
    [
        ("sets", [{"text": "it is red and blue", "label": ["red", "blue"]}], {"prediction": list}),
        ("numbers", [{"text": "more more stone", "label": 1020}], {"prediction": float}),
        ("tags", [{"tokens": ["the", "Red"], "tags": ["O", "B-COL"]}], {"prediction": list, "spans": list}),
        ("pairs", [{"text": "it is red", "other": "red", "label": "same"}], {"prediction": str}),
        ("next", [{"text": "the apple is red"}, {"text": "the"}], {"loss": float, "perplexity": float, "tokens": int}),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_every_kind_of_run_answers_for_files(
    finished: Finished, tmp_path: Path, name: str, rows: list[dict[str, Any]], added: dict[str, type], ending: str
) -> None:
    run = load(finished(name), device="cpu")
    report = run.predict_file(write(tmp_path / f"rows.{ending}", rows), tmp_path / f"out.{ending}")
    found = read(tmp_path / f"out.{ending}")[0]
    assert set(found) - set(rows[0]) == {
        *added,
        *(f"probability_{one}" for one in run.classes if name in ("sets", "pairs")),
    }
    assert all(isinstance(found[column], kind) for column, kind in added.items())
    assert (report.tally.share is None) == (name == "next")
    if name == "tags":
        assert found["prediction"] == run.predict([rows[0]["tokens"]])[0]
        assert all(set(span) == {"type", "start", "end", "text"} for span in found["spans"])


@pytest.mark.parametrize(
    ("name", "labels", "right"),
    [
        ("class", [float("nan"), "  ", None, " red ", "red"], 2),
        ("sets", [float("nan"), "", None, ["red", "red"], "red; "], 2),
        ("numbers", [float("nan"), " ", None], None),
    ],
)
def test_labels_are_read_as_in_training_and_blank_ones_are_none(
    finished: Finished, tmp_path: Path, name: str, labels: list[Any], right: int | None
) -> None:
    run = load(finished(name), device="cpu")
    rows = [{"text": "it is red", "label": label} for label in labels]
    report = run.predict_file(write(tmp_path / "rows.jsonl", rows), tmp_path / "out.jsonl")
    assert report.tally.asked == (right or 0)
    if right:
        said = run.predict(["it is red"])[0]
        assert report.tally.right == (right if said in ("red", ["red"]) else 0)


@pytest.mark.parametrize(("name", "label"), [("sets", 5), ("tags", 5), ("numbers", "nan"), ("class", ["red"])])
def test_labels_that_can_be_none_of_the_task_are_named(
    finished: Finished, tmp_path: Path, name: str, label: Any
) -> None:
    rows = [{"text": "it is red", "truth": label}]
    options = {"label_column": "truth", "text_column": "text"}
    with pytest.raises(UserError, match=r"rows\.jsonl, line 1: column 'truth' holds"):
        load(finished(name)).predict_file(write(tmp_path / "rows.jsonl", rows), tmp_path / "out.jsonl", **options)


def test_lists_in_csv_are_written_as_they_are_read(finished: Finished, tmp_path: Path) -> None:
    run = load(finished("sets"), device="cpu")
    texts = [f"it is {' and '.join(COLOURS[number % 3 :])} {number}" for number in range(9)]
    path = write(tmp_path / "rows.csv", [{"text": text, "label": ""} for text in texts])
    run.predict_file(path, tmp_path / "out.csv")
    said = [row["prediction"] for row in read(tmp_path / "out.csv")]
    assert said == [";".join(one) for one in run.predict(texts)]


def test_standard_input_goes_to_the_screen(
    run: Predictor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    raw = write(tmp_path / "rows.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    report = predict_file(run, Path("-"), None, Options(way=Way(".csv"), probabilities=False, chunk_rows=20))
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["id", "text", "label", "prediction"]
    assert [row["prediction"] for row in rows] == run.predict([row["text"] for row in ROWS])
    assert report.rows == 50


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        ("rows.csv", "", {}, ["rows.csv", "is empty"]),
        ("rows.csv", "text,label\n", {}, ["rows.csv", "holds no row"]),
        (
            "rows.csv",
            "txt,label\na,red\n",
            {},
            ["'text'", "txt, label", "Did you mean txt?", "--text-column"],
        ),
        ("rows.csv", "text,label\na,red\n", {"label_column": "lable"}, ["'lable'", "Did you mean label?"]),
        ("rows.csv", "text,prediction\na,red\n", {}, ["'prediction'", "--prefix"]),
        ("rows.csv", "text,label\na\n", {}, ["row 1", "1 field"]),
        ("rows.jsonl", '{"text": 5}\n', {}, ["line 1", "int 5"]),
        ("rows.jsonl", '{"text": "a"}\n{"text": "b", "prediction": 1}\n', {}, ["'prediction'", "--prefix"]),
        ("rows.xlsx", "?", {}, ["rows.xlsx", "not an Excel workbook"]),
        ("rows.doc", "?", {}, ["rows.doc", ".csv"]),
        ("rows.parquet", "?", {}, ["rows.parquet", "not a Parquet file"]),
    ],
)
def test_files_that_cannot_be_used_are_named(
    run: Predictor, tmp_path: Path, name: str, content: str, options: dict[str, Any], words: list[str]
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError) as error:
        run.predict_file(path, tmp_path / f"out{path.suffix}", **options)
    assert all(word in str(error.value) for word in words), error.value
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_outputs_that_cannot_be_used_are_named(run: Predictor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv")
    for given, words in {
        "out.parquet": "name it *.csv (or *.tsv, *.jsonl)",
        "rows.csv": "is the input itself",
    }.items():
        with pytest.raises(UserError, match=re.escape(words)):
            run.predict_file(path, tmp_path / given)
    with pytest.raises(UserError, match="holds no text"):
        run.predict_file(tmp_path, tmp_path / "out.csv")
    with pytest.raises(UserError, match="chunk_rows=0"):
        run.predict_file(path, tmp_path / "out.csv", chunk_rows=0)
