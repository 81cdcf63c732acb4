"""What is read of long rows: as much as the model takes, from where it was asked for; all of it in windows."""

from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import COLOURS, THINGS, Cli
from hypothesis import given
from hypothesis import strategies as st

from sweepformer.data.batches import BatchedRows
from sweepformer.data.store import TokenizedRows
from sweepformer.data.truncation import Truncation
from sweepformer.models.transformer import Transformer

PAD, SEPARATOR = 0, 1
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def split(rows: list[list[int]]) -> TokenizedRows:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    names: Any = [str(number) for number in range(len(rows))]
    return TokenizedRows(np.concatenate(rows), offsets, np.zeros(len(rows), dtype=np.int64), names, names)


def read(rows: list[list[int]], truncation: Truncation, separator: int | None = None) -> list[list[int]]:
    """The tokens of each sequence of the batch of all rows."""
    batched = BatchedRows(split(rows), truncation, PAD, separator_id=separator)
    batch = batched.__getitems__(list(range(len(rows))))
    assert batch.token_ids.shape[1] <= truncation.max_length
    return [[token for token in sequence if token != PAD] for sequence in batch.token_ids.tolist()]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("head", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("tail", [13, 14, 15, 16, 17, 18, 19, 20]),
        ("head_and_tail", [1, 2, 15, 16, 17, 18, 19, 20]),
    ],
)
def test_the_part_that_was_asked_for_is_read(part: str, expected: list[int]) -> None:
    short, long = [5, 6, 7], list(range(1, 21))
    assert read([short, long, short], Truncation(8, part)) == [short, expected, short]


@given(LENGTHS, st.integers(1, 20), st.sampled_from([0.0, 0.25, 0.5, 0.9]))
def test_windows_read_every_token_and_overlap(lengths: list[int], max_length: int, overlap: float) -> None:
    rows = [list(range(1, length + 1)) for length in lengths]
    truncation = Truncation(max_length, "windows", overlap)
    batch = BatchedRows(split(rows), truncation, PAD).__getitems__(list(range(len(rows))))
    sequences = [[token for token in sequence if token != PAD] for sequence in batch.token_ids.tolist()]
    places = list(range(len(rows))) if batch.windows is None else batch.windows.tolist()
    for place, row in enumerate(rows):
        windows = [sequence for sequence, owner in zip(sequences, places, strict=True) if owner == place]
        assert sorted(set(chain.from_iterable(windows))) == row
        assert all(len(window) == min(max_length, len(row)) for window in windows)
        for one, two in pairwise(windows):
            assert len(set(one) & set(two)) >= min(overlap * max_length, max_length - 1)
    # What a batch is planned to cost is what it holds.
    assert truncation.tokens_read(np.array(lengths)).sum() == sum(map(len, sequences))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(3, 30), st.sampled_from(["head", "tail"]))
def test_of_two_texts_the_longer_is_cut_first(first: int, second: int, max_length: int, part: str) -> None:
    one, two = list(range(100, 100 + first)), list(range(200, 200 + second))
    (found,) = read([[*one, SEPARATOR, *two]], Truncation(max_length, part), SEPARATOR)
    assert len(found) == min(first + 1 + second, max_length)
    cut = found.index(SEPARATOR)
    kept = found[:cut], found[cut + 1 :]
    for text, rest in zip((one, two), kept, strict=True):
        assert rest == (text[: len(rest)] if part == "head" else text[len(text) - len(rest) :])
    shares = sorted([(first, len(kept[0])), (second, len(kept[1]))])
    (short, of_short), (long, of_long) = shares
    assert of_short >= min(short, (max_length - 1) // 2)
    assert of_long == long or of_long >= of_short - 1


def test_packed_pairs_get_the_answers_of_padded_ones() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    rows = [
        [*random.integers(2, 30, first), SEPARATOR, *random.integers(2, 30, second)]
        for first, second in ((3, 4), (20, 2), (1, 30), (15, 15))
    ]
    sizes = {"embedding_dim": 16, "num_heads": 2, "dim_feedforward": 32, "max_length": 12, "vocab_size": 30}
    model = Transformer(num_classes=3, separator_id=SEPARATOR, attention="varlen", **sizes).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(model.encoder.embedding.segments.weight)  # type: ignore[union-attr]
    batches = [
        BatchedRows(split(rows), Truncation(12), PAD, packed, separator_id=SEPARATOR).__getitems__([2, 0, 3, 1])
        for packed in (False, True)
    ]
    padded, packed = (model(batch.token_ids, batch.layout) for batch in batches)
    torch.testing.assert_close(packed, padded, atol=1e-5, rtol=0)


def test_windows_can_be_packed_too() -> None:
    rows = [list(range(1, length)) for length in (4, 40, 12)]
    batches = [
        BatchedRows(split(rows), Truncation(10, "windows"), PAD, packed).__getitems__([0, 1, 2])
        for packed in (False, True)
    ]
    assert batches[0].windows.tolist() == batches[1].windows.tolist() == [0, *[1] * 6, 2, 2]  # type: ignore[union-attr]
    padded = batches[0].token_ids[~batches[0].layout]  # type: ignore[operator, index]
    assert batches[1].token_ids.tolist() == padded.tolist()


def write_long(path: Path) -> Path:
    """Rows whose label is their last word, far behind what a short model reads."""
    lines = ["text,label"]
    for number in range(150):
        filler = " ".join(THINGS[(number + place) % 10] for place in range(20))
        lines.append(f"{filler} {number} {COLOURS[number % 3]},{COLOURS[number % 3]}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("overrides", "learns"),
    [
        ("data.truncation=null", False),
        ("data.truncation=head", False),
        ("data.truncation=tail", True),
        ("data.truncation=head_and_tail", True),
        ("data.truncation=windows", True),
        ("data.truncation=windows model.attention=varlen data.window_overlap=0", True),
        ("tokenizer.truncation_side=left", True),
    ],
)
def test_a_model_learns_from_what_it_reads(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, overrides: str, learns: bool
) -> None:
    rows = write_long(tmp_path / "long.csv")
    given = [f"data.train_file={rows}", "model.max_length=8", "trainer.max_epochs=8", "optimizer.lr=5e-3"]
    result = cli(*tiny, *given, "tokenizer=word", *overrides.split())
    assert result.code == 0, result.screen
    assert (result.summary["metrics"]["test_acc"] > 0.7) == learns  # a third by chance


def test_windows_are_evaluated_alike_in_any_batch(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    rows = write_long(tmp_path / "long.csv")
    given = [f"data.train_file={rows}", "model.max_length=8", "data.truncation=windows", "trainer.max_epochs=2"]
    metrics = [
        cli(*tiny, *given, f"data.eval_batch_size={size}", f"hydra.run.dir={tmp_path}/{size}").summary["metrics"]
        for size in (2, 256)
    ]
    assert metrics[0] == pytest.approx(metrics[1], rel=1e-5)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("data.truncation=middle", ["data.truncation", "head_and_tail"]),
        ("data.window_overlap=1", ["data.window_overlap=1", "below 1"]),
        ("data.truncation=windows task.mixup=0.2", ["data.truncation=windows", "task.mixup"]),
        ("data.truncation=head tokenizer.truncation_side=left", ["data.truncation=head", "truncation_side=left"]),
    ],
)
def test_mistakes_are_named(cli: Cli, tiny: tuple[str, ...], overrides: str, words: list[str]) -> None:
    result = cli(*tiny, *overrides.split())
    assert result.code == 1
    assert all(word in result.screen for word in words), result.screen
    assert "Traceback" not in result.screen
