"""From a text to the path that attributions are taken on, for whatever answers for it."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from sweepformer.baselines.baseline import Additive
from sweepformer.data.tokenizer import special_ids
from sweepformer.errors import UserError
from sweepformer.inference.bundles import Graph
from sweepformer.inference.explanation.attributions import Path, SumPath
from sweepformer.inference.explanation.networks import NetworkPath
from sweepformer.inference.explanation.words import Span, tokens_of, words_in
from sweepformer.inference.readers import BaselineReader, NetworkReader, Reader


class Trace(NamedTuple):
    """A text as it is read. path: to its answer; spans: of its tokens; read: (tokens,) bool, which of them are; words:
    where its words stand.
    """

    path: Path
    spans: list[Span]
    read: np.ndarray
    words: list[Span]


class Tracer(Protocol):
    """Whoever knows the way from a text to its answer."""

    def trace(self, written: str, word: int | None) -> Trace:
        """Of a text as `data.texts` writes it. word: the place of the one that is answered for, where words are."""


def tracer_of(reader: Reader) -> Tracer:
    """The tracer of what answers.

    Raises:
        UserError: its answers can't be taken apart.
    """
    if isinstance(reader, NetworkReader):
        return NetworkTracer(reader)
    assert isinstance(reader, BaselineReader)
    if isinstance(reader.baseline, Additive):
        return BaselineTracer(reader.baseline)
    raise UserError(
        f"model: {type(reader.baseline).__name__} is a baseline whose answers can't be told apart by words. Those of "
        "model=tfidf, bag_of_ngrams and of transformers can."
    )


class NetworkTracer:
    """Of a network, whose computation is followed backwards in float32."""

    def __init__(self, reader: NetworkReader) -> None:
        if isinstance(reader.model, Graph):
            raise UserError(
                "An exported graph can't be explained: it says what it answers, and keeps no gradients. Name the run "
                "that it was made of, or its export in the format safetensors."
            )
        if not hasattr(reader.model, "token_vectors"):
            name = type(reader.model).__name__
            raise UserError(
                f"model: {name} doesn't say which of its embeddings stand for tokens, whose part in an answer could be "
                "told. Give the class a property token_vectors, as sweepformer.models.transformer.Transformer has."
            )
        self.reader = reader
        self.model = deepcopy(reader.model).float()  # others may be asking the reader's own at the same time
        vocabulary, special = reader.tokenizer.get_vocab().values(), special_ids(reader.tokenizer)
        self.ordinary = torch.tensor(sorted({*vocabulary} - {*special} or {*vocabulary}))

    def trace(self, written: str, word: int | None) -> Trace:
        reader = self.reader
        tokens = tokens_of(reader.tokenizer, written, reader.pairs, reader.tagged)
        positions = reader.positions(tokens.ids)
        answered: Callable[[Tensor], Tensor] = _as_they_are
        if word is not None:  # a word is answered for by its first token
            which, column = np.argwhere(positions == tokens.spans.index(tokens.words[word]))[0]
            positions, answered = positions[[which]], partial(_at, int(column))
        read = np.isin(np.arange(len(tokens.ids)), positions)
        path = NetworkPath(
            self.model,
            token_ids=torch.from_numpy(tokens.ids),
            drawn=torch.tensor([end > start for start, end in tokens.spans]),
            from_ids=self.ordinary,
            positions=torch.from_numpy(positions),
            answered=answered,
            device=reader.device,
        )
        return Trace(path, tokens.spans, read, tokens.words)


def _as_they_are(of_rows: Tensor) -> Tensor:
    return of_rows


def _at(column: int, of_tokens: Tensor) -> Tensor:
    return of_tokens[:, column]


class BaselineTracer:
    """Of a baseline whose answers are sums of what stands in a text, all of which it reads."""

    def __init__(self, baseline: Additive) -> None:
        self.baseline = baseline

    def trace(self, written: str, word: int | None) -> Trace:
        found = self.baseline.contributions(written)
        words = words_in(written, [start for start, _ in found.spans])
        return Trace(SumPath(found), found.spans, np.ones(len(found.spans), dtype=bool), words)
