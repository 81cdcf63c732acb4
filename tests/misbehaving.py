"""A callback that makes a run end badly, in each of the ways that runs do."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from sweepformer import whole_files


class Misbehave(pl.Callback):
    """`kind`: what happens in the second epoch; "none": nothing. `delay`: seconds that every step is made to take."""

    def __init__(self, kind: str = "none", delay: float = 0.0) -> None:
        self.kind, self.delay = kind, delay

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        time.sleep(self.delay)
        if trainer.current_epoch != 1:
            return
        match self.kind:
            case "error":
                raise RuntimeError("as planned")
            case "memory":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            case "exit":
                sys.exit(3)
            case "diverge":
                with torch.no_grad():
                    next(module.parameters()).fill_(float("nan"))
            case "sigterm":
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)
            case "sigkill":
                os.kill(os.getpid(), signal.SIGKILL)


class KillAt(pl.Callback):
    """Kills its process, once at each moment that $KILL_AT lists; what was done is noted in the file $KILLED.

    A moment is a kind and a number, "train:11,validation:2": the batch of training counting from the first epoch on,
    the epoch in whose validation it is, at whose end (epoch), or after which (write) a checkpoint is half written, and
    test:0. Not a part of the config, which is to be the same as that of a run that is left alone.
    """

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        def sync(path: Path, really: Any = whole_files.sync) -> None:
            if path.name.startswith(".last.ckpt"):
                self._at(f"write:{trainer.current_epoch}", lambda: path.write_bytes(path.read_bytes()[:-1000]))
            really(path)

        if "KILL_AT" in os.environ and stage == "fit":
            whole_files.sync = sync

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        self._at(f"train:{trainer.fit_loop.total_batch_idx}")

    def on_validation_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        self._at(f"validation:{trainer.current_epoch}")

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._at(f"epoch:{trainer.current_epoch}")

    def on_test_batch_start(self, *_: object) -> None:
        self._at("test:0")

    def _at(self, moment: str, first: Callable[[], Any] = lambda: None) -> None:
        if moment in os.environ.get("KILL_AT", "").split(","):
            done = Path(os.environ["KILLED"])
            if not done.exists() or moment not in done.read_text().split():
                with done.open("a") as file:
                    file.write(moment + "\n")
                first()
                os.kill(os.getpid(), signal.SIGKILL)


class StopOnce(pl.Callback):
    """Ends a run in the middle of its second epoch, the first time; `file` is there once it has."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        if trainer.current_epoch == 1 and index == 2 and not self.file.exists():
            self.file.touch()
            raise RuntimeError("as planned")


class StopAtStep(pl.Callback):
    """Ends a run before the optimizer step that the environment variable STOP names: no part of its config."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        if trainer.global_step == int(os.environ.get("STOP", -1)):
            raise RuntimeError("stopped")


class InterruptPart(pl.Callback):
    """Ctrl-C in the second epoch of the run whose folder the environment variable STOP_IN names."""

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        here = trainer.default_root_dir.endswith(os.environ.get("STOP_IN", "nowhere"))
        if here and trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)


class Watch(pl.Callback):
    """Appends to a file what this process holds when a run has been tested: memory in bytes, threads, open files."""

    def __init__(self, file: str) -> None:
        self.file = file

    def on_test_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        usage = {
            "memory": pages * os.sysconf("SC_PAGE_SIZE"),
            "threads": len(os.listdir("/proc/self/task")),
            "files": len(os.listdir("/proc/self/fd")),
        }
        with open(self.file, "a") as file:
            file.write(json.dumps(usage) + "\n")


class NodeName(pl.Callback):
    """Writes which Ray node trained a run into a folder, in a file named after the run."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        import ray

        name = Path(trainer.default_root_dir).name
        (Path(self.folder) / name).write_text(ray.get_runtime_context().get_node_id())
