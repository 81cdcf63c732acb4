"""Files as they come: what is read, and what is said of those that can't be."""

import gzip
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from sweepformer.data.sources.files import Files
from sweepformer.errors import UserError


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # tests go by their parameters: the same in every process


def write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"text,label\none,1\ntwo,2\n"),
        ("a.csv", b"\xef\xbb\xbftext,label\r\none,1\r\ntwo,2\r\n"),
        ("a.tsv", b"text\tlabel\none\t1\ntwo\t2\n"),
        ("a.csv.gz", zipped(b"text,label\none,1\ntwo,2\n")),
        ("a.csv", zipped(b"text,label\none,1\ntwo,2\n")),
        ("a.jsonl", b'{"text": "one", "label": 1}\n\n{"text": "two", "label": 2.0}\n'),
        ("a.ndjson.gz", zipped(b'{"text": "one", "label": "1"}\n{"text": "two", "label": "2"}\n')),
    ],
)
def test_formats_agree(tmp_path: Path, name: str, content: bytes) -> None:
    rows = Files(write(tmp_path, name, content)).read().train
    assert (list(rows.texts), list(rows.labels), list(rows.ids)) == (["one", "two"], ["1", "2"], ["1", "2"])


def test_parquet_labels_become_words(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["one", "two"], "label": [3.0, 4.0], "flag": [True, False]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    path = str(tmp_path / "a.parquet")
    assert list(Files(path).read().train.labels) == ["3", "4"]
    assert list(Files(path, label_column="flag").read().train.labels) == ["true", "false"]


def test_odd_line_ends_stay_inside_a_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'text,label\nNA,x\n"a\nb",y\nc\u0085d\u2028e\x0cf,z\n'.encode())
    assert list(Files(path).read().train.texts) == ["NA", "a\nb", "c\u0085d\u2028e\x0cf"]


BAD = [
    ("empty.csv", b"", ["empty"]),
    ("header.csv", b"text,label\n", ["no row"]),
    ("nul.csv", b"text,label\na\0b,x\n", ["NUL", "row 1"]),
    ("latin.csv", b"text,label\ncaf\xe9,x\n", ["UTF-8", "0xe9"]),
    ("quote.csv", b'text,label\na,x\n"abc,y\n', ["quote", "row 2", "line 3"]),
    ("few.csv", b"text,label\na\n", ["row 1", "1 field", "2"]),
    ("many.csv", b"text,label\na,b,c\n", ["row 1", "3 fields"]),
    ("twice.csv", b"text,text\na,b\n", ["two columns", "'text'"]),
    ("column.csv", b"txet,label\na,b\n", ["data.text_column", "txet, label", "Did you mean"]),
    ("text.csv", b"text,label\na,x\n  ,x\n", ["row 2", "no text"]),
    ("label.csv", b"text,label\na,\n", ["row 1", "no label"]),
    ("bad.csv.gz", b"text,label\n", ["unpacked"]),
    ("cut_latin1.csv.gz", zipped(b"text,label\ncaf\xe9" + b"abc" * 20_000)[:-9], ["unpacked"]),
    ("cut.csv.gz", zipped(b"text,label\n" + b"a,b\n" * 9999)[:40], ["unpacked"]),
    ("bad.parquet", b"nonsense", ["Parquet"]),
    ("a.doc", b"a", [".csv", ".parquet"]),
    ("array.jsonl", b"[1]\n", ["line 1", "not an object"]),
    ("broken.jsonl", b'{"text": "a", "label": 1}\n{no\n', ["line 2", "not JSON"]),
    ("number.jsonl", b'{"text": 5, "label": 1}\n', ["line 1", "not text"]),
    ("half.jsonl", b'{"text": "\\ud800", "label": 1}\n', ["line 1", "surrogate"]),
    ("half_label.jsonl", b'{"text": "a", "label": "\\ud800"}\n', ["line 1", "surrogate"]),
    ("null.jsonl", b'{"text": "a", "label": null}\n', ["line 1", "no label"]),
]


@pytest.mark.parametrize(("name", "content", "words"), BAD, ids=[name for name, *_ in BAD])
def test_bad_file_is_explained(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        Files(write(tmp_path, name, content)).read()
    for word in [name, *words]:
        assert word in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=str(tmp_path / "none.csv")):
        Files("none.csv").read()
    with pytest.raises(UserError, match="folder"):
        Files(str(tmp_path)).read()


def test_fingerprint_follows_content_and_options(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"text,label\na,x\n")
    first = Files(path).fingerprint()
    assert first == Files(path).fingerprint() != Files(path, label_column="text").fingerprint()
    write(tmp_path, "a.csv", b"text,label\nb,x\n")
    assert Files(path).fingerprint() != first


def test_lines_of_a_plain_text_are_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt.gz", zipped(b" one \n\ntwo\r\n"))
    rows = Files(path, text_column="body", labelled="nothing").read().train
    assert list(rows.texts) == ["one", "two"]
    with pytest.raises(UserError, match=r"data\.label_column=label: .*a\.txt\.gz has no such column"):
        Files(path).read()


def test_a_message_stays_short_whatever_the_columns_are_called(tmp_path: Path) -> None:
    """A file without its first line, for one, has a text for a name."""
    names = ",".join(["word " * 100_000, *map(str, range(500))])
    for head in (names, f"{names},7"):  # a column that isn't there, and one that is there twice
        torn = write(tmp_path, "a.csv", f"{head}\n".encode())
        with pytest.raises(UserError) as caught:
            Files(torn).read()
        assert len(str(caught.value)) < 1000


def test_unlabelled_texts_are_read_by_those_who_learn_from_texts_only(tmp_path: Path) -> None:
    train = write(tmp_path, "a.csv", b"text,label\none,1\ntwo,2\n")
    more = write(tmp_path, "more.csv", b"text\nthree\n")
    alone, classes = Files(train, unlabelled_file=more, learns_from_texts=True), Files(train, unlabelled_file=more)
    unlabelled = alone.read().unlabelled
    assert unlabelled is not None
    assert list(unlabelled.texts) == ["three"]
    assert classes.read().unlabelled is None
    before = alone.fingerprint(), classes.fingerprint()
    Path(more).write_bytes(b"text\nfour\n")
    assert alone.fingerprint() != before[0]
    assert classes.fingerprint() == before[1]
