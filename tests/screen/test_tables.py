"""Tables on the screen show users' words letter by letter."""

import pytest

from sweepformer.screen.tables import table_text


@pytest.mark.parametrize("word", ["[red]", "[/b] a", ":key:", "שלום", "👩‍👩‍👦", "a\nb"])
def test_words_are_shown_as_they_are(word: str) -> None:
    shown = table_text("t", ["word", "more"], [[word, "x"]])
    assert all(line in shown for line in word.splitlines())


@pytest.mark.parametrize("command", ["\x1b[2J", "\x07", "\x9b2J", "\r"])
def test_commands_to_the_terminal_are_not_passed_on(command: str) -> None:
    shown = table_text("t", ["word"], [[f"a{command}b"]])
    assert command[0] not in shown
    assert "a\N{REPLACEMENT CHARACTER}" in shown
