"""Text to token ids: Hugging Face `tokenizers`, trained on the training split only."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from sweepformer.data.texts import readable
from sweepformer.errors import UserError

PAD, UNKNOWN, MASK, SEPARATOR = "[PAD]", "[UNK]", "[MASK]", "[SEP]"
SPECIAL_TOKENS = [PAD, UNKNOWN, MASK, SEPARATOR]


def make_tokenizer(
    texts: Iterable[str],
    kind: str,
    vocab_size: int,
    min_frequency: int,
    lowercase: bool,
    path: str | None,
) -> Tokenizer:
    """Train a tokenizer on `texts`, or load one from `path` if `kind` is pretrained.

    Token 0 is [PAD] in every tokenizer that is trained here.

    Sources: WordPiece (Schuster and Nakajima 2012), BPE (Sennrich et al. 2016), Unigram (Kudo 2018),
    byte-level alphabet (Radford et al. 2019).
    """
    if kind == "pretrained":
        return load_tokenizer(path)
    tokenizer, trainer = _untrained(kind, vocab_size, min_frequency)
    steps = [normalizers.NFC()] + ([normalizers.Lowercase()] if lowercase else [])
    tokenizer.normalizer = normalizers.Sequence(steps)
    try:
        tokenizer.train_from_iterator(readable(texts), trainer)
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
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # the library raises a bare Exception
        raise UserError(f"tokenizer.path: {path} is not a tokenizer.json ({error}).") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
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


def special_ids(tokenizer: Tokenizer) -> list[int]:
    """The ids that stand for no part of a text."""
    return sorted(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)


def _first_id(tokenizer: Tokenizer, *tokens: str) -> int | None:
    found = map(tokenizer.token_to_id, tokens)
    return next((token_id for token_id in found if token_id is not None), None)


def _untrained(kind: str, size: int, min_frequency: int) -> tuple[Tokenizer, trainers.Trainer]:
    words = pre_tokenizers.BertPreTokenizer()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    limits: dict[str, Any] = {"vocab_size": size, "special_tokens": SPECIAL_TOKENS, "show_progress": False}
    match kind:
        case "wordpiece":
            tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
            tokenizer.pre_tokenizer, tokenizer.decoder = words, decoders.WordPiece()
            return tokenizer, trainers.WordPieceTrainer(min_frequency=min_frequency, **limits)
        case "bpe":
            tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            tokenizer.decoder = decoders.Metaspace()
            return tokenizer, trainers.BpeTrainer(min_frequency=min_frequency, **limits)
        case "unigram":
            tokenizer = Tokenizer(models.Unigram())
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            tokenizer.decoder = decoders.Metaspace()
            return tokenizer, trainers.UnigramTrainer(unk_token=UNKNOWN, **limits)
        case "word":
            tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
            tokenizer.pre_tokenizer = words
            return tokenizer, trainers.WordLevelTrainer(min_frequency=min_frequency, **limits)
        case "char":
            tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
            return tokenizer, trainers.WordLevelTrainer(min_frequency=min_frequency, **limits)
        case "byte":
            # A vocabulary of the special tokens and the 256 bytes leaves no room for merges.
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
            tokenizer.decoder = decoders.ByteLevel()
            limits["vocab_size"] = len(SPECIAL_TOKENS) + len(alphabet)
            return tokenizer, trainers.BpeTrainer(initial_alphabet=alphabet, **limits)
        case _:
            raise ValueError(f"no trainer for {kind}")
