"""Whatever form rows are written in, each is read once and as it was, or the user is told why not."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweepformer.data.sources.files import Files
from sweepformer.errors import UserError

LETTERS = st.sampled_from(list("abc \"'\n\t,;|é\u2028{[>#"))
TEXTS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text.strip() == text)
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["ham", "spam"])), min_size=1, max_size=12)
LINES = TEXTS.map(lambda text: " ".join(text.split())).filter(lambda text: text.strip('" '))
PLAIN = st.lists(st.tuples(LINES, st.sampled_from(["ham", "spam"])), min_size=1)
ANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
Pairs = list[tuple[str, str]]


def read(path: Path, **options: Any) -> Pairs | None:
    """Texts and labels of all rows that were read and all that were left out; None: the file was refused."""
    try:
        rows = Files(str(path), **options).read().train
    except UserError:
        return None
    found = int(rows.account.split(": ")[-1].split()[0].replace(",", "")) if ";" not in rows.account else None
    assert found in (None, len(rows))
    return list(zip(rows.texts, rows.labels, strict=True))


@ANY
@given(rows=ROWS, separator=st.sampled_from(",;\t|"), ends=st.sampled_from(["\n", "\r\n"]), every=st.booleans())
def test_quoted_tables(tmp_path: Path, rows: Pairs, separator: str, ends: str, every: bool) -> None:
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=separator, lineterminator=ends, quoting=quoting)
    writer.writerows([("text", "label"), *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(text.getvalue().encode())
    # Between tabs quotes join no lines, where all of these are rows.
    if separator != "\t" or not any("\n" in text for text, _ in rows):
        assert read(path) in (None, rows)
    assert read(path, quoting=True) == rows


@ANY
@given(rows=PLAIN, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_tables_without_quoting(tmp_path: Path, rows: Pairs, encoding: str) -> None:
    """Tabs stand between columns, and quotes are part of texts: the table that spreadsheets and shells write."""
    path = tmp_path / "a.tsv"
    path.write_bytes("".join(f"{label}\t{text}\n" for text, label in [("text", "label"), *rows]).encode(encoding))
    found = read(path)
    assert found is not None
    assert [label for _, label in found] == [label for _, label in rows]
    as_they_are = [text for text, _ in rows]
    unquoted = [next(csv.reader([text], delimiter="\t"))[0] for text in as_they_are]  # where all of them are quoted
    assert [text for text, _ in found] in (as_they_are, unquoted)
    assert read(path, quoting=False) == rows


@ANY
@given(rows=ROWS, indent=st.sampled_from([None, 2]), array=st.booleans(), name=st.sampled_from(["a.json", "a.jsonl"]))
def test_objects(tmp_path: Path, rows: Pairs, indent: int | None, array: bool, name: str) -> None:
    objects = [{"label": label, "text": text} for text, label in rows]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)
    is_array = array and name == "a.json"
    (tmp_path / name).write_text(json.dumps(objects, indent=indent) if is_array else lines, encoding="utf-8")
    assert read(tmp_path / name) == rows


@ANY
@given(rows=ROWS, size=st.integers(1, 5))
def test_parquet(tmp_path: Path, rows: Pairs, size: int) -> None:
    table = pyarrow.table({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=size)
    assert read(tmp_path / "a.parquet") == rows


@ANY
@given(rows=PLAIN)
def test_fasttext(tmp_path: Path, rows: Pairs) -> None:
    lines = "".join(f"__label__{label} {text}\n" for text, label in rows)
    (tmp_path / "a.txt").write_text(lines, encoding="utf-8")
    assert read(tmp_path / "a.txt") == rows


@given(rows=st.lists(st.tuples(st.sampled_from(["a", "b c", "", "  "]), st.sampled_from(["x", "y", ""])), min_size=1))
@ANY
def test_rows_that_are_left_out_are_counted(tmp_path: Path, rows: Pairs) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows), encoding="utf-8"
    )
    kept = [row for row in rows if row[0].strip() and row[1]]
    without_text = sum(not text.strip() for text, _ in rows)
    without_label = len(rows) - len(kept) - without_text
    source = Files(str(tmp_path / "a.jsonl"), blank="drop")
    if not kept:
        with pytest.raises(UserError, match="holds no row that can be used"):
            source.read()
        return
    found = source.read().train
    assert list(zip(found.texts, found.labels, strict=True)) == kept
    assert f": {len(rows)} rows" in found.account
    for count, what in ((without_text, "without a text"), (without_label, "without a label")):
        assert (f"{count} {what}" in found.account) == (count > 0)
