"""What is counted in files, each finding by itself."""

import gzip
import json
from pathlib import Path

import pytest
from conftest import write_rows, write_tagged

from sweepformer.analysis.look.counting import look
from sweepformer.analysis.look.findings import Findings
from sweepformer.analysis.look.parts import given
from sweepformer.analysis.look.remarks import command, notes
from sweepformer.analysis.look.report import as_text, max_length
from sweepformer.data.reading.form import Asked
from sweepformer.errors import UserError

SOUP = "a bowl of hot soup with bread and a glass of cold water on the table by the window"


def looked(*paths: Path, **asked: str) -> Findings:
    return look(given([str(path) for path in paths], Asked(**asked)))  # type: ignore[arg-type]


def table(path: Path, *rows: tuple[str, str]) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def told(found: Findings) -> str:
    return "\n".join(notes(found))


def test_rows_are_counted_by_class_and_length(tmp_path: Path) -> None:
    found = looked(table(tmp_path / "a.csv", ("one two three.", "x"), ("one", "x"), ("one two", "y")))
    assert found.train.rows == found.train.usable == 3
    assert found.train.classes == {"x": 2, "y": 1}
    assert found.train.lengths == {4: 1, 1: 1, 2: 1}
    assert [one.fields for one in found.first][1] == {"text": "one", "label": "x"}
    assert not found.train.broken


def test_lengths_are_characters_where_there_are_no_spaces(tmp_path: Path) -> None:
    found = looked(table(tmp_path / "a.csv", ("ACGT" * 200, "x"), ("ACGTA", "y")))
    assert not found.spaced
    assert found.train.lengths == {800: 1, 5: 1}
    screen = as_text(found)
    assert f"beyond {max_length()} (model.max_length)" in screen
    assert "50.0%" in screen


def test_repeats_and_conflicts_are_counted_in_and_across_files(tmp_path: Path) -> None:
    train = table(tmp_path / "train.csv", ("a", "x"), ("a", "x"), ("a", "y"), ("b", "y"), ("b", "y"), ("c", "x"))
    test = table(tmp_path / "test.csv", ("a", "x"), ("b", "x"), ("d", "y"), ("d", "y"))
    found = looked(test, train)
    assert [one.split for one in found.splits] == ["train", "test"]
    assert (found.train.repeats, found.train.conflicts) == (2, 1)
    assert (found.splits[1].repeats, found.splits[1].in_train, found.splits[1].otherwise_in_train) == (1, 2, 1)
    assert found.conflicts == [("a", "x", "y")]
    assert "same text, other label: 'a' is 'x' and 'y'" in told(found)
    assert "2 of 4 rows of test have a text that stands in train too, 1 with another label" in told(found)


def test_near_duplicates_across_files_are_found_and_exact_ones_are_none(tmp_path: Path) -> None:
    train = [(SOUP, "x"), (SOUP[::-1], "y"), *((f"{number} {number} " * 9, "y") for number in range(9))]
    test = [(SOUP.replace("glass", "cup"), "x"), (SOUP[::-1], "y"), ("quite another thing altogether, indeed no", "x")]
    found = looked(
        table(tmp_path / "train.csv", *train), table(tmp_path / "test.csv", *((a.replace(",", ""), b) for a, b in test))
    )
    assert (found.splits[1].in_train, found.splits[1].near_train) == (1, 1)
    assert [(pair.train, pair.split) for pair in found.pairs] == [(SOUP, "test")]
    assert "at least 70% of two texts' character 5-grams" in told(found)


def test_labels_that_differ_by_case_or_spaces_are_told(tmp_path: Path) -> None:
    rows = [("a", "Pos"), ("b", "pos"), ("c", " neg"), ("d", "neg"), ("e", "other")]
    found = looked(table(tmp_path / "a.csv", *rows))
    assert found.variants == [[("Pos", 1), ("pos", 1)], [(" neg", 1), ("neg", 1)]]
    assert "'Pos' (1), 'pos' (1); by case they are different classes" in told(found)
    assert "' neg' (1), 'neg' (1); they are one class" in told(found)


def test_classes_too_rare_to_be_split_are_told_once_repeats_are_left_out(tmp_path: Path) -> None:
    rows = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "y"), ("e", "y"), ("f", "y")]
    rare = [("g", "once"), ("h", "twice"), ("h", "twice"), ("h", "twice")]
    train = table(tmp_path / "train.csv", *rows, *rare)
    found = looked(train)
    assert found.rare == {"once": 1, "twice": 1}
    assert "'once' (1), 'twice' (1); data.rare_classes=train" in told(found)
    assert "data.rare_classes=train" in command(found)
    given_splits = looked(train, table(tmp_path / "val.csv", ("i", "x")), table(tmp_path / "test.csv", ("j", "new")))
    assert given_splits.rare == {}
    assert "not in train: 1 label of test, 'new'" in told(given_splits)


def test_all_rows_that_cannot_be_used_are_told_by_kind(tmp_path: Path) -> None:
    rows = ["a,x", "b,x,more", ",x", "c", "d,", "e,y", "f,y,more"]
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    found = looked(tmp_path / "a.csv")
    assert (found.train.rows, found.train.usable, found.train.refused) == (7, 2, 3)
    assert found.train.blank == {"without a text": 1, "without a label": 1}
    assert len(found.train.broken) == 1
    assert "row 2 (line 3): 3 fields" in found.train.broken[0]
    assert "row 4 (line 5), row 7 (line 8)" in found.train.broken[0]
    assert "1 row without a text, 1 row without a label; data.blank=drop" in told(found)
    assert "Correct the broken rows first" in as_text(found)


def test_scripts_are_told(tmp_path: Path) -> None:
    found = looked(table(tmp_path / "a.csv", ("abc", "x"), ("жзи", "y"), ("ab", "x")))
    assert found.scripts == {"Latin": 5, "Cyrillic": 3}
    assert "Latin 62.5%, Cyrillic 37.5%" in told(found)


def test_the_form_of_a_file_is_told_and_what_is_not_utf8_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text;label\ncafé au lait;x\nthé vert;y\n".encode("cp1252"))
    found = looked(tmp_path / "a.csv")
    assert found.train.form == "CSV, CP1252, separated by semicolon, fields may be quoted, header"
    assert found.first[0].fields["text"] == "café au lait"
    assert "not UTF-8, read as cp1252" in told(found)
    assert "data.encoding=cp1252" in command(found)


def test_a_file_without_a_header_has_columns_by_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"{'pos' if n % 2 else 'neg'},meal number {n}\n" for n in range(9)))
    found = looked(tmp_path / "a.csv")
    assert (found.chosen.text, found.chosen.label, found.train.rows) == ("2", "1", 9)
    assert "data.header=false data.text_column=2 data.label_column=1" in command(found)


def test_splits_are_told_by_names_or_by_order(tmp_path: Path) -> None:
    def splits(*names: str) -> dict[str, str]:
        paths = [table(tmp_path / name, (f"a of {name}", "x"), ("b", "y")) for name in names]
        return {one.split: Path(one.name).name for one in given([str(path) for path in paths]).parts}

    assert splits("dev.csv", "test.csv", "train.csv") == {"train": "train.csv", "val": "dev.csv", "test": "test.csv"}
    assert splits("my_test.csv", "latest.csv") == {"train": "latest.csv", "test": "my_test.csv"}
    assert splits("one.csv", "two.csv") == {"train": "one.csv", "test": "two.csv"}
    assert splits("one.csv", "two.csv", "three.csv") == {"train": "one.csv", "val": "two.csv", "test": "three.csv"}
    assert splits("test.csv") == {"train": "test.csv"}
    with pytest.raises(UserError, match="4 were named, and there are three splits"):
        splits("a.csv", "b.csv", "c.csv", "d.csv")


def test_words_with_tags_are_known_in_every_form(tmp_path: Path) -> None:
    plain = looked(write_tagged(tmp_path / "train.conll"))
    unnamed = looked(write_tagged(tmp_path / "words.txt"))
    lists = tmp_path / "rows.jsonl"
    lists.write_text("".join(json.dumps({"tokens": ["a", "b"], "tags": ["O", "B-X"]}) + "\n" for _ in range(3)))
    universal = tmp_path / "some.conllu"
    universal.write_text(
        "# text = Dogs bark\n1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_\n2\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_\n\n"
    )
    for found in (plain, unnamed, looked(lists), looked(universal)):
        assert found.chosen.task == "tagging"
    assert plain.train.classes == unnamed.train.classes == {"O": 240, "B-COL": 60, "I-COL": 30}
    assert looked(universal).train.classes == {"NOUN": 1, "VERB": 1}
    assert "data.token_column=2 data.tag_column=4" in command(looked(universal))


def test_of_tags_that_conflict_those_are_told_that_differ(tmp_path: Path) -> None:
    tags = (["O", "B-X", "O"], ["O", "O", "O"])
    lines = [json.dumps({"tokens": ["in", "old", "Oslo"], "tags": some}) for some in tags]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    assert looked(tmp_path / "a.jsonl").conflicts == [("in old Oslo", "B-X", "O")]


def test_folders_are_classes_files_of_classes_or_tables(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("good", "bad"):
            (tmp_path / "folders" / split / label).mkdir(parents=True)
            (tmp_path / "folders" / split / label / "1.txt").write_text(f"{split} is {label}")
    found = looked(tmp_path / "folders")
    assert [(one.split, one.classes) for one in found.splits] == [(s, {"good": 1, "bad": 1}) for s in ("train", "test")]
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "good.txt").write_text("one\ntwo\n")
    (tmp_path / "files" / "bad.txt").write_text("three\n\n")
    assert looked(tmp_path / "files").train.classes == {"good": 2, "bad": 1}
    (tmp_path / "tables").mkdir()
    write_rows(tmp_path / "tables" / "train.csv", 9)
    assert looked(tmp_path / "tables").train.rows == 9


def test_a_file_is_known_packed_too(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("text,label\none,x\ntwo,y\n")
    assert looked(tmp_path / "a.csv.gz").train.classes == {"x": 1, "y": 1}


def test_lines_with_tabs_are_a_table_and_lines_with_a_comma_each_are_texts(tmp_path: Path) -> None:
    lines = [f"{'ham' if n % 3 else 'spam'}\tmessage, number {n}, and{',' * (n % 4)} so on" for n in range(40)]
    (tmp_path / "SMS").write_text("\n".join(lines) + "\n")
    found = looked(tmp_path / "SMS")
    assert found.train.classes == {"ham": 26, "spam": 14}
    assert "data.header=false data.format=csv data.text_column=2 data.label_column=1" in command(found)
    (tmp_path / "notes.txt").write_text("".join(f"this is one, number {n}\n" for n in range(40)))
    found = looked(tmp_path / "notes.txt")
    assert (found.chosen.task, found.first[0].fields) == ("masked_lm", {"text": "this is one, number 0"})


def test_classes_of_a_row_each_are_told_before_a_run_refuses_them(tmp_path: Path) -> None:
    found = looked(table(tmp_path / "a.csv", *((f"text {n}", f"class {n}") for n in range(9))))
    assert "No class has enough rows" in as_text(found)


def test_columns_that_are_blank_hold_no_texts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column holds texts"):
        looked(table(tmp_path / "a.csv", ("", "x"), ("", "x"), ("", "x")))
