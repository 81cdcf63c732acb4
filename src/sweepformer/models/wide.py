"""A linear classifier of n-grams, to stand beside an encoder."""

import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.layout import Layout, Packed
from sweepformer.models.shape import WideShape

NOTHING = torch.iinfo(torch.int64).min  # the key where there is no n-gram; that of index 0


class WidePath(nn.Module):
    """Scores of classes from a row's n-grams of tokens, which an encoder's logits are added to.

    The wide part of a wide and deep model (Cheng et al. 2016), but fitted beforehand, by those who know how: nothing
    here has a gradient. A row's features are those of TF-IDF (Salton and Buckley 1988): (1 + log of an n-gram's count)
    times its IDF, together of length 1. N-grams that are not known have none.

    Both answers are pooled by adding their logits, each times its ensemble weight: the product of their
    probabilities with exponents (Genest and Zidek 1986, logarithmic opinion pool). The mean over windows of a row is so
    the pool of their means.

    Raises:
        ValueError: so many different n-grams can't be numbered.
    """

    keys: Tensor
    idf: Tensor
    weights: Tensor
    bias: Tensor
    ensemble_weights: Tensor

    def __init__(self, vocab_size: int, num_classes: int, shape: WideShape) -> None:
        super().__init__()
        self.base, self.ngram_order, self.positions = vocab_size + 1, shape.ngram_order, shape.positions
        most = highest_ngram_order(vocab_size)
        if not 1 <= self.ngram_order <= most:
            raise ValueError(
                f"wide.ngram_order={self.ngram_order} must be at least 1 and, with {vocab_size} tokens, at most "
                f"{most}; with fewer (tokenizer.vocab_size, tokenizer.rare_words) they may be longer"
            )
        # One more than are known: index 0 is of all others, and scores nothing.
        self.register_buffer("keys", torch.full((shape.known + 1,), NOTHING))
        self.register_buffer("idf", torch.zeros(shape.known + 1))
        self.register_buffer("weights", torch.zeros(shape.known + 1, num_classes))
        self.register_buffer("bias", torch.zeros(num_classes))
        self.register_buffer("ensemble_weights", torch.full((2,), 0.5))  # until they are fitted
        self.register_load_state_dict_pre_hook(_make_fit)

    def forward(self, token_ids: Tensor, layout: Layout = None) -> Tensor:
        """Scores, (batch, num_classes) float; arguments as `Transformer.forward`."""
        places, features = self.features(token_ids, layout)
        if torch.compiler.is_compiling():  # a graph with the operation below is of one row, or of several
            return (self.weights[places] * features[..., None]).sum(1) + self.bias
        return F.embedding_bag(places, self.weights, per_sample_weights=features, mode="sum") + self.bias

    def pooled(self, deep: Tensor, wide: Tensor) -> Tensor:
        """The logits of both, from the encoder's and from the scores here, all (batch, num_classes) float."""
        return self.ensemble_weights[0] * deep.to(wide.dtype) + self.ensemble_weights[1] * wide

    def features(self, token_ids: Tensor, layout: Layout = None) -> tuple[Tensor, Tensor]:
        """The n-grams of rows: (batch, n-grams) int64, the index of each, and float, what it adds to that feature.

        Those of an n-gram that comes several times add up to its feature.
        """
        if isinstance(layout, Packed):
            token_ids, layout = layout.padded(token_ids), layout.padding_mask
        places = self._places(self.ngrams(token_ids, layout))
        count = _counts(places).to(self.idf.dtype)
        features = self.idf[places] * (1 + count.log())
        length = (features.square() / count).sum((1, 2), keepdim=True).sqrt()
        shares = features / count / length.clamp(min=torch.finfo(length.dtype).tiny)
        return places.flatten(1), shares.flatten(1)

    def ngrams(self, token_ids: Tensor, padding: Tensor | None) -> Tensor:
        """(batch, kinds, length) int64, for each kind of n-gram the key of the one that ends at a token, or NOTHING.

        Keys are positive of n-grams and negative of tokens at their places.
        """
        real = torch.ones_like(token_ids, dtype=torch.bool) if padding is None else ~padding
        keys, whole = token_ids + 1, real  # above 0, so that n-grams of different lengths have different keys
        found = [torch.where(whole, keys, NOTHING)]
        for _ in range(1, self.ngram_order):
            keys = F.pad(keys, (1, 0))[:, :-1] * self.base + token_ids + 1
            whole = F.pad(whole, (1, 0))[:, :-1] & real
            found.append(torch.where(whole, keys, NOTHING))
        if self.positions:
            place = torch.arange(token_ids.shape[1], device=token_ids.device)
            found.append(torch.where(real, -(place * self.base + token_ids + 1), NOTHING))
        return torch.stack(found, 1)

    def know(self, keys: Tensor, idf: Tensor) -> None:
        """Take over n-grams: keys, (known,) int64, ascending, as `ngrams` gives them; idf: (known,) float."""
        self.keys = F.pad(keys, (1, 0), value=NOTHING)
        # At most 1, so that 16 bits hold sums of squares: rows are scaled to length 1 anyway.
        self.idf = F.pad((idf / idf.max()).to(self.idf.dtype), (1, 0))
        self.weights = self.weights.new_zeros(len(self.keys), self.weights.shape[1])

    def answer_with(self, weights: Tensor, bias: Tensor) -> None:
        """Take over what was learned: weights, (num_classes, known) float; bias: (num_classes,) float."""
        self.weights[1:] = weights.T
        self.bias.copy_(bias)

    @property
    def learned(self) -> int:
        """How many numbers: a weight for each n-gram and class, a bias for each class."""
        return self.weights[1:].numel() + self.bias.numel()

    def _places(self, keys: Tensor) -> Tensor:
        """Where keys stand among the known ones, 0 where they don't: a binary search, as ONNX has none."""
        last, place = len(self.keys) - 1, torch.zeros_like(keys)
        for power in reversed(range(last.bit_length())):
            further = place + 2**power
            reached = (further <= last) & (self.keys[further.clamp(max=last)] <= keys)
            place = torch.where(reached, further, place)
        return torch.where(self.keys[place] == keys, place, 0)


def present_name(name: str) -> str:
    """What a weight of a checkpoint is called now, where earlier versions called it otherwise."""
    return re.sub(r"\bwide\.trust$", "wide.ensemble_weights", name)


def _make_fit(wide: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Make room for what is loaded: how many n-grams are known is seen from the data, and no part of the config."""
    if (formerly := f"{prefix}trust") in state_dict:
        state_dict[f"{prefix}ensemble_weights"] = state_dict.pop(formerly)
    for name in ("keys", "idf", "weights"):
        own, saved = getattr(wide, name), state_dict.get(prefix + name)
        if saved is not None:
            setattr(wide, name, own.new_empty(len(saved), *own.shape[1:]))


def highest_ngram_order(vocab_size: int) -> int:
    """The most tokens that n-grams can have, so that each is a number of 64 bits."""
    return next(length for length in range(64) if (vocab_size + 1) ** (length + 1) > torch.iinfo(torch.int64).max)


def _counts(places: Tensor) -> Tensor:
    """How often the n-gram at each place comes in its row: (batch, kinds, length) int64 to the same."""
    if torch.compiler.is_compiling():  # graphs for other runtimes hold what these have
        return (places[..., None] == places[..., None, :]).sum(-1)
    ordered, order = places.sort(-1)
    runs = F.pad((ordered.diff() != 0).cumsum(-1), (1, 0))
    lengths = torch.zeros_like(places).scatter_add_(-1, runs, torch.ones_like(places)).gather(-1, runs)
    return torch.empty_like(places).scatter_(-1, order, lengths)
