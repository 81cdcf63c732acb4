"""CoNLL columns as they come: what is a word, what isn't, and what is said of lines that can't be read."""

import gzip
from pathlib import Path

import pytest

from sweepformer.data.sources.conll import Conll
from sweepformer.data.sources.files import Files
from sweepformer.data.splits import Policy, make_splits
from sweepformer.data.texts import split_words
from sweepformer.errors import UserError

CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O

# NN B-NP O
8.1 CD I-NP O


-DOCSTART- -X- -X- O
1-2 CD B-NP O
"""
CONLL_U = """# sent_id = 1
# text = I don't know
1\tI\t_\tPRON
2-3\tdon't\t_\t_
2\tdo\t_\tAUX
3\tn't\t_\tPART
3.1\tknow\t_\tVERB

# text = 10 000
#
1\t10 000\t_\tNUM
2\t#\t_\tSYM
"""


def read(
    folder: Path, content: str | bytes, name: str = "a.conll", **options: object
) -> list[tuple[list[str], list[str]]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = Conll(str(path), **options).read().train  # type: ignore[arg-type]
    tags = iter(rows.labels.categories)  # type: ignore[attr-defined]
    return [(words, [next(tags) for _ in words]) for words in map(split_words, rows.texts)]


@pytest.mark.parametrize("change", [str, lambda text: text.replace(" ", "\t"), lambda text: text.replace("\n", "\r\n")])
def test_sentences_end_at_blank_lines_and_documents(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    assert read(tmp_path, change(CONLL_2003)) == [
        (["EU", "rejects"], ["B-ORG", "O"]),
        (["#", "8.1"], ["O", "O"]),
        (["1-2"], ["O"]),
    ]


def test_columns_are_chosen_by_number(tmp_path: Path) -> None:
    found = read(tmp_path, CONLL_2003, token_column=1, tag_column=2)
    assert found[0] == (["EU", "rejects"], ["NNP", "VBZ"])
    assert read(tmp_path, CONLL_2003, token_column=-4, tag_column=-3) == found


@pytest.mark.parametrize("zipped", [False, True])
def test_conll_u_without_ranges_empty_nodes_and_comments(tmp_path: Path, zipped: bool) -> None:
    content = gzip.compress(CONLL_U.encode()) if zipped else CONLL_U.encode()
    name = "a.conllu.gz" if zipped else "a.conllu"
    assert read(tmp_path, content, name, token_column=2, tag_column=4, separator="tab") == [
        (["I", "do", "n't"], ["PRON", "AUX", "PART"]),
        (["10 000", "#"], ["NUM", "SYM"]),
    ]


def test_a_comment_before_words_is_no_word(tmp_path: Path) -> None:
    assert read(tmp_path, "# made by hand\n#tag O\na B\n") == [(["#tag", "a"], ["O", "B"])]


@pytest.mark.parametrize(
    "content",
    [
        "# id 0000 domain=en\na _ _ O\nb _ _ B\n\n# id 0001 domain=en\n# _ _ O\nc _ _ B\n",
        "# newdoc\na O\nb B\n\n# sentence\n# O\nc B\n",
    ],
)
def test_a_comment_with_as_many_columns_as_words_is_told_by_its_tag(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == [(["a", "b"], ["O", "B"]), (["#", "c"], ["O", "B"])]
    (note,) = Conll(str(tmp_path / "a.conll")).read().train.notes
    assert all(part in note for part in ("a.conll", "2 lines", "line 1", "comments"))


def test_blanks_around_a_separator_belong_to_no_word(tmp_path: Path) -> None:
    assert read(tmp_path, "b c \t O\n", separator="tab") == [(["b c"], ["O"])]


def test_no_break_spaces_belong_to_words(tmp_path: Path) -> None:
    assert read(tmp_path, "10\u00a0000 NUM\neuros NOUN\n") == [(["10\u00a0000", "euros"], ["NUM", "NOUN"])]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("a O\nb\n", {}, ["line 2", "1 columns", "has 2"]),
        ("a O\n", {"tag_column": 3}, ["data.tag_column=3", "line 1", "2 columns"]),
        ("\na O\n", {"separator": "tab"}, ["line 2", "1 columns", "data.separator"]),
        ("a\tO\nb\t\n", {"separator": "tab"}, ["line 2", "column 2 is empty"]),
        ("a\tO\n\n\tO\n", {"separator": "tab"}, ["line 3", "blank", "data.blank=drop"]),
        ("a\t_\tO\nb\t\tO\n", {"separator": "tab"}, ["line 2", "column 2 is empty"]),
        ("-DOCSTART- O\n\n", {}, ["no sentence"]),
        ("", {}, ["empty"]),
        (b"a O\n\xff O\n", {}, ["line 2", "UTF-8"]),
        (gzip.compress(b"a O\n", mtime=0)[:-4], {"name": "a.gz"}, ["can't be unpacked"]),
        (
            "a O\nb I-X\n",
            {"invalid_spans": "refuse"},
            ["a.conll, line 2", "'I-X' after 'O'", "'B-X' would be"],
        ),
        ("a O\n\nb I-X\n", {"invalid_spans": "refuse"}, ["a.conll, line 3", "at the beginning"]),
    ],
)
def test_mistakes_are_named_with_file_and_line(
    tmp_path: Path, content: str | bytes, options: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, content, **options)  # type: ignore[arg-type]
    assert all(word in str(error.value) for word in ["data.train_file", *words]), error.value


def test_invalid_spans_are_repaired_and_told(tmp_path: Path) -> None:
    content = "a O\nb I-X\nc I-X\n\nd B-X\ne I-Y\n"
    assert [tags for _, tags in read(tmp_path, content)] == [["O", "B-X", "I-X"], ["B-X", "B-Y"]]
    (note,) = Conll(str(tmp_path / "a.conll")).read().train.notes
    assert note.startswith("2 tags in 2 rows")
    assert "a.conll, line 2: 'I-X' became 'B-X'" in note


def test_an_unknown_tag_is_named_with_its_line(tmp_path: Path) -> None:
    sentences = [f"-DOCSTART- O\n\n{number} O\nb B\n\n" for number in range(20)]
    read(tmp_path, "".join(sentences), "train.conll")
    read(tmp_path, "c O\n\n-DOCSTART- O\n\nd O\ne X\n", "test.conll")
    raw = Conll(str(tmp_path / "train.conll"), test_file=str(tmp_path / "test.conll")).read()
    with pytest.raises(
        UserError, match=r"test\.conll, the sentence that begins in line 5: 1 labels of the test split .*: 'X'"
    ):
        make_splits(raw, labelled="tags", policy=Policy(unseen_labels="refuse"))


def test_other_data_is_asked_for_by_other_tasks() -> None:
    with pytest.raises(UserError, match="task=tagging"):
        Conll("a.conll", labelled="class")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"tokens": ["a", "b"], "tags": ["O"]}', ["line 2", "2 words and 1 tags"]),
        ('{"tokens": [], "tags": []}', ["line 2", "no word"]),
        ('{"tokens": "a b", "tags": ["O"]}', ["line 2", "list"]),
        ('{"tokens": ["a"], "tags": "O O"}', ["line 2", "1 words and 2 tags"]),
        ('{"tokens": ["a", " "], "tags": ["O", "O"]}', ["line 2, word 2"]),
        ('{"tokens": ["a"], "tags": [null]}', ["line 2", "no label"]),
    ],
)
def test_lists_that_do_not_fit_are_named(tmp_path: Path, line: str, words: list[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["a", "b"], "tags": ["O", "B-X"]}\n' + line + "\n")
    with pytest.raises(UserError) as error:
        Files(str(path), text_column="tokens", label_column="tags", labelled="tags").read()
    assert all(word in str(error.value) for word in words), error.value
