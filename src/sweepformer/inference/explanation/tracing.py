"""From a text to the path that attributions are taken on, for whatever answers for it.

Into a network the path is the straight line from the vectors of other tokens to those of its own.
Zero, the vector of padding, is the usual other end. Where layers normalise what they are given and positions add
nothing, as in the default model, it is a bad one: the direction of tiny vectors is all that counts there, tokens get
large values of either sign, and a word that decides the class is missed in places. Between random tokens and its own a
text stays among what the model has learned to read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sweepformer.baselines.baseline import Additive, Contributions
from sweepformer.data.tokenizer import special_ids
from sweepformer.errors import UserError
from sweepformer.inference.artifact import Graph
from sweepformer.inference.explanation.attributions import Path
from sweepformer.inference.explanation.words import Span, tokens_of, words_in
from sweepformer.inference.readers import BaselineReader, NetworkReader, Reader
from sweepformer.models.embeddings import FrequentTokens


class Trace(NamedTuple):
    """A text as it is read. path: to its answer; spans: of its tokens; read: (tokens,) bool, which of them are; words:
    where its words stand.
    """

    path: Path
    spans: list[Span]
    read: np.ndarray
    words: list[Span]


def tracer_of(reader: Reader) -> "NetworkTracer | BaselineTracer":
    """Whoever knows the way from a text to its answer; a UserError if answers can't be taken apart."""
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
        """Of a text as `data.texts` writes it. word: the place of the one that is answered for, where words are."""
        reader = self.reader
        tokens = tokens_of(reader.tokenizer, written, reader.pairs, reader.tagged)
        positions, column = reader.positions(tokens.ids), None
        if word is not None:  # a word is answered for by its first token
            which, column = np.argwhere(positions == tokens.spans.index(tokens.words[word]))[0].tolist()
            positions = positions[[which]]
        read = np.isin(np.arange(len(tokens.ids)), positions)
        token_ids, drawn = torch.from_numpy(tokens.ids), torch.tensor([end > start for start, end in tokens.spans])
        read_at = torch.from_numpy(positions)
        path = NetworkPath(self.model, token_ids, drawn, self.ordinary, read_at, column, reader.device)
        return Trace(path, tokens.spans, read, tokens.words)


class BaselineTracer:
    """Of a baseline whose answers are sums of what stands in a text, all of which it reads."""

    def __init__(self, baseline: Additive) -> None:
        self.baseline = baseline

    def trace(self, written: str, word: int | None) -> Trace:
        found = self.baseline.contributions(written)
        words = words_in(written, [start for start, _ in found.spans])
        return Trace(SumPath(found), found.spans, np.ones(len(found.spans), dtype=bool), words)


class SumPath:
    """As `Path`, from a text without words: every token adds a share of what it adds."""

    compared_with = "no words"

    def __init__(self, found: Contributions) -> None:
        self.base, self.values = torch.from_numpy(found.base), torch.from_numpy(found.values)

    def logits(self, shares: Tensor) -> Tensor:
        return (self.base + shares[:, None] * self.values.sum(0))[:, None]

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        return (self.values @ directions.sum((0, 1))).numpy()


BASELINES = 16  # texts of random tokens that a text is compared with
TOKENS_AT_ONCE = 2_048  # in a batch: gradients keep more in memory than answers do

TokenVectors = Sequence[tuple[nn.Embedding, Sequence[int]]]  # as `Transformer.token_vectors`


class NetworkPath:
    """As `attributions.Path`, into a network.

    Args:
        model: in float32, with `token_vectors`. Hooks are set in it while it is asked: nobody else may use it then.
        token_ids: (tokens,) int64, of the whole text.
        drawn: (tokens,) bool, which of them others are drawn for; the rest, which separate texts, stay and get nothing.
        from_ids: (ids,) int64, those that are drawn.
        positions: (sequences, length) int64, which tokens each sequence holds that is read; a row's logits are the
            mean of its sequences'. Tokens in none get nothing.
        answered: the place in sequences of the token whose logits are wanted; None: the model gives those of rows.
        device: the model's.
    """

    compared_with = "random tokens in their place"

    def __init__(
        self,
        model: nn.Module,
        token_ids: Tensor,
        drawn: Tensor,
        from_ids: Tensor,
        positions: Tensor,
        answered: int | None,
        device: torch.device,
    ) -> None:
        self.model, self.token_ids, self.positions = model, token_ids, positions
        self.answered, self.device = answered, device
        self.embeddings: TokenVectors = model.token_vectors  # type: ignore[assignment]  # its maker has looked
        random = torch.Generator().manual_seed(0)  # the same text, the same answer
        shape = (BASELINES, len(token_ids))
        self.others: list[list[Tensor]] = []  # by embedding and call, (baselines, tokens) rows of the embedding
        for embedding, sizes in self.embeddings:
            calls = []
            for size in sizes:
                if size == 1:
                    ids = from_ids[torch.randint(len(from_ids), shape, generator=random)]
                    ids = torch.where(drawn, ids, token_ids)
                    calls.append(embedding.rows_of(ids) if isinstance(embedding, FrequentTokens) else ids)
                else:  # n-grams of random tokens may be any
                    calls.append(torch.randint(embedding.num_embeddings, shape, generator=random))
            self.others.append(calls)

    def logits(self, shares: Tensor) -> Tensor:
        grid, parts = (len(shares), BASELINES, len(self.positions)), []
        for steps, baselines, sequences in self._batches(grid):
            with torch.no_grad(), self._between(shares[steps], baselines, sequences):
                parts.append(self._ask(sequences))
        return torch.cat(parts).unflatten(0, grid).mean(2)

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        found = torch.zeros(len(self.token_ids), dtype=torch.float64)
        directions = directions / len(self.positions)
        for steps, baselines, sequences in self._batches((len(shares), BASELINES, len(self.positions))):
            with self._between(shares[steps], baselines, sequences) as vectors:
                moved = (self._ask(sequences) * directions[steps, baselines]).sum()
            gradients = torch.autograd.grad(moved, [one.between for one in vectors])
            for one, gradient in zip(vectors, gradients, strict=True):
                credit = (gradient * one.way).sum(-1).double().cpu()  # (batch, length), of each vector
                # What tokens got together, where the last of them stands, is shared equally among them.
                credit = pad(credit, (0, one.tokens - 1)).unfold(1, one.tokens, 1).sum(-1) / one.tokens
                found.index_add_(0, self.positions[sequences].flatten(), credit.flatten())
        return found.numpy()

    def _ask(self, sequences: Tensor) -> Tensor:
        """(batch,) int64 numbers of sequences to (batch, outputs) float64."""
        token_ids = self.token_ids[self.positions[sequences]].to(self.device)
        said: Tensor = self.model(token_ids, None)
        return (said if self.answered is None else said[:, self.answered]).double().cpu()

    def _batches(self, grid: tuple[int, int, int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each sequence with each baseline at each step, some at a time, so that memory doesn't grow with any of these.

        Yields (batch,) int64 numbers of steps, of baselines and of sequences.
        """
        size = max(TOKENS_AT_ONCE // self.positions.shape[1], 1)
        for numbers in torch.arange(int(np.prod(grid))).split(size):
            yield torch.unravel_index(numbers, grid)  # type: ignore[misc]  # as many as there are in `grid`

    @contextmanager
    def _between(self, shares: Tensor, baselines: Tensor, sequences: Tensor) -> Iterator[list["Vectors"]]:
        """As long as it is entered, vectors stand between a baseline's and their own; those asked for are listed.

        shares: (batch,) float, 1: their own; baselines, sequences: (batch,) int64 numbers.
        """
        found: list[Vectors] = []
        tokens = self.positions[sequences]

        def hook(sizes: Sequence[int], others: Sequence[Tensor]) -> Callable[[nn.Module, Any, Tensor], Tensor]:
            calls = iter(zip(sizes, others, strict=True))

            def move(embedding: nn.Module, inputs: Any, vectors: Tensor) -> Tensor:
                size, rows = next(calls)
                assert isinstance(embedding, nn.Embedding)
                start = embedding.weight[rows[baselines[:, None], tokens].to(vectors.device)].detach()
                way = vectors.detach() - start
                between = start + shares.to(vectors)[:, None, None] * way
                found.append(Vectors(size, way, between.requires_grad_(torch.is_grad_enabled())))
                return between

            return move

        handles = [
            embedding.register_forward_hook(hook(sizes, others))
            for (embedding, sizes), others in zip(self.embeddings, self.others, strict=True)
        ]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()


class Vectors(NamedTuple):
    """What an embedding gave. tokens: how many each vector stands for, which end at its place; way: from the baseline's
    vectors to the text's; between: on it; (batch, length, width) float.
    """

    tokens: int
    way: Tensor
    between: Tensor
