"""Which tokens are hidden, and that only they are asked for."""

import pytest
import torch
from token_tasks import build, padded, word_tokenizer
from tokenizers import Tokenizer, models

from sweepformer.data.batches import Batch
from sweepformer.data.tokenizer_training import MASK, SPECIAL_TOKENS
from sweepformer.errors import UserError
from sweepformer.models.layout import Packed
from sweepformer.tasks.masked_lm import MaskedLM

MASK_ID = SPECIAL_TOKENS.index(MASK)
FIRST = len(SPECIAL_TOKENS)  # the first token of a text


def many(rows: int = 400, length: int = 40) -> Batch:
    random = torch.Generator().manual_seed(0)
    return padded((torch.randint(0, 60, (rows, length), generator=random) + FIRST).tolist())


def test_shares_are_those_of_the_config() -> None:
    batch = many()
    question = build(MaskedLM, rate=0.15).ask(batch, epoch=0)
    assert question.chosen.float().mean() == pytest.approx(0.15, abs=0.01)
    read, true = question.token_ids[question.chosen], question.answers
    assert torch.equal(true, batch.token_ids[question.chosen])
    assert (read == MASK_ID).float().mean() == pytest.approx(0.8, abs=0.02)
    assert (read == true).float().mean() == pytest.approx(0.1 + 0.1 / 60, abs=0.02)
    assert torch.equal(question.token_ids[~question.chosen], batch.token_ids[~question.chosen])
    assert (read[read != MASK_ID] >= FIRST).all(), "a special token stood in for one of a text"


def test_all_can_be_hidden_behind_masks() -> None:
    question = build(MaskedLM, rate=0.3, masked=1.0, random=0.0).ask(many(), epoch=0)
    assert (question.token_ids[question.chosen] == MASK_ID).all()


def test_special_tokens_and_padding_are_never_asked_for_and_every_row_is_asked_something() -> None:
    rows = [[FIRST + 1, 3, FIRST + 2], [1, 3, 1, 1], [FIRST], *[[FIRST, FIRST + 1]] * 50]
    question = build(MaskedLM).ask(padded(rows), epoch=0)
    assert (question.answers >= FIRST).all()
    asked = question.chosen.sum(1)
    assert asked[1] == 0, "a row of special tokens only"
    assert (asked[[0, *range(2, len(rows))]] >= 1).all()


def test_every_epoch_and_seed_hides_others_and_evaluation_always_the_same() -> None:
    batch, task, other = many(), build(MaskedLM), build(MaskedLM, seed=1)
    first, second = (task.ask(batch, epoch).token_ids for epoch in (0, 1))
    assert not torch.equal(first, second)
    assert not torch.equal(first, other.ask(batch, 0).token_ids)
    assert torch.equal(first, build(MaskedLM).ask(batch, 0).token_ids)
    assert torch.equal(task.ask(batch, None).token_ids, task.ask(batch, None).token_ids)


def test_what_is_hidden_does_not_depend_on_how_rows_are_batched() -> None:
    task = build(MaskedLM)
    rows = [[FIRST + place for place in range(length)] for length in (30, 7, 12)]
    whole = task.ask(padded(rows, [4, 5, 6]), epoch=3)
    turned = task.ask(padded(rows[::-1], [6, 5, 4]), epoch=3)
    assert torch.equal(whole.token_ids, turned.token_ids.flip(0))
    packed = Packed.of(torch.tensor([30, 7, 12]))
    batch = Batch(
        torch.tensor([token for row in rows for token in row]), packed, torch.zeros(3), torch.tensor([4, 5, 6])
    )
    flat = task.ask(batch, epoch=3)
    assert torch.equal(packed.padded(flat.token_ids), whole.token_ids)
    assert torch.equal(flat.answers, whole.answers)
    assert torch.equal(flat.rows, whole.rows)


def test_logits_are_made_for_what_is_asked_only() -> None:
    task, batch = build(MaskedLM), many(8)
    shapes = []
    task.model.head.register_forward_hook(lambda module, given, logits: shapes.append(tuple(logits.shape)))
    learned = task.learn(batch)
    assert shapes == [(learned.answers, 64)]
    assert learned.answers < 0.3 * batch.token_ids.numel()


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    with pytest.raises(UserError, match=r"\[MASK\] or <mask>"):
        build(MaskedLM, tokenizer=Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")))
    assert word_tokenizer().token_to_id(MASK) == MASK_ID
