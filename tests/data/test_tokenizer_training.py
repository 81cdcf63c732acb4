"""The same texts give the same tokenizer each time, and as good a one as the library's own training."""

import itertools

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from sweepformer.data.tokenizer import make_tokenizer, read_text_as_it_is, special_ids
from sweepformer.data.tokenizer_training import SPECIAL_TOKENS

# Nearly all pairs of letters occur as often as each other: whatever breaks ties shows.
TIED = [f"{a}{b}{c} {c}{a}ing {b}{c}{b}{a}" for a, b, c in itertools.product("abcdefgh", repeat=3)]
# Characters of which normalisation, lower case or white space makes something else.
UNUSUAL = [
    "e\u0301a\u0301 \u1100\u1161\u11a8",
    "\u0130stanbul\u0085x\x1cy\u2003z",
    "\U0001f917s ##a [SEP] ##",
    "\u0301 a\u200bb",
]


def trained(kind: str, texts: list[str], size: int) -> Tokenizer:
    return read_text_as_it_is(make_tokenizer(texts, kind, size, 1, True, None))


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "word", "char", "byte"])
def test_the_same_texts_give_the_same_tokenizer(kind: str) -> None:
    assert len({trained(kind, TIED + UNUSUAL * 2, 150).to_str() for _ in range(6)}) == 1


def test_letters_are_numbered_in_order_before_all_pieces() -> None:
    made = trained("wordpiece", TIED + UNUSUAL, 200)
    pieces = sorted(made.get_vocab(), key=made.token_to_id)
    alone = [piece for piece in pieces if len(piece) == 1]
    further = [piece for piece in pieces if len(piece) == 3 and piece.startswith("##")]
    assert pieces[: len(SPECIAL_TOKENS)] == SPECIAL_TOKENS
    begin = len(SPECIAL_TOKENS) + len(alone)
    assert pieces[len(SPECIAL_TOKENS) : begin] == alone == sorted(alone)
    assert pieces[begin : begin + len(further)] == further == sorted(further)
    assert {"\u00e9", "\uac01", "\U0001f917", "#"} <= set(alone)


def test_a_vocabulary_is_as_large_and_cuts_as_well_as_the_librarys_own() -> None:
    texts = TIED + [f"{word}{number}" for number in range(300) for word in ("apple", "house", "rivers")]
    plain = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    plain.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    plain.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    options = {"vocab_size": 400, "min_frequency": 1, "special_tokens": SPECIAL_TOKENS, "show_progress": False}
    plain.train_from_iterator(texts, trainers.WordPieceTrainer(**options))
    ours = trained("wordpiece", texts, 400)
    assert ours.get_vocab_size() == plain.get_vocab_size() == 400
    lengths = [sum(len(one.ids) for one in made.encode_batch(texts)) for made in (ours, plain)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.01)


def test_letters_in_a_text_are_text() -> None:
    """They are special tokens while WordPiece is trained, and no longer."""
    made = trained("wordpiece", [*TIED, "a # b [ sep ]"], 200)
    assert special_ids(made) == [0, 1, 2, 3]
    assert made.encode("##a").tokens == ["#", "#", "a"]
    assert made.encode("[SEP]").tokens[0] == "["


def test_unigrams_pieces_stand_in_the_order_of_their_scores() -> None:
    made = trained("unigram", TIED + UNUSUAL, 150)
    ids = [made.token_to_id(token) for token in SPECIAL_TOKENS]
    assert ids == [0, 1, 2, 3]
    assert made.encode("abc").ids
    assert "[UNK]" not in made.encode("abc \U0001f917").tokens  # a rare letter is a piece
