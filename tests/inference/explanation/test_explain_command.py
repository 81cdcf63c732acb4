"""python -m src.explain, as a user types it, and its page."""

import html
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Result, ended, write_rows

Finished = Callable[[str], Path]
Explain = Callable[..., Result]
EVIL = "<script>alert('red')</script> & \"red\" is"


@pytest.fixture
def explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Explain:
    """Call with the command's arguments, in a folder with rows.csv."""
    from src.explain import main

    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.csv", 12)

    def run(*arguments: object) -> Result:
        capfd.readouterr()  # what a run said that was trained for this
        monkeypatch.setattr(sys, "argv", ["src/explain.py", *map(str, arguments)])
        return ended(main, capfd, tmp_path)

    return run


def test_rows_of_a_file_are_explained_on_the_screen(explain: Explain, finished: Finished) -> None:
    result = explain(finished("class"), "rows.csv", "--rows", 2)
    assert result.code == 0, result.screen
    assert "row 1 (line 2), labelled red\nthe apple number 0 near a apple is red\npredicted " in result.out
    assert re.search(
        r"log odds of \w+: -?\d+\.\d+ with random tokens in their place, [+-]\d+\.\d+ by words", result.out
    )
    assert re.search(r"  [+-]\d+\.\d+ \w+   [+-]\d+\.\d+ \w+", result.out)
    assert re.search(r"the sum is off by \d\.\d% \(\d+ steps\)", result.out)
    assert result.out.count("labelled") == 2
    assert "\x1b" not in result.out  # it is no terminal
    assert "there are more rows: these are of the first 2" in result.err


def test_a_terminal_gets_colours_and_nothing_of_the_texts_own(
    explain: Explain, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    result = explain(finished("tfidf"), "--text", "the apple\x1b]0;mine\x07 is red")
    assert result.code == 0, result.screen
    assert "\x1b]" not in result.out
    assert "\x07" not in result.out
    assert re.search(r"\x1b\[30;48;2;86;180;233mred\x1b\[0m", result.out)


def test_a_page_is_whole_and_shows_texts_as_they_are(explain: Explain, finished: Finished, tmp_path: Path) -> None:
    texts = [EVIL, "مرحبا red بالعالم", "so 👨‍👩‍👧 red\nand blue"]
    arguments = [part for text in texts for part in ("--text", text)]
    result = explain(finished("tfidf"), *arguments, "--output", "page.html", "--label", "red")
    assert result.code == 0, result.screen
    assert result.out == ""
    assert "3 texts explained: page.html" in result.err
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    shown = re.findall(r"<p class=text dir=auto>(.*?)</p>", text, re.S)
    assert [html.unescape(re.sub("<[^>]*>", "", one)) for one in shown] == texts
    assert {one.lower() for one in re.findall(r"<(\w+)", text)}.isdisjoint({"script", "img", "iframe", "object"})
    assert re.findall(r"(?:src|href)=[\"']?([^\"'>]*)", text) == ["data:,"]
    assert not re.search(r"url\(|@import|https?:", text)
    assert text.count('style="background:#56b4e9"') >= 3
    assert re.search(r'<span style="background:#56b4e9" title="\+\d+\.\d+">red</span>', text)
    assert "default-src 'none'" in text


def test_each_label_of_a_text_and_two_texts_are_shown(explain: Explain, finished: Finished) -> None:
    result = explain(finished("tfidf_sets"), "--text", "the house is red and blue")
    assert result.code == 0, result.screen
    assert "blue: the house is red and blue\nred: the house is red and blue\npredicted blue (" in result.out
    result = explain(finished("tfidf_sets"), "--text", "the house is red", "--label", "green")
    assert "green: the house is red\npredicted red (" in result.out
    result = explain(finished("pairs"), "--text", "the apple is red", "--pair", "red apple", "--label", "same")
    assert result.code == 0, result.screen
    assert "the apple is red\nred apple\npredicted " in result.out


def test_standard_input_and_a_word_s_tag(explain: Explain, finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the apple Red Hill saw 5\n\n")))
    result = explain(finished("tags"), "-", "--word", "Hill", "--label", "O")
    assert result.code == 0, result.screen
    assert "line 1\nthe apple Red Hill saw 5\nword 3, Hill: predicted " in result.out
    assert "log odds of O:" in result.out
    assert "1 of them have no text" in result.err


def test_what_is_not_read_is_said(explain: Explain, finished: Finished, tmp_path: Path) -> None:
    for output in ([], ["--output", "page.html"]):
        result = explain(finished("tail"), "--text", "the house is red near a train is blue", *output)
        assert result.code == 0, result.screen
        shown = (tmp_path / "page.html").read_text() if output else result.out
        assert "3 of 9 tokens were not read and are grey: of texts that are too long their end was read" in shown
    assert '<span class="unread" title="not read">house</span>' in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["RUN"], ["Name a file", "--text"]),
        (["RUN", "rows.csv", "--text", "red"], ["Name a file", "--text"]),
        (["nowhere", "rows.csv"], ["nowhere", "no such file or folder"]),
        (["RUN", "nowhere.csv"], ["INPUT", "there is no file"]),
        (["RUN", "empty.csv"], ["INPUT", "is empty"]),
        (["RUN", "rows.csv", "--text-column", "body"], ["'body'", "text, label"]),
        (["RUN", "rows.csv", "--rows", "0"], ["--rows 0 must be at least 1"]),
        (["RUN", "rows.csv", "--output", "page.txt"], ["--output page.txt", "page", "*.html"]),
        (["RUN", "rows.csv", "--output", "rows.csv/page.html"], ["rows.csv"]),
        (["RUN", "rows.csv", "--label", "gren"], ["label='gren'", "Did you mean green?"]),
        (["RUN", "--text", "red", "--pair", "blue"], ["one text a row"]),
        (["RUN", "--text", " "], ["--text 1", "no text"]),
    ],
)
def test_mistakes_are_told_in_one_line(
    explain: Explain, finished: Finished, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "empty.csv").touch()
    result = explain(*(finished("tfidf") if one == "RUN" else one for one in arguments))
    assert result.code == 1
    assert result.err.startswith("Error: ")
    assert all(word in result.err for word in words), result.err
    assert "Traceback" not in result.err
    assert result.err.count("\n") <= 1


def test_the_program_of_the_docs_works(finished: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "explain.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "outputs" / "DATE").mkdir(parents=True)
    (tmp_path / "outputs" / "DATE" / "RUN").symlink_to(finished("class"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(program, names)
    assert (tmp_path / "page.html").exists()
