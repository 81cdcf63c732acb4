"""Parts that the tests of both tasks about tokens build on."""

import torch
from tokenizers import Tokenizer

from sweepformer.data.batches import Batch
from sweepformer.data.tokenizer import make_tokenizer, vocab_size
from sweepformer.models.transformer import Transformer
from sweepformer.tasks.language_modeling import TokenPrediction
from sweepformer.tasks.task import Targets

WORDS = [f"w{number}" for number in range(60)]


def word_tokenizer() -> Tokenizer:
    return make_tokenizer([" ".join(WORDS)], "word", 100, 1, True, None)


def build(kind: type[TokenPrediction], tokenizer: Tokenizer | None = None, seed: int = 0, **options) -> TokenPrediction:
    """A task with a small model that drops nothing."""
    tokenizer = tokenizer or word_tokenizer()
    torch.manual_seed(0)
    model = Transformer(
        vocab_size=vocab_size(tokenizer), num_classes=1, predicts="vocabulary", embedding_dim=16, num_heads=2,
        num_layers=1, dim_feedforward=32, dropout=0.0, max_length=64,
    )  # fmt: skip
    targets = Targets([], torch.zeros(4).numpy(), rows_per_batch=4, tokens_per_batch=40, tokenizer=tokenizer, seed=seed)
    task = kind(targets=targets, model=model, make_optimizer=None, make_schedule=None, **options)  # type: ignore[arg-type]
    task.on_train_epoch_start()
    return task


def padded(rows: list[list[int]], numbers: list[int] | None = None) -> Batch:
    """Rows of token ids as a padded batch; numbers: of the rows in their split."""
    length = max(map(len, rows))
    token_ids = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows])
    padding = torch.tensor([[place >= len(row) for place in range(length)] for row in rows])
    layout = padding if padding.any() else None
    count = len(rows)
    return Batch(token_ids, layout, torch.zeros(count, dtype=torch.int64), torch.tensor(numbers or list(range(count))))
