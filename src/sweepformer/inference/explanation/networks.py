"""A text on its way into a network: its tokens' vectors, on the straight line from those of other tokens to their own.

Zero, the vector of padding, is the usual other end. Where layers normalise what they are given and positions add
nothing, as in the default model, it is a bad one: the direction of tiny vectors is all that counts there, tokens get
large values of either sign, and a word that decides the class is missed in places. Between random tokens and its own a
text stays among what the model has learned to read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sweepformer.models.embeddings import FrequentTokens

BASELINES = 16  # texts of random tokens that a text is compared with
TOKENS_AT_ONCE = 2_048  # in a batch: gradients keep more in memory than answers do

TokenVectors = Sequence[tuple[nn.Embedding, Sequence[int]]]  # as `Transformer.token_vectors`


class NetworkPath:
    """As `attributions.Path`.

    Args:
        model: in float32, with `token_vectors`. Hooks are set in it while it is asked: nobody else may use it then.
        token_ids: (tokens,) int64, of the whole text.
        drawn: (tokens,) bool, which of them others are drawn for; the rest, which separate texts, stay and get nothing.
        from_ids: (ids,) int64, those that are drawn.
        positions: (sequences, length) int64, which tokens each sequence holds that is read; a row's logits are the
            mean of its sequences'. Tokens in none get nothing.
        answered: what the model says of sequences, (batch, ...) float, to their logits, (batch, outputs).
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
        answered: Callable[[Tensor], Tensor],
        device: torch.device,
    ) -> None:
        self.model, self.token_ids, self.positions, self.answered = model, token_ids, positions, answered
        self.device = device
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
        grid, parts = self._grid(shares), []
        for steps, baselines, sequences in self._batches(grid):
            with torch.no_grad(), self._between(shares[steps], baselines, sequences):
                parts.append(self._ask(sequences))
        return torch.cat(parts).unflatten(0, grid).mean(2)

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        found = torch.zeros(len(self.token_ids), dtype=torch.float64)
        directions = directions / len(self.positions)
        for steps, baselines, sequences in self._batches(self._grid(shares)):
            with self._between(shares[steps], baselines, sequences) as vectors:
                moved = (self._ask(sequences) * directions[steps, baselines]).sum()
            gradients = torch.autograd.grad(moved, [one.between for one in vectors])
            for one, gradient in zip(vectors, gradients, strict=True):
                credit = _shared_out((gradient * one.way).sum(-1).double().cpu(), one.tokens)
                found.index_add_(0, self.positions[sequences].flatten(), credit.flatten())
        return found.numpy()

    def _ask(self, sequences: Tensor) -> Tensor:
        """(batch,) int64 numbers of sequences to (batch, outputs) float64."""
        token_ids = self.token_ids[self.positions[sequences]].to(self.device)
        return self.answered(self.model(token_ids, None)).double().cpu()

    def _grid(self, shares: Tensor) -> tuple[int, int, int]:
        return len(shares), BASELINES, len(self.positions)

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


def _shared_out(credit: Tensor, tokens: int) -> Tensor:
    """(batch, length): what `tokens` tokens got together, where the last one stands, shared equally among them."""
    return pad(credit, (0, tokens - 1)).unfold(1, tokens, 1).sum(-1) / tokens
