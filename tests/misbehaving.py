"""A callback that makes a run end badly, in each of the ways that runs do."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytorch_lightning as pl
import torch


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
