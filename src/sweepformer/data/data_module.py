"""Batches for Lightning."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from sweepformer.data.batch_plan import BatchPlan, PlannedBatches
from sweepformer.data.batches import Batch, BatchedRows
from sweepformer.data.store import SPLITS, Store
from sweepformer.data.tokenizer import pad_id, separator_id
from sweepformer.data.truncation import Truncation
from sweepformer.errors import UserError
from sweepformer.lightning_internals import batches_begun, connected


def _as_it_is(batch: Batch) -> Batch:
    return batch


@dataclass(frozen=True, kw_only=True)
class Batching:
    """How rows become batches.

    batch_size, eval_batch_size: rows a batch, on average; by: "tokens": rows of like length in batches of equal cost,
    "rows": in equal numbers, "random": equal numbers of rows as chance has it; sampling: of training rows, "uniform":
    every row once an epoch, "balanced": as many of each class, rows of rare ones several times (class-balanced
    sampling, Kang et al. 2020); packed: without padding, for which rows need not be of like length; always_masked: with
    a mask also where nothing is padded.
    """

    batch_size: int
    eval_batch_size: int
    by: str
    sampling: str = "uniform"
    packed: bool = False
    always_masked: bool = False


class RowsDataModule(pl.LightningDataModule):
    """Serves a store's splits in planned batches; each process of a distributed run gets its own share.

    num_workers: loading processes; seed: of the order of training rows.
    """

    def __init__(self, store: Store, batching: Batching, truncation: Truncation, num_workers: int, seed: int) -> None:
        super().__init__()
        self._hashes = store.hashes
        self.num_workers, self.seed, self._batching = num_workers, seed, batching
        filler, separator = pad_id(store.tokenizer), separator_id(store.tokenizer) if store.pairs else None
        self.rows = {
            split: BatchedRows(
                store.splits[split], truncation, filler, batching.packed, batching.always_masked, separator
            )
            for split in SPLITS
        }

    @classmethod
    def of(cls, config: dict[str, Any], store: Store) -> "RowsDataModule":
        """The store's rows in batches as the plain config of a run has them."""
        data = config["data"]
        batching = Batching(
            batch_size=data.get("batch_size", 64),
            eval_batch_size=data.get("eval_batch_size", 256),
            by=data.get("batching", "tokens"),
            sampling=data.get("sampling", "uniform"),
            packed=config["model"].get("attention") == "varlen",
            always_masked=bool(config["trainer"].get("compile")),
        )
        return cls(store, batching, Truncation.of(config), data.get("num_workers", 0), config["seed"])

    def state_dict(self) -> dict[str, str]:
        """Which data and which tokenizer a checkpoint was trained on."""
        return self._hashes

    def load_state_dict(self, state_dict: dict[str, str]) -> None:
        """A UserError if they are others now: to go on would mix two trainings, with a result that is neither's."""
        for name, there in state_dict.items():
            if there != self._hashes[name]:
                raise UserError(
                    f"the {name.partition('_')[0]} has changed since this run began ({name}: {there} there, "
                    f"{self._hashes[name]} now): it can't go on. Put back what it was, or train anew in another "
                    "directory."
                )

    def plan(self, split: str, replicas: int = 1) -> BatchPlan:
        """How `split` is cut into batches among `replicas` processes."""
        rows = self.rows[split]
        how, train = self._batching, split == "train"
        size = how.batch_size if train else how.eval_batch_size
        grouped = how.by != "random" and not how.packed
        balance = np.asarray(rows.rows.labels) if train and how.sampling == "balanced" else None
        return BatchPlan(rows.lengths, size, how.by == "tokens", self.seed, replicas, grouped, balance)

    def truncated(self, split: str = "train") -> int:
        """Rows of `split` that are not read to their end."""
        rows = self.rows[split]
        return int((rows.rows.lengths > rows.lengths).sum())

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader("train", shuffled=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader("test")

    def _loader(self, split: str, shuffled: bool = False) -> DataLoader[Batch]:
        trainer = self.trainer
        rank, replicas = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        if len(self.rows[split]) < replicas:
            raise UserError(f"{len(self.rows[split])} rows of the {split} split are too few for {replicas} processes.")
        plan = self.plan(split, replicas)
        batches = PlannedBatches(plan, self._position if shuffled else None, rank, replicas)
        return DataLoader(
            self.rows[split],
            batch_sampler=batches,  # type: ignore[arg-type]
            collate_fn=_as_it_is,  # type: ignore[arg-type]  # the dataset hands out whole batches
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=bool(trainer and trainer.strategy.root_device.type == "cuda"),
            # A generator of its own: a loader that draws from the global one would shift dropout on resume.
            generator=torch.Generator().manual_seed(self.seed),
        )

    def _position(self) -> tuple[int, int]:
        """Epoch, and batches of it that are trained already: Lightning's own counters, restored on resume."""
        assert self.trainer is not None
        if connected(self.trainer).overfit_batches:
            return 0, 0  # the same batches in every epoch
        return self.trainer.current_epoch, batches_begun(self.trainer)
