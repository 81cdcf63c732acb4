"""Learning a tokenizer from texts: the same texts give the same one, in every process.

The library counts in hash maps, whose order is another one each time. Where that order would show in what is learned,
it is taken out here: WordPiece is told the order of its letters, by which it then breaks ties between merges, and
Unigram's pieces are put in order afterwards.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from sweepformer.data.texts import in_chunks, readable

PAD, UNKNOWN, MASK, SEPARATOR = "[PAD]", "[UNK]", "[MASK]", "[SEP]"
SPECIAL_TOKENS = [PAD, UNKNOWN, MASK, SEPARATOR]
# Unigram's scores are sums of floats in any order: digits behind these differ from one training to the next.
SCORE_DIGITS = 4
# What the library's Unigram raises the score of each further letter by that it has no score of its own for.
RARE_LETTER_STEP = 1e-4
WHOLE = ("word", "char")  # kinds whose tokens have ids by how often they occur
LONGEST_RARE_WORD = 100  # letters: what is longer would make the tokenizer as large as the texts
LONGEST_WORD = 1000  # letters that pieces are learned within
_VERY_LONG = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")


def train(
    texts: Collection[str], kind: str, vocab_size: int, min_frequency: int, lowercase: bool, rare_words: int = 0
) -> Tokenizer:
    """A tokenizer of `kind` with at most `vocab_size` tokens, but for an alphabet that is larger; token 0 is [PAD].

    Sources: WordPiece (Schuster and Nakajima 2012), BPE (Sennrich et al. 2016), Unigram (Kudo 2018),
    byte-level alphabet (Radford et al. 2019).

    Args:
        texts: are read twice.
        rare_words: of kinds that are `WHOLE` so many more tokens at most, down to those that occur once; their ids come
            after all others.
    """
    tokenizer = _around(_untrained(kind), kind, lowercase)
    special = [*SPECIAL_TOKENS, *_letters(tokenizer, texts)] if kind == "wordpiece" else SPECIAL_TOKENS
    trainer = _trainer(kind, vocab_size, min_frequency, special)
    tokenizer.train_from_iterator(_to_learn_from(texts, kind), trainer)
    if kind == "wordpiece":
        # In the tokenizer that was trained the letters would be special too, and "##a" in a text be one token.
        vocabulary = tokenizer.get_vocab(with_added_tokens=False)
        tokenizer = _around(models.WordPiece(vocabulary, unk_token=UNKNOWN), kind, lowercase)
    elif kind == "unigram":
        tokenizer = _around(_in_order(tokenizer), kind, lowercase)
    elif kind in WHOLE and rare_words:
        frequent = tokenizer.get_vocab_size()
        tokenizer.train_from_iterator(readable(texts), _trainer(kind, frequent + rare_words, 1, special))
        tokenizer = _around(_without_very_long(tokenizer, frequent), kind, lowercase)
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def _to_learn_from(texts: Iterable[str], kind: str) -> Iterator[str]:
    """The texts; where pieces of words are learned, which takes the square of a word's length, without very long words:
    there are spaces in them."""
    of_pieces = kind in ("wordpiece", "bpe", "unigram")
    for text in readable(texts):
        yield _VERY_LONG.sub(r"\g<0> ", text) if of_pieces and len(text) > LONGEST_WORD else text


def _letters(tokenizer: Tokenizer, texts: Iterable[str]) -> list[str]:
    """The letters that words begin with (a) and go on with (##a), in order."""
    alphabet = trainers.WordPieceTrainer(vocab_size=0, show_progress=False)  # stops before the first merge
    found: set[str] = set()
    for chunk in in_chunks(_to_learn_from(texts, "wordpiece")):
        # No word reaches over a space, and most come many times: each is looked at once.
        tokenizer.train_from_iterator({word for text in chunk for word in text.split(" ")}, alphabet)
        found |= tokenizer.get_vocab().keys()
    return sorted(found, key=lambda letter: (len(letter), letter))


def _without_very_long(tokenizer: Tokenizer, frequent: int) -> models.WordLevel:
    """A tokenizer's words, beyond the first `frequent` those alone that are no longer than words are."""
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda one: one[1])
    kept = [word for word, number in by_id if number < frequent or len(word) <= LONGEST_RARE_WORD]
    return models.WordLevel({word: number for number, word in enumerate(kept)}, unk_token=UNKNOWN)


def _in_order(tokenizer: Tokenizer) -> models.Unigram:
    """Unigram's model with its pieces by score, then by name."""
    vocabulary = [(piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    special, pieces = vocabulary[: len(SPECIAL_TOKENS)], dict(vocabulary[len(SPECIAL_TOKENS) :])
    if pieces:
        lowest = min(pieces.values())
        pieces |= dict.fromkeys(_rare_letters(pieces, lowest), lowest)
    rounded = [(piece, round(score, SCORE_DIGITS)) for piece, score in pieces.items()]
    rounded.sort(key=lambda one: (-one[1], one[0]))
    return models.Unigram([*special, *rounded], unk_id=SPECIAL_TOKENS.index(UNKNOWN))


def _rare_letters(pieces: dict[str, float], lowest: float) -> set[str]:
    """The letters without a score of their own: they stand on a ladder from the lowest one up, in any order."""
    found, rung = set(), 0
    for score, letter in sorted((score, piece) for piece, score in pieces.items() if len(piece) == 1):
        height = (score - lowest) / RARE_LETTER_STEP
        if round(height) <= rung and abs(height - round(height)) < 1e-4:
            found.add(letter)
            rung = round(height) + 1
    return found


def _untrained(kind: str) -> models.Model:
    if kind == "unigram":
        return models.Unigram()
    made = {"wordpiece": models.WordPiece, "bpe": models.BPE, "byte": models.BPE}.get(kind, models.WordLevel)
    return made() if kind == "byte" else made(unk_token=UNKNOWN)


def _trainer(kind: str, vocab_size: int, min_frequency: int, special: list[str]) -> trainers.Trainer:
    common: dict[str, Any] = {"special_tokens": special, "show_progress": False}
    if kind == "byte":
        # A vocabulary of the special tokens and the 256 bytes leaves no room for merges.
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        return trainers.BpeTrainer(vocab_size=len(SPECIAL_TOKENS) + len(alphabet), initial_alphabet=alphabet, **common)
    if kind == "unigram":
        return trainers.UnigramTrainer(vocab_size=vocab_size, unk_token=UNKNOWN, **common)
    made = {"wordpiece": trainers.WordPieceTrainer, "bpe": trainers.BpeTrainer}.get(kind, trainers.WordLevelTrainer)
    return made(vocab_size=vocab_size, min_frequency=min_frequency, **common)


def _around(model: models.Model, kind: str, lowercase: bool) -> Tokenizer:
    """A tokenizer with this model, and what is done before and after it."""
    tokenizer = Tokenizer(model)
    steps = [normalizers.NFC()] + ([normalizers.Lowercase()] if lowercase else [])
    tokenizer.normalizer = normalizers.Sequence(steps)
    match kind:
        case "wordpiece":
            tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        case "bpe" | "unigram":
            tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        case "byte":
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
            tokenizer.decoder = decoders.ByteLevel()
        case "word":
            tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        case "char":
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    return tokenizer
