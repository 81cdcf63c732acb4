"""The peers, each as its users write it: one process trains one model for a given time and prints what it did.

python -m benchmarks.peers SYSTEM '{"workload": "short", "width": 256, ...}'
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.workloads import CLASSES, VOCABULARY, WORKLOADS

PAD = VOCABULARY
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
WARM_UP = 1  # steps that are not counted


@dataclass(frozen=True)
class Case:
    """What is trained and for how long; sixteen_bit: autocast to bfloat16 where a system is able to."""

    workload: str
    width: int
    heads: int
    layers: int
    feed_forward: int
    sixteen_bit: bool
    seconds: float
    batch_size: int

    @property
    def max_length(self) -> int:
        return WORKLOADS[self.workload].max_length


class Meter:
    """Counts real tokens of whole steps, from the end of the warm-up on."""

    def __init__(self, seconds: float) -> None:
        self.limit, self.steps, self.tokens, self.began, self.seconds = seconds, 0, 0, 0.0, 0.0

    def step(self, tokens: int) -> bool:
        """Called after each optimizer step; says whether it was the last."""
        if DEVICE.type == "cuda" and (self.steps <= WARM_UP or self.steps % 20 == 0):
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.steps += 1
        if self.steps == WARM_UP:
            self.began = now
        elif self.steps > WARM_UP:
            self.tokens += tokens
            self.seconds = now - self.began
        return self.steps > WARM_UP and self.seconds >= self.limit


class TorchEncoder(nn.Module):
    """nn.TransformerEncoder between an embedding and a linear layer, as tutorials have it."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY + 1, case.width, padding_idx=PAD)
        self.positions = nn.Parameter(torch.zeros(case.max_length, case.width))
        layer = nn.TransformerEncoderLayer(case.width, case.heads, case.feed_forward, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, case.layers, enable_nested_tensor=False)
        self.head = nn.Linear(case.width, CLASSES)

    def forward(self, token_ids: Tensor, padding: Tensor | None = None) -> Tensor:
        x = self.embedding(token_ids) + self.positions[: token_ids.shape[1]]
        x = self.encoder(x, src_key_padding_mask=padding)
        if padding is None:
            return self.head(x.mean(1))
        real = ~padding[..., None]
        return self.head((x * real).sum(1) / real.sum(1))


def pad(rows: list[np.ndarray], length: int | None = None) -> Tensor:
    """(rows, length) int64, by default as long as the longest."""
    padded = np.full((len(rows), length or max(map(len, rows))), PAD, dtype=np.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return torch.from_numpy(padded)


def epochs(order: Callable[[], Any], batch_size: int) -> Iterator[list[int]]:
    """Batches of row numbers without end."""
    while True:
        numbers = [int(number) for number in order()]
        for start in range(0, len(numbers), batch_size):
            yield numbers[start : start + batch_size]


def bare_loop(case: Case, model: nn.Module, order: Callable[[], Any], masked: bool, fused: bool) -> Meter:
    """Forward, backward, clip, step.

    masked: padded to the batch's longest, with a mask; else to the longest of all, without.
    """
    rows, labels = WORKLOADS[case.workload].training_rows()
    model.to(DEVICE).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=fused or None)
    autocast: Any = torch.autocast(DEVICE.type, torch.bfloat16) if case.sixteen_bit else nullcontext()
    meter = Meter(case.seconds)
    for numbers in epochs(order, case.batch_size):
        batch = [rows[number] for number in numbers]
        token_ids = pad(batch, None if masked else case.max_length).to(DEVICE)
        optimizer.zero_grad()
        with autocast:
            logits = model(token_ids, token_ids == PAD) if masked else model(token_ids)
            loss = F.cross_entropy(logits, torch.from_numpy(labels[numbers]).to(DEVICE))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if meter.step(sum(map(len, batch))):
            break
    return meter


def tutorial(case: Case) -> Meter:
    """(a) fp32, every row padded to one length, no mask; in smaller batches, as most of each is padding."""
    case = replace(case, batch_size=max(case.batch_size // 4, 4))
    shuffled = partial(np.random.default_rng(0).permutation, WORKLOADS[case.workload].rows)
    return bare_loop(case, TorchEncoder(case), shuffled, masked=False, fused=False)


def lightning(case: Case) -> Meter:
    """(b) a plain LightningModule, padded to the batch's longest."""
    import pytorch_lightning as pl
    from torch.utils.data import DataLoader

    rows, labels = WORKLOADS[case.workload].training_rows()
    meter = Meter(case.seconds)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = TorchEncoder(case)

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            loss = F.cross_entropy(self.model(batch[0], batch[0] == PAD), batch[1])
            self.log("train_loss", loss)
            return loss

        def on_train_batch_end(self, outputs: Any, batch: tuple[Tensor, Tensor], index: int) -> None:
            if meter.step(int((batch[0] != PAD).sum())):
                self.trainer.should_stop = True

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=1e-3)

    def collate(items: list[tuple[np.ndarray, int]]) -> tuple[Tensor, Tensor]:
        return pad([row for row, _ in items]), torch.tensor([label for _, label in items])

    pairs: Any = list(zip(rows, labels, strict=True))
    loader: Any = DataLoader(pairs, case.batch_size, shuffle=True, collate_fn=collate)
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    precision: Any = "bf16-mixed" if case.sixteen_bit else "32-true"
    trainer = pl.Trainer(
        **quiet, enable_model_summary=False, precision=precision, devices=1, max_epochs=1000, gradient_clip_val=1.0
    )
    trainer.fit(Module(), loader)
    return meter


def hugging_face(case: Case, best: bool) -> Meter:
    """(c) its Trainer with a BERT, defaults; (d) `best`: grouped by length, fused optimizer, no NaN filter."""
    import tempfile

    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

    rows, labels = WORKLOADS[case.workload].training_rows()
    meter = Meter(case.seconds)
    counted: list[int] = []
    config = BertConfig(
        vocab_size=VOCABULARY + 1,
        hidden_size=case.width,
        num_hidden_layers=case.layers,
        num_attention_heads=case.heads,
        intermediate_size=case.feed_forward,
        max_position_embeddings=case.max_length,
        num_labels=CLASSES,
        pad_token_id=PAD,
        # varlen kernels have no dropout on attention, and ours has none by default: at its best it has none too.
        attention_probs_dropout_prob=0.0 if best else 0.1,
    )

    class Count(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if meter.step(sum(counted)):
                control.should_training_stop = True
            counted.clear()

    def collate(items: list[dict[str, Any]]) -> dict[str, Tensor]:
        token_ids = pad([item["input_ids"] for item in items])
        targets = torch.tensor([item["labels"] for item in items])
        return {"input_ids": token_ids, "attention_mask": (token_ids != PAD).long(), "labels": targets}

    class Counted(BertForSequenceClassification):
        def forward(self, *args: Any, **inputs: Any) -> Any:
            counted.append(int(inputs["attention_mask"].sum()))
            return super().forward(*args, **inputs)

    options: dict[str, Any] = {}
    if best:
        options = {
            "train_sampling_strategy": "group_by_length",
            "length_column_name": "length",
            "optim": "adamw_torch_fused",
            "logging_nan_inf_filter": False,
            "bf16": case.sixteen_bit,
            "use_cpu": DEVICE.type == "cpu",
        }
    items = [
        {"input_ids": row, "labels": int(label), "length": len(row)} for row, label in zip(rows, labels, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=case.batch_size,
            learning_rate=1e-3,
            num_train_epochs=1000,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            **options,
        )
        trainer = Trainer(Counted(config), arguments, collate, items, callbacks=[Count()])
        trainer.train()
    return meter


def x_transformers(case: Case) -> Meter:
    """(e) x-transformers in a bare loop, with the batches of (d)."""
    from transformers.trainer_pt_utils import get_length_grouped_indices
    from x_transformers import Encoder, TransformerWrapper

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = Encoder(
                dim=case.width,
                depth=case.layers,
                heads=case.heads,
                attn_dim_head=case.width // case.heads,
                ff_mult=case.feed_forward / case.width,
                attn_flash=True,
                ff_dropout=0.1,
            )
            self.body = TransformerWrapper(
                num_tokens=VOCABULARY + 1, max_seq_len=case.max_length, attn_layers=layers, emb_dropout=0.1
            )
            self.head = nn.Linear(case.width, CLASSES)

        def forward(self, token_ids: Tensor, padding: Tensor) -> Tensor:
            real = ~padding
            x = self.body(token_ids, mask=real, return_embeddings=True)
            return self.head((x * real[..., None]).sum(1) / real.sum(1, keepdim=True))

    rows, _ = WORKLOADS[case.workload].training_rows()
    lengths = [len(row) for row in rows]
    grouped = partial(get_length_grouped_indices, lengths, case.batch_size)
    return bare_loop(case, Classifier(), grouped, masked=True, fused=True)


SYSTEMS: dict[str, Callable[[Case], Meter]] = {
    "tutorial": tutorial,
    "lightning": lightning,
    "hf": partial(hugging_face, best=False),
    "hf_best": partial(hugging_face, best=True),
    "x_transformers": x_transformers,
}


def matrix_product_rate(sixteen_bit: bool) -> float:
    """FLOP/s of a large matrix product on this device: what a model can at most come to."""
    size = 2048 if DEVICE.type == "cpu" else 8192
    dtype = torch.bfloat16 if sixteen_bit else torch.float32
    a, b = (torch.randn(size, size, device=DEVICE, dtype=dtype) for _ in range(2))
    best = 0.0
    for precision in ("ieee", "bf16"):  # torch's own product, and oneDNN's
        torch.backends.mkldnn.matmul.fp32_precision = precision
        rates = []
        for _ in range(10):
            began = time.perf_counter()
            a @ b
            if DEVICE.type == "cuda":
                torch.cuda.synchronize()
            rates.append(2 * size**3 / (time.perf_counter() - began))
        best = max(best, float(np.median(rates[2:])))
    return best


def main() -> None:
    torch.manual_seed(0)
    name, case = sys.argv[1], Case(**json.loads(sys.argv[2]))
    if name == "matrix_product":
        print(json.dumps({"flops": matrix_product_rate(case.sixteen_bit)}))
        return
    meter = SYSTEMS[name](case)
    print(json.dumps({"tokens": meter.tokens, "seconds": meter.seconds, "steps": meter.steps - WARM_UP}))


if __name__ == "__main__":
    main()
