"""Words are tagged, and counted, whatever pieces they are cut into and however their rows lie in a batch."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from conftest import COLOURS, TINY, Cli, whole_and_resumed, write_tagged

from sweepformer.config.kinds import LabelKind
from sweepformer.data.batches import Batch, BatchedRows
from sweepformer.data.encoding import NO_TAG
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.spans import spans_of
from sweepformer.data.splits import make_splits
from sweepformer.data.store import Store, write_store
from sweepformer.data.texts import join_words
from sweepformer.data.tokenizer import make_tokenizer, vocab_size
from sweepformer.data.truncation import Truncation
from sweepformer.models.transformer import Transformer
from sweepformer.tasks.tagging import SpanF1, TagF1, Tagging
from sweepformer.tasks.task import Targets

CONLL = (*(one for one in TINY if one != "data=files"), "data=conll", "task=tagging")


@pytest.fixture
def conll(tmp_path: Path) -> tuple[str, ...]:
    """Overrides of a small tagging run."""
    return (*CONLL, f"data.train_file={write_tagged(tmp_path / 'rows.conll')}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Rows of 1 to 8 words, of one to three pieces each, tagged with one of three tags."""
    random = np.random.default_rng(0)
    words = [["x" * int(random.integers(1, 4)) for _ in range(1 + number % 8)] for number in range(80)]
    rows = [[f"{number}", *row] for number, row in enumerate(words)]
    tags = [[f"{'OBI'[int(random.integers(3))]}-t".replace("O-t", "O") for _ in row] for row in rows]
    raw = RawSplits(Rows([join_words(row) for row in rows], tags, [str(number) for number in range(80)]))
    splits, report = make_splits(raw, labelled="tags")
    tokenizer = make_tokenizer(splits.train.texts, "char", 100, 1, False, None)
    write_store(tmp_path / "store", splits, report, tokenizer, {}, LabelKind.TAGS)
    return Store.open(tmp_path / "store")


def batches(store: Store, max_length: int = 100, packed: bool = False, part: str = "head") -> Batch:
    rows = BatchedRows(store.splits["train"], Truncation(max_length, part), 0, packed)
    return rows.__getitems__([7, 3, 5, 0])


def task_for(store: Store, packed: bool = False, **options: object) -> Tagging:
    torch.manual_seed(0)
    model = Transformer(
        vocab_size=vocab_size(store.tokenizer),
        num_classes=len(store.classes),
        predicts="token",
        embedding_dim=16,
        num_layers=1,
        dim_feedforward=32,
        attention="varlen" if packed else "auto",
    )
    targets = Targets(store.classes, store.splits["train"].labels, rows_per_batch=4.0, tokens_per_batch=40.0)
    return Tagging(targets, model=model, make_optimizer=None, make_schedule=None, **options).eval()  # type: ignore[arg-type]


def measured(task: Tagging, batch: Batch) -> dict[str, float]:
    task.evaluate("test", batch)
    return {name: float(metric.compute()) for name, metric in task._metrics_of("test").items()}


def test_packed_and_padded_rows_are_answered_alike(store: Store) -> None:
    one, other = task_for(store), task_for(store, packed=True)
    padded, packed = batches(store), batches(store, packed=True)
    assert measured(one, padded) == pytest.approx(measured(other, packed), abs=1e-5)
    first, second = one.test_step(padded, 0), other.test_step(packed, 0)
    for name in ("labels", "predictions"):
        assert [row.tolist() for row in first[name]] == [row.tolist() for row in second[name]]
    for which in ("first", "all"):
        losses = [
            task_for(store, packed, label_pieces=which).learn(batch).loss.item()
            for packed, batch in ((False, padded), (True, packed))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("which", ["first", "all"])
def test_the_loss_is_of_first_pieces_or_of_all_and_never_of_padding(store: Store, which: str) -> None:
    task, batch = task_for(store, label_pieces=which), batches(store)
    logits = task(batch.token_ids, batch.layout).detach()
    expected = answers = 0.0
    for row, number in enumerate(batch.rows.tolist()):
        labels = store.splits["train"].labels[slice(*store.splits["train"].offsets[number : number + 2])]
        for place, label in enumerate(labels.tolist()):
            if label >= 0 or which == "all":
                tag = label if label >= 0 else -2 - label
                expected -= float(logits[row, place].log_softmax(0)[tag])
                answers += 1
    learned = task.learn(batch)
    assert learned.loss.item() == pytest.approx(expected, rel=1e-4)
    assert int(learned.answers) == answers
    share = (store.splits["train"].labels >= 0).mean() if which == "first" else 1.0
    assert task.answers_per_batch == pytest.approx(40 * share)


@pytest.mark.parametrize("part", ["head", "tail", "head_and_tail"])
def test_words_that_are_cut_off_have_no_answer_and_count_as_wrong(store: Store, part: str) -> None:
    task, whole, cut = task_for(store), batches(store), batches(store, max_length=5, part=part)
    assert whole.words is not None
    assert cut.words is not None
    assert cut.words.tags.tolist() == whole.words.tags.tolist()
    missing = cut.words.tokens < 0
    assert 0 < missing.sum() == sum(map(count_missing, task.test_step(cut, 0)["predictions"]))
    answered = cut.words.tags[~missing]
    logits = task(cut.token_ids, cut.layout).flatten(0, 1)[cut.words.tokens[~missing]]
    right = int((logits.argmax(1) == answered).sum())
    assert measured(task_for(store), cut)["acc"] == pytest.approx(right / len(missing))
    long = next(row for row in task.test_step(cut, 0)["predictions"] if count_missing(row))
    assert [long[0] == NO_TAG, long[-1] == NO_TAG] == [part == "tail", part == "head"]
    columns = task.prediction_columns(task.test_step(cut, 0), store.classes)
    assert sum(tag is None for row in columns["prediction"] for tag in row) == missing.sum()


def count_missing(predictions: np.ndarray) -> int:
    return int((predictions == NO_TAG).sum())


def test_spans_count_if_place_and_type_are_right() -> None:
    names = ["B-a", "B-b", "I-a", "I-b", "O"]
    number = {name: place for place, name in enumerate(names)}
    true = "B-a I-a O B-b O | B-a B-a I-a | O O"
    said = "B-a I-a O B-a O | B-a I-a I-a | O I-b"
    f1 = SpanF1(names)
    columns = [[number[tag] for tag in text.replace("| ", "").split()] for text in (said, true)]
    rows = [row for row, part in enumerate(true.split("|")) for _ in part.split()]
    f1.update(*(torch.tensor(column) for column in (*columns, rows)))
    assert float(f1.compute()) == pytest.approx(2 * 1 / (4 + 4))
    halves = [SpanF1(names), SpanF1(names)]
    for half, words in zip(halves, (slice(0, 5), slice(5, 10)), strict=True):
        part = [torch.tensor(column[words]) for column in (*columns, rows)]
        half.update(*part[:2], part[2] - part[2].min())
    halves[0].right += halves[1].right  # as processes do: the sums are what they share
    halves[0].predicted += halves[1].predicted
    halves[0].true += halves[1].true
    assert float(halves[0].compute()) == pytest.approx(float(f1.compute()))


def test_tags_that_mark_no_spans_have_a_macro_f1() -> None:
    f1 = TagF1(4)
    f1.update(torch.tensor([0, 0, 1, NO_TAG]), torch.tensor([0, 1, 1, 2]), torch.zeros(4, dtype=torch.int64))
    assert float(f1.compute()) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)  # the fourth tag never occurs


def test_a_tagger_learns_and_leaves_what_every_run_leaves(cli: Cli, conll: tuple[str, ...]) -> None:
    usual = (*conll, "logger=tensorboard", "data.batch_size=4")
    learning = (*usual, "trainer.max_epochs=12", "optimizer.lr=5e-3", "model.dropout=0")
    result = cli(*learning)
    assert result.code == 0, result.screen
    metrics = result.summary["metrics"]
    assert metrics["test_acc"] > 0.95
    assert metrics["test_f1"] > 0.8
    assert "val_f1=" in result.summary["best_checkpoint"]
    predictions = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pylist()
    assert list(predictions[0]) == ["id", "tokens", "label", "prediction"]
    assert all(len(row["tokens"]) == len(row["label"]) == len(row["prediction"]) for row in predictions)
    assert {colour.title() for colour in COLOURS} & set(predictions[0]["tokens"])
    pairs = [pair for row in predictions for pair in zip(row["label"], row["prediction"], strict=True)]
    assert np.mean([one == other for one, other in pairs]) == pytest.approx(metrics["test_acc"])
    vocabulary = json.loads((result.directory / "tokenizer.json").read_text())["model"]["vocab"]
    assert "R" in vocabulary  # capitals tell names
    assert json.loads((result.directory / "labels.json").read_text()) == ["B-COL", "I-COL", "O"]
    assert "nothing to do" in cli(*learning).out


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_lists_of_words_and_tags_are_data_too(cli: Cli, tmp_path: Path, ending: str) -> None:
    rows = [
        {"tokens": ["a", f"thing{number}"], "tags": ["DET", "NOUN" if number % 2 else "VERB"]} for number in range(40)
    ]
    path = tmp_path / f"rows.{ending}"
    if ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    chosen = [f"data.train_file={path}", "data.text_column=tokens", "data.label_column=tags"]
    result = cli(*TINY, "task=tagging", *chosen, "debug=fast")
    assert result.code == 0, result.screen
    assert "3 classes" in result.out


def test_a_stopped_tagger_goes_on_to_the_same_weights(
    cli: Cli, conll: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in its second epoch and typed again; dropout is on."""
    command = (
        *conll,
        "trainer.max_epochs=3",
        "allowed_packages=[misbehaving]",
        "+callbacks.stop._target_=misbehaving.StopAtStep",
    )
    one, other = (
        torch.load(result.directory / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for result in whole_and_resumed(cli, command, 5, monkeypatch)
    )
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_two_processes_measure_the_whole_split(shell: Cli, conll: tuple[str, ...], tmp_path: Path) -> None:
    learning = ("trainer.max_epochs=10", "optimizer.lr=5e-3", "model.dropout=0", "data.batch_size=4")
    result = shell(
        *conll, *learning, "data.test_fraction=0.3", "trainer.strategy=ddp_fork", "trainer.devices=2", "name=two"
    )
    assert result.code == 0, result.screen
    (run,) = (tmp_path / "outputs" / "two").iterdir()
    rows = pyarrow.parquet.read_table(run / "predictions.parquet").to_pylist()
    assert len({row["id"] for row in rows}) == len(rows) == 18
    said, true = ([set(spans_of(row[column])) for row in rows] for column in ("prediction", "label"))
    right = sum(len(one & other) for one, other in zip(said, true, strict=True))
    f1 = 2 * right / (sum(map(len, said)) + sum(map(len, true)))
    assert f1 > 0
    assert json.loads((run / "summary.json").read_text())["metrics"]["test_f1"] == pytest.approx(f1)


def test_what_max_length_cuts_off_is_told(cli: Cli, conll: tuple[str, ...]) -> None:
    result = cli(*conll, "model.max_length=3", "data.val_fraction=0.2")
    assert result.code == 0, result.screen
    assert "words beyond model.max_length are not tagged, which counts as wrong: train" in result.out
    rows = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pylist()
    assert all(row["prediction"][-1] is None and row["label"][-1] for row in rows)
    assert result.summary["metrics"]["test_acc"] < 0.7


def test_a_sweep_of_taggers_stands_beside_its_baselines(cli: Cli, conll: tuple[str, ...], tmp_path: Path) -> None:
    others = [one for one in conll if not one.startswith("model")]
    command = ("-m", *others, "name=beside", "model=majority,word_features,tiny")
    result = cli(*command)
    assert result.code == 0, result.screen
    with (tmp_path / "multirun" / "beside" / "leaderboard.csv").open(encoding="utf-8") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"majority", "word_features", "tiny"}
    assert float(rows["word_features"]["test_f1"]) == 1
    assert float(rows["majority"]["test_acc"]) > 0.8
    assert "3 of 3 runs have their result already" in cli(*command).out


@pytest.mark.parametrize(
    ("model", "words"), [("tfidf", "TfIdf can't do this task"), ("bag_of_ngrams", "BagOfNgrams can't do this task")]
)
def test_models_of_rows_are_refused(cli: Cli, conll: tuple[str, ...], model: str, words: str) -> None:
    result = cli(*(one for one in conll if not one.startswith("model")), f"model={model}")
    assert result.code == 1
    assert words in result.screen
    assert "Traceback" not in result.screen


def test_columns_of_tags_are_no_classes(cli: Cli, conll: tuple[str, ...]) -> None:
    result = cli(*conll, "task=classification")
    assert result.code == 1
    assert "choose task=tagging" in result.screen
    texts = cli(*conll, "task=masked_lm", "hydra.run.dir=texts")
    assert texts.code == 1
    assert "task.stratify_by=tags" in texts.err


def test_a_tag_that_train_lacks_is_refused_with_its_line(cli: Cli, conll: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "test.conll").write_text("a O\n\nb B-NEW\n")
    result = cli(*conll, f"data.test_file={tmp_path / 'test.conll'}", "data.unseen_labels=refuse")
    assert result.code == 1
    assert "test.conll, the sentence that begins in line 3: 1 labels of the test split" in result.screen
    assert "'B-NEW'" in result.screen
    assert "Traceback" not in result.screen


def test_repaired_spans_are_told_by_every_run_that_uses_them(cli: Cli, conll: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "rows.conll"
    path.write_text(path.read_text() + "\nthe O\nHill I-COL\n")
    for name in ("one", "two"):
        result = cli(*conll, f"hydra.run.dir={tmp_path / name}", "debug=fast")
        assert result.code == 0, result.screen
        assert "1 tags in 1 rows were not valid BIO" in result.out
        assert "line 392: 'I-COL' became 'B-COL'" in result.out
    refused = cli(*conll, "data.invalid_spans=refuse")
    assert refused.code == 1
    assert "line 392: 'I-COL' after 'O'" in refused.screen
