"""A tokenizer's file is read if it is one, wherever it comes from."""

import json
from pathlib import Path

import pytest

from sweepformer.data.tokenizer import LARGEST_FILE, load_tokenizer, make_tokenizer, words_by_id
from sweepformer.errors import UserError


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    made = make_tokenizer(["red green blue"], "word", 50, 1, True, None)
    made.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(str(tmp_path / "tokenizer.json")).get_vocab() == made.get_vocab()


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["red green", "blue sky", "one"], "word"),
        (["ACGTT", "CGTAA ", "a b"], "char"),
        (["\u5929\u5730\u7384\u9ec4", "\u5b87\u5b99"], "char"),
        (["\u5929\u5730 \u7384\u9ec4", "\u5b87\u5b99 BBC"], "char"),
        (["\uc548\ub155 \uc138\uc0c1", "the \u5929\u5730 of old"], "word"),
    ],
)
def test_auto_takes_words_where_there_are_spaces(texts: list[str], kind: str) -> None:
    auto, chosen = (make_tokenizer(texts, one, 50, 1, True, None) for one in ("auto", kind))
    assert auto.to_str() == chosen.to_str()


def test_characters_keep_their_case_unless_told_otherwise() -> None:
    texts = ["c1ccccc1", "C1CCCCC1"]  # benzene and cyclohexane
    kept, lowered = (make_tokenizer(texts, "auto", 50, 1, lowercase, None) for lowercase in (None, True))
    assert len({tuple(kept.encode(text).ids) for text in texts}) == 2
    assert len({tuple(lowered.encode(text).ids) for text in texts}) == 1
    words = make_tokenizer(["red Green"], "auto", 50, 1, None, None)
    assert words.encode("Red").ids == words.encode("red").ids


def test_auto_takes_pieces_where_answers_are_for_tokens() -> None:
    texts = ["red green", "blue sky"]
    auto, pieces = (make_tokenizer(texts, one, 50, 1, True, None, True) for one in ("auto", "wordpiece"))
    assert auto.to_str() == pieces.to_str()


def test_rare_words_come_after_those_that_were_known_anyway() -> None:
    texts = ["red red green green blue", "red sky"]
    without, with_some = (make_tokenizer(texts, "word", 50, 2, True, None, rare_words=most) for most in (0, 10))
    assert without.get_vocab().keys() & {"red", "green", "blue", "sky"} == {"red", "green"}
    known = with_some.get_vocab()
    assert known.keys() - without.get_vocab().keys() == {"blue", "sky"}
    assert without.get_vocab().items() <= known.items()
    limited = make_tokenizer(texts, "word", 6, 2, True, None, rare_words=1)  # of 4 special ones
    assert limited.get_vocab().keys() - without.get_vocab().keys() == {"blue"}
    roomy = make_tokenizer(texts, "word", 50, 2, True, None, rare_words=1)
    assert roomy.get_vocab() == limited.get_vocab()
    long = make_tokenizer([*texts, "x" * 500], "word", 50, 2, True, None, rare_words=10)
    assert long.get_vocab() == known


def test_what_answers_are_for_has_no_rare_words() -> None:
    made = make_tokenizer(["red red green"], "word", 50, 2, True, None, True, 10)
    assert made.token_to_id("green") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\x80\x04\x95pickled", b'{"model": 5}', b"[" * 100_000])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"tokenizer\.path: .*is not a tokenizer\.json \("):
        load_tokenizer(str(path))


def test_ids_that_would_ask_for_all_memory_are_refused(tmp_path: Path) -> None:
    described = json.loads(make_tokenizer(["red green blue"], "word", 50, 1, True, None).to_str())
    described["model"]["vocab"]["far"] = 3_000_000_000
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="its ids go up to 3,000,000,000"):
        load_tokenizer(str(tmp_path / "tokenizer.json"))


def test_a_file_larger_than_any_tokenizers_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "tokenizer.json").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk
    with pytest.raises(UserError, match="268,435,457 bytes"):
        load_tokenizer(str(tmp_path / "tokenizer.json"))


def test_only_words_are_spelled() -> None:
    texts = ["red green", "blue sky"]
    words = words_by_id(make_tokenizer(texts, "word", 50, 1, True, None))
    assert words == ["", "", "", "", "blue", "green", "red", "sky"]
    assert not words_by_id(make_tokenizer(texts, "char", 50, 1, True, None))
    assert not words_by_id(make_tokenizer(texts, "wordpiece", 50, 1, True, None))
