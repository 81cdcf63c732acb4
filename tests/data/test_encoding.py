"""Words keep their tags when they are cut into pieces, and pairs their two texts."""

import numpy as np
import pytest

from sweepformer.data.encoding import NO_TAG, encode, further_piece
from sweepformer.data.texts import join_pair, join_words, split_pair, split_words
from sweepformer.data.tokenizer import make_tokenizer, read_text_as_it_is, separator_id

TEXTS = ["red green blue", "greenish things are blue"]


def tokenizer(kind: str):  # type: ignore[no-untyped-def]
    return read_text_as_it_is(make_tokenizer(TEXTS * 3, kind, 60, 1, True, None))


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "word", "char", "byte"])
def test_every_word_begins_once(kind: str) -> None:
    rows = [["Red", "greenest", "\u00a0", "blue things"], ["\u200b\u00ad", "x"]]
    (found,) = encode(tokenizer(kind), [join_words(words) for words in rows], words=True)
    tags = found.tags(np.arange(6))
    assert tags[tags >= 0].tolist() == [0, 1, 2, 3, 4, 5]
    further = tags[tags < NO_TAG]
    assert set(further_piece(further).tolist()) <= set(range(6))
    assert found.lengths.sum() == len(found.tokens) == len(tags)


def test_two_texts_stand_on_two_sides_of_a_separator() -> None:
    made = tokenizer("word")
    (found,) = encode(made, [join_pair("red", "green [SEP] blue"), join_pair("blue", "red")], pairs=True)
    separators = (found.tokens == separator_id(made)).nonzero()[0].tolist()
    assert separators[0] == 1
    assert len(separators) == 2  # what stands in a text is text


def test_joined_texts_come_apart_again() -> None:
    assert split_words(join_words(["a b", "c\x1fd", "e"])) == ["a b", "c d", "e"]
    assert split_pair(join_pair("one\x1e", "two\x1eand")) == ("one ", "two and")
