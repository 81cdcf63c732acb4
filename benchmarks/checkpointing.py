"""What saving costs: the share of training that goes into checkpoints, at the defaults and by minutes.

    python -m benchmarks.checkpointing

The built-in data; what stands before the first step and the test after training are not counted.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from benchmarks.record import record, run

SETTINGS = {
    "defaults": (),
    "every minute": ("callbacks.checkpoint.every_n_minutes=1",),
    "every 100 steps": ("callbacks.checkpoint.every_n_train_steps=100",),
}


class SavingTime(pl.Callback):
    """Writes how long training took, how often it was saved, and how long that took: JSON, seconds."""

    def __init__(self, path: str) -> None:
        self.path, self.saves, self.saving = Path(path), 0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        checkpoints: Any = trainer.checkpoint_callback
        save_due, write = checkpoints.save_due, checkpoints._write

        def timed(*arguments: Any, **options: Any) -> None:
            began = time.perf_counter()
            save_due(*arguments, **options)
            self.saving += time.perf_counter() - began

        def counted(trainer: pl.Trainer, names: list[str]) -> None:
            write(trainer, names)
            self.saves += len(names)

        checkpoints.save_due, checkpoints._write = timed, counted
        self.began = time.perf_counter()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        training = time.perf_counter() - self.began
        found = {"training": training, "saving": self.saving, "share": self.saving / training, "saves": self.saves}
        size = max(path.stat().st_size for path in Path(trainer.default_root_dir).glob("checkpoints/*.ckpt"))
        self.path.write_text(json.dumps({**found, "steps": trainer.global_step, "megabytes": size / 1e6}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=["small", "base"])
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-checkpointing"))
    options = parser.parse_args()
    work = options.work.absolute()
    found: dict[str, dict[str, Any]] = {}
    for model in options.models:
        for name, overrides in SETTINGS.items():
            path = work / f"{model}-{name.replace(' ', '-')}-{time.time_ns()}"
            watch = f"+callbacks.watch={{_target_: benchmarks.checkpointing.SavingTime, path: {path}.json}}"
            settings = [f"model={model}", f"trainer.max_epochs={options.epochs}", *overrides]
            run([*settings, "allowed_packages=[benchmarks]", watch, f"hydra.run.dir={path}"], work)
            found.setdefault(model, {})[name] = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
            print(model, name, found[model][name], flush=True)
    print("written:", record("checkpointing", {"epochs": options.epochs, "seconds": found}))


if __name__ == "__main__":
    main()
