"""Texts are cut into the words that a reader sees, and what tokens get comes to these whole."""

import numpy as np
import pytest

from sweepformer.data.texts import join_pair, join_words
from sweepformer.data.tokenizer import make_tokenizer
from sweepformer.inference.explanation.words import are_read, of_words, tokens_of, words_in

FAMILY, THUMB, HEART = "👨‍👩‍👧", "👍🏽", "❤️"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop, it's 3rd_time!!", ["don't", "stop", ",", "it's", "3rd_time", "!!"]),
        ("  'quoted'\tred\n", ["'", "quoted", "'", "red"]),
        ("key=5;other=(x)", ["key", "=", "5", ";", "other", "=(", "x", ")"]),
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा", "।"]),
        ("مرحبا بالعالم!", ["مرحبا", "بالعالم", "!"]),
        ("cafe\u0301 na\u00efve", ["cafe\u0301", "na\u00efve"]),
        (f"so {FAMILY} {THUMB}good {HEART}.", ["so", FAMILY, THUMB, "good", f"{HEART}."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_are_those_that_a_reader_sees(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in words_in(text, range(len(text)))] == words


def test_long_ones_are_cut_where_tokens_begin_but_never_through_a_sign() -> None:
    protein = "MKVLAAGIVGLLLAQWERTYKDSHNNPC"
    assert [protein[start:end] for start, end in words_in(protein, [0, 3, 10])] == ["MKV", "LAAGIVG", protein[10:]]
    family = FAMILY * 6
    found = [family[start:end] for start, end in words_in(family, range(len(family)))]
    assert found == [FAMILY] * 6


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "byte", "char", "word"])
@pytest.mark.parametrize(
    "text",
    ["The straße is RED, don't stop!", f"a {FAMILY} b", "مرحبا بالعالم", "x\u0301y cafe\u0301", " \u0130stanbul "],
)
def test_every_token_belongs_to_a_word_whatever_the_tokenizer(kind: str, text: str) -> None:
    tokenizer = make_tokenizer(["the red straße stop", "a b c", "بالعالم"] * 3, kind, 100, 1, True, None)
    tokens = tokens_of(tokenizer, text, pairs=False, tagged=False)
    assert tokens.ids.tolist() == tokenizer.encode(text).ids
    words, rest = of_words(np.ones(len(tokens.ids)), tokens.spans, tokens.words, len(text))
    assert words.sum() + rest == pytest.approx(len(tokens.ids))
    assert (words > 0).all()
    assert rest == pytest.approx(1 if text[-1] == " " and kind not in ("wordpiece", "word") else 0)


def test_pieces_are_added_up_and_shared_out_by_characters() -> None:
    text = "red house"
    values, rest = of_words(np.array([1.0, 2.0, 8.0, 5.0]), [(0, 2), (2, 4), (4, 9), (0, 0)], [(0, 3), (4, 9)], 9)
    assert values.tolist() == [1 + 2 / 2, 2 / 2 + 8]  # the space counts with the word that it begins
    assert rest == 5
    read = np.array([True, False, False, True])
    assert are_read(read, [(0, 2), (2, 4), (4, 9), (0, 0)], [(0, 3), (4, 9)], len(text)) == [True, False]


def test_two_texts_and_words_are_told_apart() -> None:
    tokenizer = make_tokenizer(["the red house is"] * 3, "wordpiece", 60, 1, True, None)
    pair = join_pair("the red", "house is")
    tokens = tokens_of(tokenizer, pair, pairs=True, tagged=False)
    assert [pair[start:end] for start, end in tokens.spans] == ["the", "red", "", "house", "is"]
    assert [pair[start:end] for start, end in tokens.words] == ["the", "red", "house", "is"]
    tagged = join_words(["the", "\u200b", "New York", "house"])  # of the second nothing is left but a token
    tokens = tokens_of(tokenizer, tagged, pairs=False, tagged=True)
    assert [tagged[start:end] for start, end in tokens.words] == ["the", "\u200b", "New York", "house"]
    assert sorted(set(tokens.spans)) == tokens.words
