"""Labels texts with the model in this folder.

    python predict.py "a text" "another"

Needs numpy, tokenizers and what runs the model, which README.md names. Of pairs the two texts stand in one argument
with a tab between them; of rows whose words are tagged the words with spaces.
"""

import importlib
import json
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

BATCH = 32  # rows that are asked for at once

# Token ids, (batch, length) int64, and where there is none, (batch, length) bool, to logits, float32.
Graph = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Labeller:
    """The model of a folder that `sweepformer export` wrote.

    Rows are texts, pairs of texts, or lists of words: as in training.

    labels: names of classes or tags, in the order of probabilities.
    """

    def __init__(self, folder: str | Path = Path(__file__).parent) -> None:
        folder = Path(folder)
        self.about: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.labels: list[str] = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.encode_special_tokens = True  # "[SEP]" in a text is five characters
        self.reads, self.answers = self.about["reads"], self.about["answers"]
        self.kind = KINDS[self.about["labelled"]](self.labels, self.answers)
        self.graph = open_graph(folder, self.about)

    def predict(self, rows: Sequence[Any]) -> list[Any]:
        """What each row is: a label, a list of labels, a number, or a list of tags, None of words that were cut off."""
        with np.errstate(invalid="ignore"):
            return [self.kind.label(one) for one in self.logits(rows)]

    def predict_proba(self, rows: Sequence[Any]) -> list[np.ndarray]:
        """Of each row the probabilities of the labels, (labels,) float32; or of its words, (words, labels), NaN of
        those that were cut off.
        """
        with np.errstate(invalid="ignore"):
            return [self.kind.probabilities(one) for one in self.logits(rows)]

    def logits(self, rows: Sequence[Any]) -> list[np.ndarray]:
        """What the model says of each row, (outputs,) float32, of several windows their mean; or of its words,
        (words, tags), that of each one's first token, -inf of those that were cut off.
        """
        tagged, answers = self.kind.tagged, []
        given = [tuple(row) for row in rows] if self.reads["pairs"] else list(rows)
        encodings = self.tokenizer.encode_batch(given, is_pretokenized=tagged)
        tokens = [self._tokens(one, len(row)) for one, row in zip(encodings, given, strict=True)]
        read = [places_read(ids, self.reads) for ids, _ in tokens]
        said = iter(self._ask([ids[one] for (ids, _), pieces in zip(tokens, read, strict=True) for one in pieces]))
        for (_, words), pieces in zip(tokens, read, strict=True):
            of_pieces = [next(said) for _ in pieces]
            if tagged:
                answers.append(_of_words(of_pieces[0], words, pieces[0]))
            else:
                answers.append(np.stack(of_pieces).mean(axis=0, dtype=np.float32))
        return answers

    def _tokens(self, encoding: Encoding, words: int) -> tuple[np.ndarray, list[int]]:
        """A row's token ids, and where those of its words begin; what normalisation removes is an unknown token."""
        unknown = self.reads["unknown_id"] or 0
        if not self.kind.tagged:
            return np.array(encoding.ids or [unknown]), []
        ids: list[int] = []
        begins: list[int] = []
        for token, word in zip(encoding.ids, encoding.word_ids, strict=True):
            while word is not None and len(begins) < word:
                begins.append(len(ids))
                ids.append(unknown)
            if word is not None and len(begins) == word:
                begins.append(len(ids))
            ids.append(token)
        missing = range(len(ids), len(ids) + words - len(begins))
        return np.array([*ids, *[unknown] * len(missing)], dtype=np.int64), [*begins, *missing]

    def _ask(self, sequences: list[np.ndarray]) -> list[np.ndarray]:
        """What the graph says of each: rows of like length together, filled up to the longest."""
        said: dict[int, np.ndarray] = {}
        order = sorted(range(len(sequences)), key=lambda one: len(sequences[one]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            longest = max(len(sequences[one]) for one in batch)
            token_ids = np.full((len(batch), longest), self.reads["pad_id"], dtype=np.int64)
            padding = np.ones((len(batch), longest), dtype=bool)
            for line, one in enumerate(batch):
                token_ids[line, : len(sequences[one])] = sequences[one]
                padding[line, : len(sequences[one])] = False
            said |= zip(batch, self.graph(token_ids, padding), strict=True)
        return [said[one] for one in range(len(sequences))]


class _OneLabel:
    """What the logits of a row stand for: one of the labels. answers: of config.json."""

    tagged = False  # rows are lists of words

    def __init__(self, labels: list[str], answers: dict[str, Any]) -> None:
        self.labels, self.answers = labels, answers

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return _softmax(logits / np.float32(self.answers.get("temperature", 1)))

    def label(self, logits: np.ndarray) -> Any:
        return self.labels[self.probabilities(logits).argmax()]


class _SomeLabels(_OneLabel):
    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-logits))

    def label(self, logits: np.ndarray) -> Any:
        given = self.probabilities(logits) >= np.float32(self.answers["thresholds"])
        return [self.labels[number] for number in np.flatnonzero(given)]


class _Number(_OneLabel):
    def label(self, logits: np.ndarray) -> Any:
        return float(logits[0]) * self.answers["scale"] + self.answers["mean"]


class _Tags(_OneLabel):
    tagged = True

    def label(self, logits: np.ndarray) -> Any:
        words = self.probabilities(logits)
        return [None if np.isnan(one).any() else self.labels[one.argmax()] for one in words]


KINDS = {"class": _OneLabel, "classes": _SomeLabels, "number": _Number, "tags": _Tags}


def places_read(ids: np.ndarray, reads: dict[str, Any]) -> list[np.ndarray]:
    """Which of a row's tokens are read, by their places: all, or where it is too long a part, or several windows."""
    length, most, part = len(ids), reads["max_length"], reads["truncation"]
    if length <= most:
        return [np.arange(length)]
    if reads["pairs"]:  # of the two texts the longer one is cut first
        first = int((ids == reads["separator_id"]).argmax())
        second, room = length - first - 1, most - 1
        of_second = min(second, max(room // 2, room - first))
        of_first = min(first, room - of_second)
        if part == "tail":
            return [np.r_[first - of_first : first + 1, length - of_second : length]]
        return [np.r_[:of_first, first : first + 1 + of_second]]
    if part == "windows":
        step = max(int(most * (1 - reads["window_overlap"])), 1)
        windows = 1 - (most - length) // step
        starts = [number * (length - most) // (windows - 1) for number in range(windows)]
        return [np.arange(start, start + most) for start in starts]
    head = {"tail": 0, "head_and_tail": most // 4}.get(part, most)
    return [np.r_[:head, length - most + head : length]]


def open_graph(folder: Path, about: dict[str, Any]) -> Graph:
    """The model in a folder."""
    if about["format"] == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        return lambda token_ids, padding: session.run(["logits"], {"token_ids": token_ids, "padding": padding})[0]
    import torch

    if about["format"] == "torch":
        program = torch.export.load(folder / "model.pt2").module()
    else:
        program = open_weights(folder, about["model"])

    def ask(token_ids: np.ndarray, padding: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            said = program(torch.from_numpy(token_ids), torch.from_numpy(padding))
        return (said[0] if isinstance(said, tuple) else said).numpy()

    return ask


def open_weights(folder: Path, model: dict[str, Any]) -> Any:
    """A torch module with the weights and, unless that is a package of your own, the code in a folder."""
    from safetensors.torch import load_file

    package = ""
    if model["code"]:  # of a folder; that of another folder may be another
        package = f"model_code_{abs(hash(folder.resolve()))}"
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = [str(folder.resolve() / model["code"])]
    prefix = model["prefix"]
    weights = load_file(folder / "model.safetensors")
    weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    module = importlib.import_module(f"{package}.{model['module']}".lstrip("."))
    network = getattr(module, model["class"])(**model["arguments"])
    network.load_state_dict(weights)
    return network.eval()


def _of_words(of_tokens: np.ndarray, begins: list[int], read: np.ndarray) -> np.ndarray:
    found = {place: number for number, place in enumerate(read.tolist())}
    nothing = np.full(of_tokens.shape[1], -np.inf, dtype=np.float32)
    return np.stack([of_tokens[found[place]] if place in found else nothing for place in begins])


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def main() -> None:
    """The command line."""
    labeller = Labeller()
    texts = sys.argv[1:] or [line for line in sys.stdin.read().splitlines() if line.strip()]
    rows: list[Any] = list(texts)
    if labeller.reads["pairs"]:
        rows = [text.split("\t") for text in texts]
        if any(len(row) != 2 for row in rows):
            sys.exit("Rows are pairs of texts: give both in one argument, or line, with a tab between them.")
    elif labeller.kind.tagged:
        rows = [text.split() for text in texts]
    for text, answer in zip(texts, labeller.predict(rows), strict=True):
        print(json.dumps(answer, ensure_ascii=False), text, sep="\t")


if __name__ == "__main__":
    main()
