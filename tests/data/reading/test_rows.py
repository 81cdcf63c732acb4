"""From tables to rows: columns a label, words a row, labels beside FASTA; and all mistakes at once."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sweepformer.data.rows import Rows
from sweepformer.data.sources.conll import Conll
from sweepformer.data.sources.files import Files
from sweepformer.data.sources.folder import Folder
from sweepformer.errors import UserError


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def lists(rows: Rows) -> list[list[str]]:
    names, offsets = list(rows.labels.categories), rows.labels.offsets.tolist()  # type: ignore[attr-defined]
    return [names[start:end] for start, end in pairwise(offsets)]


@pytest.mark.parametrize("columns", [["toxic", "rude"], "toxic,rude", ["2", "3"]])
def test_several_columns_are_a_class_each(tmp_path: Path, columns: Any) -> None:
    path = written(tmp_path / "a.csv", "text,toxic,rude\na,1,0\nb,0,0\nc,1.0,true\n")
    numbered = "2" in columns
    options = {"text_column": 1, "header": False} if numbered else {}
    if numbered:
        path = written(tmp_path / "b.csv", "a,1,0\nb,0,0\nc,1.0,true\n")
    rows = Files(path, label_column=columns, labelled="classes", **options).read().train
    first, second = ("2", "3") if numbered else ("toxic", "rude")
    assert [set(one) for one in lists(rows)] == [{first}, set(), {first, second}]


def test_several_columns_hold_0_or_1_and_are_for_sets(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "text,toxic,rude\na,1,0\nb,maybe,0\nc,1,2\n")
    with pytest.raises(UserError, match=r"row 2 .*'toxic' holds 'maybe'.*0 or 1.*The same in 1 more: row 3"):
        Files(path, label_column=["toxic", "rude"], labelled="classes").read()
    with pytest.raises(UserError, match="task=multilabel"):
        Files(path, label_column=["toxic", "rude"]).read()


@pytest.mark.parametrize("numbers", [["1", "1", "2"], ["1", "", "2"]])
def test_words_of_a_table_are_put_together_by_their_sentence(tmp_path: Path, numbers: list[str]) -> None:
    words = zip(numbers, ["It", "rains", "Rome"], ["O", "O", "B-GEO"], strict=True)
    text = "Sentence #,Word,Tag\n" + "".join(",".join(row) + "\n" for row in words)
    columns = {"text_column": "Word", "label_column": "Tag", "sentence_column": "Sentence #"}
    rows = Files(written(tmp_path / "a.csv", text), labelled="tags", **columns).read().train  # type: ignore[arg-type]
    assert [text.split("\x1f") for text in rows.texts] == [["It", "rains"], ["Rome"]]
    assert (lists(rows), list(rows.ids)) == ([["O", "O"], ["B-GEO"]], ["1", "3"])


def test_blank_words_are_refused_by_their_row_or_dropped_with_their_tags(tmp_path: Path) -> None:
    text = "s,text,label\n1,It,O\n1, ,O\n1,rains,B-X\n2,,O\n"
    options: dict[str, Any] = {"labelled": "tags", "sentence_column": "s"}
    with pytest.raises(UserError, match=r"row 2: there is no text.*data\.blank=drop.*The same in 1 more"):
        Files(written(tmp_path / "a.csv", text), **options).read()
    rows = Files(str(tmp_path / "a.csv"), blank="drop", **options).read().train
    assert [text.split("\x1f") for text in rows.texts] == [["It", "rains"]]
    assert "2 sentences; left out: 2 words that are blank, 1 without a word" in rows.account


def test_labels_may_stand_beside_fasta(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fasta", ">p1\nMK\n>p2\nGG\n")
    labels = written(tmp_path / "labels.tsv", "id\tkind\np2\tb\np1\ta\n")
    rows = Files(path, label_file=labels, label_column="kind").read().train
    assert (list(rows.texts), list(rows.labels)) == (["MK", "GG"], ["a", "b"])
    with pytest.raises(UserError, match=r"label_file.*has no column 'label'.*id, kind"):
        Files(path, label_file=labels).read()
    with pytest.raises(UserError, match="of FASTA files"):
        Files(written(tmp_path / "a.csv", "text,kind\na,b\n"), label_file=labels, label_column="kind").read()


def test_labels_are_one_whatever_the_form(tmp_path: Path) -> None:
    csv = written(tmp_path / "a.csv", "text,label\na,True\nb,FALSE\nc,1.0\nd,1.10\ne, x \n")
    lines = ['{"text": "a", "label": true}', '{"text": "b", "label": false}', '{"text": "c", "label": 1}']
    jsonl = written(tmp_path / "a.jsonl", "\n".join([*lines, '{"text": "d", "label": "1.10"}']))
    assert list(Files(csv).read().train.labels) == ["true", "false", "1", "1.10", "x"]
    assert list(Files(jsonl).read().train.labels) == ["true", "false", "1", "1.10"]


def test_all_mistakes_of_a_file_come_in_one_message(tmp_path: Path) -> None:
    rows = ["a,x", ",x", "b", "c,", ",y", "d,e,f", " ,x", "e,y"]
    with pytest.raises(UserError) as error:
        Files(written(tmp_path / "a.csv", "\n".join(["text,label", *rows]))).read()
    told = str(error.value).splitlines()
    assert len(told) == 3
    assert "row 2 (line 3): there is no text" in told[0]
    assert "The same in 2 more: row 5 (line 6), row 7 (line 8)" in told[0]
    assert "row 3 (line 4): 1 field" in told[1]
    assert "The same in 1 more: row 6 (line 7)" in told[1]
    assert "row 4 (line 5): there is no label" in told[2]


def test_what_conll_lacks_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.conll", "a O\nb\n\nc O\nd O O\n")
    with pytest.raises(UserError, match=r"line 2: 1 columns.*The same in 1 more: line 5"):
        Conll(path).read()


def test_a_file_a_class_has_a_text_a_line(tmp_path: Path) -> None:
    for split, texts in {"train": "one\n\ntwo\n", "test": "three\n"}.items():
        (tmp_path / split).mkdir()
        written(tmp_path / split / "good.txt", texts)
        written(tmp_path / split / "bad.log", texts.replace("o", "x"))
    raw = Folder(str(tmp_path)).read()
    assert raw.test is not None
    assert list(zip(raw.train.labels, raw.train.texts, raw.train.ids, strict=True)) == [
        ("bad", "xne", "bad.log:1"),
        ("bad", "twx", "bad.log:3"),
        ("good", "one", "good.txt:1"),
        ("good", "two", "good.txt:3"),
    ]
    assert list(raw.test.labels) == ["bad", "good"]


def test_columns_that_are_missing_are_explained(tmp_path: Path) -> None:
    no_header = written(tmp_path / "a.csv", "pos,good\nneg,bad\npos,fine\n")
    with pytest.raises(UserError, match=r"There seems to be no header: give data\.header=false"):
        Files(no_header).read()
    lines = written(tmp_path / "a.log", "one\ntwo\n")
    with pytest.raises(UserError, match="task=masked_lm"):
        Files(lines).read()
    with pytest.raises(UserError, match=r"data\.label_column=lable: .*Did you mean data\.label_column=label"):
        Files(written(tmp_path / "b.csv", "text,label\na,b\n"), label_column="lable").read()


@pytest.mark.parametrize("words", ["['It', 'rains']", '["It", "rains"]', "It rains"])
def test_lists_may_stand_in_cells_of_text(tmp_path: Path, words: str) -> None:
    cell, tags = words.replace('"', '""'), words.replace("It", "O").replace("rains", "B-X").replace('"', '""')
    rows = Files(written(tmp_path / "a.csv", f'text,label\n"{cell}","{tags}"\n'), labelled="tags").read().train
    assert (list(rows.texts), lists(rows)) == (["It\x1frains"], [["O", "B-X"]])


def test_sets_may_stand_in_cells_as_lists(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "text,label\nx,\"['red', 'blue']\"\ny,[]\n")
    assert lists(Files(path, labelled="classes").read().train) == [["blue", "red"], []]


def test_conll_u_is_not_read_by_its_numbers(tmp_path: Path) -> None:
    line = "1\tIt\tit\tPRON\tPRP\t_\t2\tnsubj\t_\t_\n"
    with pytest.raises(UserError, match=r"line 2: this is CoNLL-U.*data\.token_column=2"):
        Conll(written(tmp_path / "a.conllu", f"# text = It\n{line}")).read()
    rows = Conll(str(tmp_path / "a.conllu"), token_column=2, tag_column=4, separator="tab").read().train
    assert lists(rows) == [["PRON"]]


def test_fasta_without_labels_says_where_they_may_stand(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fasta", ">p1\nMK\n>p2\nGG\n")
    with pytest.raises(UserError, match=r"data\.label_file.*task=masked_lm"):
        Files(path).read()
