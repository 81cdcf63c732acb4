"""What a file is, is seen from it and told; its rows are read as they stand there."""

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from sweepformer.data.reading.any_file import open_table
from sweepformer.data.reading.form import Asked
from sweepformer.data.reading.table import Record
from sweepformer.errors import UserError

ROWS = [
    {"text": f"the tea number {number} was {'hot' if number % 2 else 'cold'}", "label": "ny"[number % 2]}
    for number in range(30)
]
TEA = "чай"


def read(path: Path, label: str | None = "label", **asked: Any) -> tuple[str, list[dict[str, Any]]]:
    table = open_table(path, "data.train_file", Asked(**asked), ["text"], label)
    records = list(table.records())
    assert all(isinstance(one, Record) for one in records)
    return str(table.form), [dict(one.fields) for one in records]  # type: ignore[union-attr]


def separated(by: str, head: str = "") -> str:
    return head + "".join(f"{one}{by}{other}\n" for one, other in [("text", "label"), *(row.values() for row in ROWS)])


def array(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=1)


CONTENTS = {
    "comma.csv": (separated(","), "CSV"),
    "semicolon.csv": (separated(";"), "CSV, separated by semicolon"),
    "bar.csv": (separated("|"), "CSV, separated by bar"),
    "tab.csv": (separated("\t"), "TSV"),
    "excel.csv": (separated(";", "sep=;\n"), "CSV, separated by semicolon"),
    "tilde.csv": (separated("~", "sep=~\n"), "CSV, separated by '~'"),
    "mac.csv": (separated(",").replace("\n", "\r"), "CSV"),
    "windows.tsv": (separated("\t").replace("\n", "\r\n"), "TSV"),
    "tabs.txt": (separated("\t"), "TSV"),
    "no_ending": (separated(";"), "CSV, separated by semicolon"),
    "array.json": (array(ROWS), "JSON"),
    "lines.json": ("".join(json.dumps(row) + "\n" for row in ROWS), "JSON lines"),
    "lines.txt": ("".join(json.dumps(row) + "\n" for row in ROWS), "JSON lines"),
    "fast.txt": ("".join(f"__label__{row['label']} {row['text']}\n" for row in ROWS), "fastText"),
    "behind.txt": ("".join(f"{row['text']} __label__{row['label']}\n" for row in ROWS), "fastText"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_form_is_seen_and_told(tmp_path: Path, name: str) -> None:
    content, told = CONTENTS[name]
    (tmp_path / name).write_bytes(content.encode())
    assert read(tmp_path / name) == (told, ROWS)


@pytest.mark.parametrize("name", ["comma.csv", "array.json", "fast.txt"])
@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst", "zip"])
def test_packed_files_are_unpacked(tmp_path: Path, name: str, packing: str) -> None:
    content, told = CONTENTS[name][0].encode(), CONTENTS[name][1]
    path = tmp_path / f"{name}.{packing}"
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, content)
            archive.writestr("__MACOSX/._x", b"?")
    elif packing == "zst":
        with pyarrow.CompressedOutputStream(str(path), "zstd") as file:
            file.write(content)
    else:
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[packing].compress(content))  # type: ignore[attr-defined]
    assert read(path) == (told, ROWS)


@pytest.mark.parametrize(
    ("encoding", "asked", "told"),
    [("utf-8-sig", None, "CSV"), ("utf-16", None, "CSV, UTF-16"), ("cp1251", "cp1251", "CSV, CP1251")],
)
def test_encodings(tmp_path: Path, encoding: str, asked: str | None, told: str) -> None:
    (tmp_path / "a.csv").write_bytes(f"text,label\n{TEA},да\n".encode(encoding))
    rows = [{"text": TEA, "label": "да"}]
    assert read(tmp_path / "a.csv", encoding=asked) == (told, rows)


def test_an_encoding_that_may_be_meant_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\nla crème brûlée,a\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"line 2 holds byte 0xe8.*data\.encoding=cp1252.*crème"):
        read(tmp_path / "a.csv")
    with pytest.raises(UserError, match="there is no such encoding"):
        read(tmp_path / "a.csv", encoding="latin-77")


def test_utf_16_without_its_mark_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(separated(",").replace("tea", "Grün").encode("utf-16-le"))
    with pytest.raises(UserError, match=r"data\.encoding=utf-16-le"):
        read(tmp_path / "a.csv")
    assert len(read(tmp_path / "a.csv", encoding="utf-16-le")[1]) == len(ROWS)


QUOTES = ['"Win', "a plain one", '"Hot" she said', 'prize"', 'a 5" pipe']


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.csv"])
def test_quotes_between_tabs_are_part_of_texts(tmp_path: Path, name: str) -> None:
    rows = [{"label": str(number), "text": text} for number, text in enumerate(QUOTES * 3)]
    lines = "".join(f"{row['label']}\t{row['text']}\n" for row in rows)
    (tmp_path / name).write_text("label\ttext\n" + lines, encoding="utf-8")
    assert read(tmp_path / name) == ("TSV", rows)


def test_tsv_that_is_quoted_rightly_is_read_so(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('label\ttext\na\t"He said ""hi""."\nb\tplain\n', encoding="utf-8")
    assert [row["text"] for row in read(tmp_path / "a.tsv")[1]] == ['He said "hi".', "plain"]
    (tmp_path / "b.tsv").write_text('label\ttext\na\t"two\nlines"\nb\tplain\n', encoding="utf-8")
    assert [row["text"] for row in read(tmp_path / "b.tsv")[1]] == ["two\nlines", "plain"]


def test_quotes_that_would_join_rows_of_csv_are_refused_or_taken_as_they_are(tmp_path: Path) -> None:
    lines = ["text,label", *(f"tea {number},{'ab'[number % 2]}" for number in range(9))]
    lines[3], lines[7] = '"Win tea,a', 'tea now",b'
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"row 3 \(line 4\).*quote.*data\.quoting=false"):
        read(tmp_path / "a.csv")
    texts = [row["text"] for row in read(tmp_path / "a.csv", quoting=False)[1]]
    assert (len(texts), texts[2], texts[6]) == (9, '"Win tea', 'tea now"')


def test_quotes_that_join_rows_far_down_are_found_by_their_labels(tmp_path: Path) -> None:
    lines = ["label,text", 'a,"one, two"', *("ab"[number % 2] + f",tea {number}" for number in range(20))]
    lines[9], lines[14] = 'a,"Win tea', 'b,now"'
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="joins lines 10 to 15 into one row"):
        read(tmp_path / "a.csv")


def test_texts_of_several_lines_are_one_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('label,text\na,"one,\ntwo\n\nthree, four"\nb,x\n', encoding="utf-8")
    assert [row["text"] for row in read(tmp_path / "a.csv")[1]] == ["one,\ntwo\n\nthree, four", "x"]


def test_a_text_of_several_lines_before_its_label_is_one_row(tmp_path: Path) -> None:
    """Its last line has as many cells as a row, and a label that is known: its own."""
    (tmp_path / "a.csv").write_text('text,label\nx,a\ny,b\n"\none, two\n\n",a\nz,b\n', encoding="utf-8")
    assert [row["label"] for row in read(tmp_path / "a.csv")[1]] == ["a", "b", "a", "b"]


def test_columns_that_nobody_reads_may_have_any_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,text,,\na,b,,\n", encoding="utf-8")
    assert read(tmp_path / "a.csv")[1] == [{"label": "a", "text": "b", "column 3": "", "column 4": ""}]
    (tmp_path / "a.csv").write_text("label,text,text\na,b,c\n", encoding="utf-8")
    with pytest.raises(UserError, match="two columns named 'text'"):
        read(tmp_path / "a.csv")


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,one\nb,two\na,three\n", encoding="utf-8")
    table = open_table(tmp_path / "a.csv", "data.train_file", Asked(), ["2"], "1")
    assert str(table.form) == "CSV, no header"
    assert table.first_rows()[0] == ["a", "one"]
    (tmp_path / "b.csv").write_text("label,text\nb,two\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"by number.*data\.header=true"):
        open_table(tmp_path / "b.csv", "data.train_file", Asked(), ["2"], "1")


def test_objects_are_asked_by_dotted_names(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"doc": {"body": "hi"}, "x.y": 1}\n', encoding="utf-8")
    table = open_table(tmp_path / "a.jsonl", "data.train_file")
    assert table.columns == ["doc", "doc.body", "x.y"]
    (record,) = table.records()
    assert [record.fields.get(name) for name in ("doc.body", "x.y", "doc.no")] == ["hi", 1, None]  # type: ignore[union-attr]


def test_parquet_names_classes_that_it_has_as_numbers(tmp_path: Path) -> None:
    names = {"_type": "ClassLabel", "names": ["cold", "hot"]}
    features = {"label": names, "tags": {"feature": names, "_type": "List"}}
    table = pyarrow.table({"text": ["a", "b"], "label": [1, -1], "tags": [[0, 1], []]})
    table = table.append_column("kind", pyarrow.array(["x", "y"]).dictionary_encode())
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[1] == [
        {"text": "a", "label": "hot", "tags": ["cold", "hot"], "kind": "x"},
        {"text": "b", "label": None, "tags": [], "kind": "y"},
    ]


def test_a_sheet_is_read_as_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["text", "label", None], ["tea", 1, None], [None, None, None], ["milk", True, None]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx") == ("Excel", [{"text": "tea", "label": "1"}, {"text": "milk", "label": "True"}])


def test_fasta_has_labels_behind_a_bar(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(">p1|toxic\nMK\nAL\n;note\n>p2 plain\nGG\n", encoding="utf-8")
    assert read(tmp_path / "a.fasta")[1] == [
        {"id": "p1", "text": "MKAL", "label": "toxic"},
        {"id": "p2", "text": "GG", "label": None},
    ]


def test_a_form_that_changes_half_way_is_told_with_its_line(tmp_path: Path) -> None:
    lines = [f"tea {number},a" for number in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *lines, "tea;a", "x,y,z"]), encoding="utf-8")
    broken = [one for one in open_table(tmp_path / "a.csv", "data.train_file").records() if not isinstance(one, Record)]
    assert [one.where for one in broken] == ["row 41 (line 42)", "row 42 (line 43)"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b'[{"text": "a"}, {"text": "b"', ["record 2 is not JSON"]),
        ("a.csv.bz2", b"text,label\n", ["not a .bz2 file"]),
        ("a.docx", b"PK?", ["unknown ending", "data.format"]),
        ("a.zip", b"PK\x03\x04?", ["can't be unpacked"]),
    ],
)
def test_damage_is_explained(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        list(open_table(tmp_path / name, "data.train_file", Asked(), ["text"]).records())
    assert all(word in str(error.value) for word in ["data.train_file", *words])


@pytest.mark.parametrize(
    ("first", "between"), [('[{"text": "a"}]', "\n"), ('[{"text": "a"}\n]', ""), ('{"text": "a"}\n', "")]
)
def test_what_follows_an_array_is_read_too(tmp_path: Path, first: str, between: str) -> None:
    second = '{"text": "b"}' if first.startswith("{") else '[{"text": "b"}]\n\n'
    (tmp_path / "a.json").write_text(first + between + second, encoding="utf-8")
    assert read(tmp_path / "a.json", None)[1] == [{"text": "a"}, {"text": "b"}]


def test_what_follows_an_array_and_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"text": "a"}] this is no JSON', encoding="utf-8")
    with pytest.raises(UserError, match=r"after record 1 .* comes 'this is no JSON'"):
        read(tmp_path / "a.json")


def test_one_object_with_lists_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"version": 1, "data": ROWS}, indent=1), encoding="utf-8")
    with pytest.raises(UserError, match="one JSON object, with lists in data"):
        read(tmp_path / "a.json")


@pytest.mark.parametrize(("separator", "told"), [("\t", "TSV"), (";", "CSV, separated by semicolon")])
def test_texts_with_commas_are_not_cut_at_them(tmp_path: Path, separator: str, told: str) -> None:
    rows = "".join(f"I feel, {'well, ' * (number % 3)}TEXT {number}{separator}joy\n" for number in range(30))
    (tmp_path / "a.txt").write_text(rows, encoding="utf-8")
    table = open_table(tmp_path / "a.txt", "data.train_file", Asked(header=False), ["1"], "2")
    assert str(table.form).startswith(told)
    assert {tuple(row)[1] for row in table.first_rows()} == {"joy"}


def test_a_table_beside_a_readme_in_a_zip_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("d/README.md", "of rows")
        archive.writestr("d/rows.csv", separated(","))
    assert read(tmp_path / "a.zip") == ("CSV", ROWS)


def test_a_zip_of_several_tables_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("one.csv", "two.csv"):
            archive.writestr(name, "text,label\n")
    with pytest.raises(UserError, match=r"data\.train_file: .*holds 2 files: one\.csv, two\.csv"):
        open_table(tmp_path / "a.zip", "data.train_file")


def test_what_is_asked_for_is_checked() -> None:
    with pytest.raises(UserError, match=r"data\.separator"):
        Asked(separator="--")
    with pytest.raises(UserError, match=r"data\.format=doc: allowed are csv"):
        Asked(format="doc")
