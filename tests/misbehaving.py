"""A callback that makes a run end badly, in each of the ways that runs do."""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from sweepformer.files import atomic as whole_files


class Misbehave(pl.Callback):
    """`kind`: what happens in the second epoch; "none": nothing. `delay`: seconds that every step is made to take.

    The file $IN_A_STEP, if that is set, is there once a step has begun.
    """

    def __init__(self, kind: str = "none", delay: float = 0.0) -> None:
        self.kind, self.delay = kind, delay

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        if "IN_A_STEP" in os.environ:
            Path(os.environ["IN_A_STEP"]).touch()
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


class Worsen(pl.Callback):
    """Makes the weights larger from the second epoch on, so that the first one's stay the best."""

    @torch.no_grad()
    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        for parameter in module.parameters():
            parameter.mul_(3 if trainer.current_epoch else 1)


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


class Hold(pl.Callback):
    """Waits in the second epoch of runs whose names begin with a word of $HOLD, until there is the file $LET_GO.

    While a run waits a file of its name is beside that one. No part of its config, which is to be the same as that of
    a run that is left alone.
    """

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        name = Path(trainer.default_root_dir).name
        if trainer.current_epoch == 1 and "HOLD" in os.environ and name.startswith(tuple(os.environ["HOLD"].split())):
            let_go = Path(os.environ["LET_GO"])
            let_go.with_name(name).touch()
            while not let_go.exists():
                time.sleep(0.01)


class SignalInLastValidation(pl.Callback):
    """Sends its process SIGTERM in the validation after the last of `max_steps`, while $SIGNAL_IN_VALIDATION is set."""

    def on_validation_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int, *_: object
    ) -> None:
        if "SIGNAL_IN_VALIDATION" in os.environ and index == 0 and trainer.global_step == trainer.max_steps:
            os.kill(os.getpid(), signal.SIGTERM)


class SignalInTest(pl.Callback):
    """A signal while a run is tested: the one whose number is in the environment variable SIGNAL_IN_TEST."""

    def on_test_batch_start(self, *_: object) -> None:
        if number := os.environ.get("SIGNAL_IN_TEST"):
            os.kill(os.getpid(), int(number))


class Overflow(pl.Callback):
    """Makes weights too large to compute with in the steps of these numbers, until the optimizer's part begins."""

    def __init__(self, steps: list[int]) -> None:
        self.steps = steps
        self._before: list[torch.Tensor] = []

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        if trainer.global_step in self.steps:
            self._before = [weight.detach().clone() for weight in module.parameters()]
            with torch.no_grad():
                torch._foreach_mul_(list(module.parameters()), 1e30)

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: object) -> None:
        with torch.no_grad():
            for weight, before in zip(module.parameters(), self._before, strict=bool(self._before)):
                weight.copy_(before)
        self._before = []


class LittleRoom(pl.Callback):
    """A device that has memory for some rows at once."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def setup(self, trainer: pl.Trainer, module: Any, stage: str) -> None:
        if stage == "fit":
            module.model.register_forward_pre_hook(self._hold)

    def _hold(self, model: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if len(inputs[0]) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


class LittleMemory(pl.Callback):
    """A process that is allowed some more megabytes, while it trains, than it has when that begins."""

    def __init__(self, megabytes: int) -> None:
        self.bytes = megabytes * 2**20

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        has = 1024 * int(status["VmData"].split()[0])
        resource.setrlimit(resource.RLIMIT_DATA, (has + self.bytes, resource.RLIM_INFINITY))

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


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
