"""A finished run that is loaded: what it says of texts, as columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from sweepformer.config.kinds import Kind
from sweepformer.data.truncation import Truncation
from sweepformer.errors import UserError
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.readers import Reader
from sweepformer.inference.scoring import COLUMNS, Scorer
from sweepformer.inference.spans import mark_spans
from sweepformer.inference.texts import TextMaker
from sweepformer.tasks.answers import Answers, Kept, in_order

PARTS_READ = {"head": "their beginning", "tail": "their end", "head_and_tail": "their beginning and end"}


class Answered(NamedTuple):
    """columns: by name, a list or an array with an item for each text; cut: (texts,) bool, which were too long."""

    columns: dict[str, Any]
    cut: np.ndarray


class LoadedRun:
    """Answers for texts that were checked and written as the tokenizer is given them.

    What is said of a text does not depend on the others, and nothing is changed by asking.

    Args:
        texts: who writes them.
        reader: who reads them.
        answers: what its logits stand for; None: it is a language model, and has a scorer.
        chosen: as `Predictor`.
    """

    def __init__(
        self,
        artifact: Artifact,
        kind: Kind,
        texts: TextMaker,
        reader: Reader,
        answers: Answers | None,
        scorer: Scorer | None = None,
        chosen: str = "",
    ) -> None:
        self.path, self.chosen, self.config = artifact.origin, chosen, artifact.config
        self.kind, self.classes, self.texts = kind, list(artifact.classes), texts
        self._reader, self._answers, self._scorer = reader, answers, scorer

    def answer(self, written: Sequence[str], first: int = 0) -> Answered:
        """All there is to say of texts that `self.texts` wrote, as columns.

        prediction, and `probability_<class>` (float32) of classes; of language models loss, perplexity (float32) and
        tokens (int64). first: place of the first text among all that are asked for, which language models go by.
        """
        if self._scorer is not None:
            scores, cut = self._scorer.score(written, first)
            return Answered({"loss": scores.loss, "perplexity": scores.perplexity, "tokens": scores.tokens}, cut)
        assert self._answers is not None
        kept, cut = self._kept(written)
        return Answered(self._answers.columns(kept, self.classes) if written else {"prediction": []}, cut)

    @property
    def column_types(self) -> dict[str, str]:
        """What stands in the columns of `answer`: "string", "strings" or a dtype; "spans" where tags mark them."""
        if self._answers is None:
            return COLUMNS
        return self._answers.types(self.classes) | ({"spans": "spans"} if self.marks_spans else {})

    @property
    def temperature(self) -> float:
        """What logits are divided by for the probabilities of one class a text; 1 where there is none."""
        return float(self._answers.temperature) if self._answers is not None else 1.0

    @property
    def scale(self) -> float:
        """The standard deviation of the training rows' numbers; 1 where rows have none."""
        return float(self._answers.scale) if self._answers is not None else 1.0

    @property
    def goes_by_place(self) -> bool:
        """Whether what is said of a text depends on its place among those given, which decides what is hidden of it."""
        return self._scorer is not None and not self._scorer.causal

    @property
    def marks_spans(self) -> bool:
        """Whether the tags are those of spans."""
        return self.kind.labelled.is_of_words and mark_spans(self.classes)

    @property
    def what_is_read(self) -> str:
        """Of texts that are too long, in words."""
        read = Truncation.of(self.config)
        return f"{PARTS_READ.get(read.part, 'a part')} was read, model.max_length={read.max_length} tokens"

    def _kept(self, written: Sequence[str]) -> tuple[Kept, np.ndarray]:
        assert self._answers is not None
        parts = []
        for read in self._reader.read(written):
            kept = {"rows": read.rows, "cut": read.cut, **self._answers.of(read.logits, read.words)}
            parts.append({name: one.cpu() if isinstance(one, Tensor) else one for name, one in kept.items()})
        if not parts:
            return {}, np.zeros(0, dtype=bool)
        kept = in_order(parts)[1]
        cut = kept.pop("cut")
        return kept, cut


def no_label() -> UserError:
    """Of a language model."""
    return UserError(
        "This run is a language model: it tells how likely texts are, and has no label for them. Use score."
    )
