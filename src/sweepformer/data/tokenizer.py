"""Text to token ids: Hugging Face `tokenizers`, trained on the training split only."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from sweepformer.data.texts import have_spaces
from sweepformer.data.tokenizer_training import MASK, PAD, SEPARATOR, UNKNOWN, train
from sweepformer.errors import UserError

# A model has a row of weights for every id up to the highest: a file of a few bytes could ask for all memory.
LARGEST_VOCABULARY = 10_000_000  # as tokenizer.vocab_size may be
LARGEST_FILE = 1 << 28  # bytes; the largest in use have a tenth of that


def make_tokenizer(
    texts: Collection[str],
    kind: str,
    vocab_size: int,
    min_frequency: int,
    lowercase: bool | None,
    path: str | None,
    answers_for_tokens: bool = False,
    rare_words: int = 0,
) -> Tokenizer:
    """Train a tokenizer on `texts`, or load one from `path` if `kind` is pretrained.

    "auto" is "char" where most texts have no spaces, else "word", or "wordpiece" where answers are for tokens: those
    of unknown words need to be told apart.

    Args:
        lowercase: whether capitals are not seen; None: of words they aren't, while characters that differ stay so.
        rare_words: as `train` takes it; 0 where answers are for tokens.

    Raises:
        UserError: it can't be trained with these values, or there is none at `path`.
    """
    if kind == "pretrained":
        return load_tokenizer(path)
    if kind == "auto":
        kind = ("wordpiece" if answers_for_tokens else "word") if have_spaces(texts) else "char"
    if lowercase is None:
        lowercase = kind not in ("char", "byte")
    try:
        rare = 0 if answers_for_tokens else rare_words
        tokenizer = train(texts, kind, vocab_size, min_frequency, lowercase, rare)
    except Exception as error:  # the library raises a bare Exception
        raise UserError(
            f"tokenizer.kind={kind} can't be trained with tokenizer.vocab_size={vocab_size}: {error}"
        ) from error
    separator = (SEPARATOR, tokenizer.token_to_id(SEPARATOR))
    tokenizer.post_processor = processors.TemplateProcessing("$A", f"$A {SEPARATOR} $B:1", [separator])
    return tokenizer


def load_tokenizer(path: str | None) -> Tokenizer:
    """Read a `tokenizer.json`. Padding and truncation that it asks for are left out: batches do both."""
    if path is None:
        raise UserError("tokenizer.path is not set: tokenizer=pretrained needs the path of a tokenizer.json.")
    if not Path(path).is_file():
        raise UserError(f"tokenizer.path: there is no file {Path(path).absolute()}.")
    try:
        tokenizer = read_tokenizer(Path(path))
    except (OSError, ValueError) as error:
        raise UserError(f"tokenizer.path: {path} is not a tokenizer.json ({error}).") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a file, wherever that comes from; a ValueError if it is none, or larger than any in use."""
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"it has {path.stat().st_size:,} bytes, and at most {LARGEST_FILE:,} are read")
    return parse_tokenizer(path.read_text(encoding="utf-8"))


def parse_tokenizer(text: str) -> Tokenizer:
    """The tokenizer that a `tokenizer.json` describes; a ValueError if it is none, or has ids no vocabulary has."""
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises a bare Exception
        raise ValueError(str(error)) from error
    if not tokenizer.get_vocab():
        raise ValueError("it has no tokens")
    if vocab_size(tokenizer) > LARGEST_VOCABULARY:
        raise ValueError(f"its ids go up to {vocab_size(tokenizer) - 1:,}, and at most {LARGEST_VOCABULARY:,} are read")
    return tokenizer


def read_text_as_it_is(tokenizer: Tokenizer) -> Tokenizer:
    """Let "[SEP]" in a text be four letters in brackets. Not kept in a tokenizer's file: to be said after loading."""
    tokenizer.encode_special_tokens = True
    return tokenizer


def vocab_size(tokenizer: Tokenizer) -> int:
    """One more than the highest id: a pretrained vocabulary may have gaps."""
    return max(tokenizer.get_vocab().values()) + 1


def pad_id(tokenizer: Tokenizer) -> int:
    """The id that fills a batch; a pretrained tokenizer without a padding token pads with 0, masked anyway."""
    return _first_id(tokenizer, PAD, "<pad>") or 0


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """The id of what the vocabulary doesn't hold; None if every text can be written in it (bytes)."""
    return _first_id(tokenizer, UNKNOWN, "<unk>")


def mask_id(tokenizer: Tokenizer) -> int | None:
    """The id that hides a token in masked language modelling; None if the vocabulary has none."""
    return _first_id(tokenizer, MASK, "<mask>")


def separator_id(tokenizer: Tokenizer) -> int | None:
    """The id that stands between two texts; None if the vocabulary has none."""
    return _first_id(tokenizer, SEPARATOR, "</s>")


def check_separates(tokenizer: Tokenizer) -> None:
    """Raises a UserError if `tokenizer` puts nothing between two texts by which they could be told apart."""
    separator = separator_id(tokenizer)
    if separator is None or separator not in tokenizer.encode("a", "a").ids:
        lacks = "has neither [SEP] nor </s>" if separator is None else "puts no separator between two texts"
        raise UserError(
            f"tokenizer.path: this tokenizer {lacks}, which data.pair_column needs. Take one that does "
            "(its post_processor says so), or have one trained, such as tokenizer=wordpiece."
        )


def lowers(tokenizer: Tokenizer) -> bool:
    """Whether it doesn't see capitals."""
    return tokenizer.normalizer is not None and tokenizer.normalizer.normalize_str("A") == "a"


def tokenizer_kind(tokenizer: Tokenizer, kind: str) -> str:
    """What "auto" became; any other kind as it is."""
    if kind != "auto":
        return kind
    if isinstance(tokenizer.model, models.WordPiece):
        return "wordpiece"
    return "char" if isinstance(tokenizer.pre_tokenizer, pre_tokenizers.Split) else "word"


def words_by_id(tokenizer: Tokenizer) -> list[str]:
    """How each token is spelled, "" those that stand for no part of a text; none at all where they aren't words."""
    if not isinstance(tokenizer.model, models.WordLevel) or are_characters(tokenizer):
        return []
    special, words = set(special_ids(tokenizer)), [""] * vocab_size(tokenizer)
    for word, number in tokenizer.get_vocab().items():
        words[number] = "" if number in special else word
    return words


def has_rare_words(tokenizer: Tokenizer, asked: dict[str, Any]) -> bool:
    """Whether words, or characters, are in it that only `tokenizer.rare_words` let in. asked: a tokenizer's config."""
    whole = isinstance(tokenizer.model, models.WordLevel) and asked["kind"] != "pretrained"
    return whole and bool(asked.get("rare_words"))


def are_characters(tokenizer: Tokenizer) -> bool:
    """Whether every token is a single character."""
    special = set(special_ids(tokenizer))
    return all(len(token) == 1 for token, number in tokenizer.get_vocab().items() if number not in special)


def special_ids(tokenizer: Tokenizer) -> list[int]:
    """The ids that stand for no part of a text."""
    return sorted(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)


def _first_id(tokenizer: Tokenizer, *tokens: str) -> int | None:
    found = map(tokenizer.token_to_id, tokens)
    return next((token_id for token_id in found if token_id is not None), None)
