"""What the framework takes for itself: from Enter to the first step, and in each step beside a bare loop.

    python -m benchmarks.overhead

Both loops train the same model on the same batches of the built-in data; repeats are interleaved, medians are told.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from benchmarks.record import record, run

OVERRIDES = ["model=base", "trainer=cpu", "model.dropout=0.1"]


class FirstStep(pl.Callback):
    """Writes when the first optimizer step was over, in seconds since 1970, and ends the training."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if not self.path.exists():
            self.path.write_text(str(time.time()))
        trainer.should_stop = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-overhead"))
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)  # this process is to be the bare loop
    options = parser.parse_args()
    work = options.work.absolute()
    if options.bare:
        print(json.dumps({"seconds": bare_loop(options.bare, options.steps)}))
        return
    run([*OVERRIDES, "debug=fast", "hydra.run.dir=warm_up"], work)  # tokenises
    measured: dict[str, list[float]] = {"imports": [], "first_step": [], "bare": [], "sweepformer": []}
    for repeat in range(options.repeats):
        measured["imports"].append(imports())
        measured["first_step"].append(first_step(work, f"{repeat}-{time.time_ns()}"))
        measured["bare"].append(bare(work, options.steps))
        measured["sweepformer"].append(ours(work, options.steps, f"{repeat}-{time.time_ns()}"))
        print({name: round(values[-1], 2) for name, values in measured.items()}, flush=True)
    medians = {name: statistics.median(values) for name, values in measured.items()}
    result = {
        "overrides": OVERRIDES,
        "steps": options.steps,
        "seconds": measured,
        "median_seconds": medians,
        "slower_than_bare": medians["sweepformer"] / medians["bare"] - 1,
    }
    print(json.dumps({**medians, "slower_than_bare": result["slower_than_bare"]}, indent=1))
    print("written:", record("overhead", result))


def imports() -> float:
    """Seconds that Python takes to start and to load torch and Lightning: no framework can be sooner."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, pytorch_lightning"], check=True)
    return time.perf_counter() - began


def first_step(work: Path, name: str) -> float:
    """Seconds from the command to the end of the first optimizer step, the data being tokenised already."""
    stamp = work / f"{name}.txt"
    callback = f"{{_target_: benchmarks.overhead.FirstStep, path: {stamp}}}"
    began = time.time()
    limits = ["trainer.max_epochs=1", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1"]
    watch = ["allowed_packages=[benchmarks]", f"+callbacks.first_step={callback}"]
    run([f"hydra.run.dir=first-{name}", "trainer=cpu", *limits, *watch], work)
    return float(stamp.read_text()) - began


def ours(work: Path, steps: int, name: str) -> float:
    """Seconds in training steps through the real entry, with the default callbacks and loggers."""
    limits = [f"trainer.max_steps={steps}", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1"]
    run([*OVERRIDES, *limits, f"hydra.run.dir=ours-{name}"], work)
    checkpoint = torch.load(work / f"ours-{name}" / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint["callbacks"]["Throughput"]["seconds"]


def bare(work: Path, steps: int) -> float:
    config = work / "warm_up" / ".hydra" / "config.json"
    command = [sys.executable, "-m", "benchmarks.overhead", "--bare", str(config), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["seconds"]


def bare_loop(config_file: Path, steps: int) -> float:
    """Forward, backward, clip, step and schedule, on the batches that the run of this config trains on."""
    from torch.nn.functional import cross_entropy

    from sweepformer.config.build import build
    from sweepformer.config.kinds import KINDS
    from sweepformer.data.batch_plan import BatchPlan, PlannedBatches
    from sweepformer.data.batches import BatchedRows
    from sweepformer.data.corpus import prepare
    from sweepformer.data.tokenizer import pad_id
    from sweepformer.data.truncation import Truncation
    from sweepformer.models.attention import use_fast_float32
    from sweepformer.tasks.model_arguments import known_to_the_program, model_options
    from sweepformer.training.optimization import build_optimizer

    config = json.loads(config_file.read_text(encoding="utf-8"))
    torch.manual_seed(config["seed"])
    use_fast_float32()
    store = prepare(config["data"], config["tokenizer"], config["seed"], "class")
    kind = KINDS["Classification"]
    known = known_to_the_program(kind, store.classes, store.tokenizer, pairs=False, frequent=None)
    model = build("model", model_options(config, kind, store.tokenizer), **known).train()
    optimizer = build_optimizer(config["optimizer"], model)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config["optimizer"]["lr"], total_steps=10 * steps)
    rows = BatchedRows(store.splits["train"], Truncation.of(config), pad_id(store.tokenizer))
    plan = BatchPlan(rows.lengths, config["data"]["batch_size"], seed=config["seed"])
    began = time.perf_counter()
    for step, numbers in enumerate(PlannedBatches(plan, lambda: (0, 0))):
        if step == steps:
            break
        batch = rows.__getitems__(numbers)
        logits = model(batch.token_ids, batch.layout)
        optimizer.zero_grad()
        (cross_entropy(logits, batch.labels, label_smoothing=0.1, reduction="sum") / 64).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
