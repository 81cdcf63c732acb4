"""What is asked of a language model, and how its answers are measured."""

import math

import pytest
import torch
from token_tasks import build, padded, word_tokenizer

from sweepformer.errors import UserError
from sweepformer.models.bag_of_ngrams import BagOfNgrams
from sweepformer.tasks import questions
from sweepformer.tasks.language_modeling import LanguageModeling
from sweepformer.tasks.task import Targets

ROWS = [[5, 6, 7, 8, 9], [10, 11], [12, 13, 14]]


def expected_losses(task: LanguageModeling, row: list[int]) -> torch.Tensor:
    """Every token but the first, from those before it, one row by itself."""
    with torch.no_grad():
        logits = task.model(torch.tensor([row[:-1]]), None, causal=True)[0]
    return -logits.log_softmax(-1)[torch.arange(len(row) - 1), torch.tensor(row[1:])]


def test_the_loss_is_of_the_next_tokens_and_padding_has_no_part_in_it() -> None:
    task = build(LanguageModeling)
    learned = task.learn(padded(ROWS))
    assert learned.answers == 4 + 1 + 2
    expected = sum(float(expected_losses(task, row).sum()) for row in ROWS)
    assert learned.loss.item() == pytest.approx(expected, abs=1e-4)


def test_nothing_that_comes_later_is_seen() -> None:
    task = build(LanguageModeling)
    losses = [task.evaluate("test", padded([[5, 6, 7, last]]))[0, 0] for last in (8, 9)]
    logits = [task.model(torch.tensor([[5, 6, 7, last]]), None, causal=True)[0, :3] for last in (8, 9)]
    assert torch.equal(*logits)
    assert losses[0] != losses[1]


def test_perplexity_is_e_to_the_mean_loss_of_all_answers_however_they_are_batched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = build(LanguageModeling)
    found = []
    for batches, at_once in (([ROWS], 2**26), ([ROWS[:1], ROWS[1:]], 2**26), ([ROWS], 1)):
        monkeypatch.setattr(questions, "LOGITS_AT_ONCE", at_once)
        for rows in batches:
            task.evaluate("val", padded(rows))
        metrics = task._metrics_of("val")
        found.append({name: float(metric.compute()) for name, metric in metrics.items()})
        for metric in metrics.values():
            metric.reset()
    mean = float(torch.cat([expected_losses(task, row) for row in ROWS]).mean())
    assert found[0]["perplexity"] == pytest.approx(math.exp(mean), rel=1e-5)
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert found[2] == pytest.approx(found[0], rel=1e-5)


def test_a_row_of_one_token_asks_nothing_and_breaks_nothing() -> None:
    task = build(LanguageModeling)
    assert task.learn(padded([[5]])).answers == 0
    kept = task.test_step(padded([[5], [6, 7]]), 0)
    assert kept["tokens"].tolist() == [0, 1]
    assert math.isnan(kept["loss"][0])
    assert float(task._metrics_of("test")["loss"].compute()) == pytest.approx(float(kept["loss"][1]))


def test_a_model_that_answers_for_rows_only_is_refused() -> None:
    model = BagOfNgrams(vocab_size=64, num_classes=2)
    targets = Targets([], torch.zeros(1).numpy(), 1, 1, tokenizer=word_tokenizer())
    with pytest.raises(UserError, match="BagOfNgrams"):
        LanguageModeling(targets, model, make_optimizer=None, make_schedule=None)  # type: ignore[arg-type]
