"""The main flow, as a user sees it: what a run leaves, what a second start does, what is learned."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
import torch
from conftest import COLOURS, ROOT, Cli, whole_and_resumed, write_rows
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepformer.data.rows import RawSplits, Rows


def test_a_run_leaves_everything_that_the_design_names(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "trainer.max_epochs=4", "logger=tensorboard")
    assert result.code == 0, result.screen
    run, summary = result.directory, result.summary
    assert summary["status"] == "completed"
    for name in ("train_loss", "train_acc", "val_loss", "val_acc", "val_f1", "test_loss", "test_acc", "test_f1"):
        assert 0 <= summary["metrics"][name] < 10
    assert (run / summary["best_checkpoint"]).name.startswith("model-epoch=0")
    checkpoints = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert checkpoints[0] == "last.ckpt"
    assert len(checkpoints) == 4  # the best three
    predictions = pyarrow.parquet.read_table(run / "predictions.parquet").to_pandas()
    assert list(predictions.columns) == ["id", "label", "prediction", *(f"probability_{c}" for c in sorted(COLOURS))]
    assert (predictions.label == predictions.prediction).mean() == pytest.approx(summary["metrics"]["test_acc"])
    sums = predictions.filter(like="probability_").sum(axis=1)
    assert sums.to_numpy() == pytest.approx(1, abs=1e-5)
    assert json.loads((run / "labels.json").read_text()) == sorted(COLOURS)
    assert "versions" in json.loads((run / "environment.json").read_text())
    assert {path.name for path in (run / ".hydra").iterdir()} >= {"config.yaml", "overrides.yaml", "hydra.yaml"}
    assert "test_acc" in (run / "run.log").read_text()
    for word in ("best checkpoint", "real tokens a second", "tensorboard --logdir"):
        assert word in result.out
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    tags = set(events.Tags()["scalars"])
    assert tags >= {"train_loss", "train_acc", "val_loss", "val_acc", "val_f1", "test_acc", "hp_metric"} - {"hp_metric"}


def test_an_override_may_ask_for_the_value_of_another_key(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "trainer.max_epochs=1", "model.attention_dropout=${.dropout}")
    assert result.code == 0, result.screen
    assert "model.attention_dropout=${.dropout}" in result.summary["overrides"]
    config = json.loads((result.directory / ".hydra" / "config.json").read_text())
    assert config["model"]["attention_dropout"] == config["model"]["dropout"]


def test_a_completed_run_is_not_trained_again(cli: Cli, tiny: tuple[str, ...]) -> None:
    first = cli(*tiny)
    written = (first.directory / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    second = cli(*tiny)
    assert second.code == 0
    assert "nothing to do" in second.out
    assert (first.directory / "checkpoints" / "last.ckpt").stat().st_mtime_ns == written


def test_a_directory_of_another_config_is_refused_with_the_difference(cli: Cli, tiny: tuple[str, ...]) -> None:
    before = cli(*tiny).summary
    result = cli(*tiny, "model.dropout=0.25")
    assert result.code == 1
    assert "model.dropout: 0.3 there, 0.25 now" in result.err
    assert result.summary == before


@pytest.mark.parametrize("stop_after_batches", [3, 8], ids=["mid-epoch", "epoch-end"])
def test_a_stopped_run_goes_on_to_the_same_weights(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, stop_after_batches: int
) -> None:
    """Killed by an error in its second epoch; a checkpoint every step; dropout on."""
    common = (*tiny, "trainer.max_epochs=3", "callbacks.checkpoint.every_n_epochs=null")
    common = (*common, "+callbacks.checkpoint.every_n_train_steps=1", "callbacks.checkpoint.monitor=null")
    common = (*common, "callbacks.checkpoint.save_top_k=1")
    common = (
        *common,
        "callbacks.checkpoint.filename=step",
        "allowed_packages=[misbehaving]",
        "+callbacks.stop._target_=misbehaving.StopAtStep",
    )
    one, other = (
        torch.load(result.directory / "checkpoints" / "last.ckpt", weights_only=True)
        for result in whole_and_resumed(cli, common, 8 + stop_after_batches, monkeypatch)
    )
    assert one["global_step"] == other["global_step"]
    for name, weight in one["state_dict"].items():
        assert torch.equal(weight, other["state_dict"][name]), name


def test_the_metrics_are_those_of_the_best_checkpoint(cli: Cli, tiny: tuple[str, ...]) -> None:
    """Training goes wrong after the first epoch: what it came to later is not told beside the first one's result."""
    worse = (
        "allowed_packages=[misbehaving]",
        "+callbacks.worse._target_=misbehaving.Worsen",
        "model.wide.enabled=false",  # which would make up for it
        "optimizer.lr=1e-5",
        "trainer.max_epochs=3",
        "logger=tensorboard",
    )
    result = cli(*tiny, *worse, "task.monitor=val_loss", "task.mode=min")
    assert result.code == 0, result.screen
    events = EventAccumulator(str(result.directory / "tensorboard"))
    events.Reload()
    for name in ("train_loss", "val_loss"):
        values = [event.value for event in events.Scalars(name)]
        assert values[0] == min(values) < values[-1]
        assert result.summary["metrics"][name] == pytest.approx(values[0])


def test_half_precision_on_a_cpu_becomes_bfloat16_and_says_so(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "trainer.precision=16-mixed")
    assert result.code == 0, result.screen
    assert "in place of 16-mixed, as a CPU has no fast float16" in result.out
    assert result.summary["effective_precision"] == "bf16-mixed"


def test_a_sweep_gives_every_run_its_own_directory(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    swept = ("model.num_heads=1,2", "trainer.precision=32-true,bf16-mixed")
    result = cli("-m", *tiny, "logger=tensorboard", "name=mine", *swept)
    assert result.code == 0, result.screen
    runs = sorted((tmp_path / "multirun" / "mine").glob("*/summary.json"))
    assert len(runs) == 4
    for path in runs:
        summary = json.loads(path.read_text())
        assert summary["status"] == "completed"
        assert (path.parent / summary["best_checkpoint"]).exists()
        assert list((path.parent / "tensorboard").glob("events.*"))
    heads = {path.parent.name.split("model.num_heads=")[1][0] for path in runs}
    assert heads == {"1", "2"}


def test_a_failing_run_of_a_sweep_does_not_stop_the_others(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    result = cli("-m", *tiny, "name=mixed", "model.num_heads=3,2")
    assert result.code == 1
    assert "Traceback" not in result.screen
    statuses = {
        path.parent.name[0]: json.loads(path.read_text())["status"]
        for path in (tmp_path / "multirun" / "mixed").glob("*/summary.json")
    }
    assert statuses == {"0": "failed", "1": "completed"}


def test_same_seed_same_weights(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    weights = []
    for number, seed in enumerate((1, 1, 2)):
        assert cli(f"hydra.run.dir={tmp_path}/{number}", *tiny, f"seed={seed}").code == 0
        checkpoint = torch.load(tmp_path / f"{number}" / "checkpoints" / "last.ckpt", weights_only=True)
        weights.append(torch.cat([value.flatten().float() for value in checkpoint["state_dict"].values()])[:1000])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_real_rows_are_learned(cli: Cli) -> None:
    """One epoch over all 46,704 training rows; the most frequent chapter alone would give about 0.25."""
    result = cli("data=icd10", "model=tiny", "trainer=cpu", "trainer.max_epochs=1", "optimizer.lr=3e-3")
    assert result.code == 0, result.screen
    assert result.summary["metrics"]["test_acc"] >= 0.65


def test_processes_that_lightning_starts_train_together(
    interpreter: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    """`ddp` starts the same command again for the second process."""
    result = interpreter(*tiny, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "name=two")
    assert result.code == 0, result.screen
    (run,) = (tmp_path / "outputs" / "two").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "completed"
    predictions = pyarrow.parquet.read_table(run / "predictions.parquet").to_pandas()
    assert sorted(predictions.id, key=int) == sorted(set(predictions.id), key=int)
    assert (predictions.label == predictions.prediction).mean() == pytest.approx(summary["metrics"]["test_acc"])


def test_two_processes_reach_the_weights_of_one(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Fifty steps of two processes are fifty of one that accumulates two batches: the same rows, the same weights."""
    exact = ["model.dropout=0", "model.classifier_dropout=0", "data.batching=rows", "data.batch_size=5"]
    steps = ["trainer.max_steps=50", "trainer.max_epochs=-1"]
    fork = ["trainer.strategy=ddp_fork", "trainer.devices=2", "logger=all"]
    two = shell(*tiny, *exact, *steps, *fork, "name=two")
    one = shell(*tiny, *exact, *steps, "trainer.accumulate_grad_batches=2", "name=one")
    assert (two.code, one.code) == (0, 0), two.screen + one.screen
    weights = [
        torch.load(next((tmp_path / "outputs" / name).glob("*/checkpoints/last.ckpt")), weights_only=True)
        for name in ("two", "one")
    ]
    assert [checkpoint["global_step"] for checkpoint in weights] == [50, 50]
    for name, tensor in weights[0]["state_dict"].items():
        torch.testing.assert_close(tensor, weights[1]["state_dict"][name], atol=1e-5, rtol=0, msg=name)
    (run,) = (tmp_path / "outputs" / "two").iterdir()
    assert 0 < json.loads((run / "summary.json").read_text())["mfu"] < 1
    assert "val_acc" in (run / "metrics.1.csv").read_text()  # by the process that trained
    assert "test_acc" in (run / "metrics.csv").read_text()


def test_a_step_of_fewer_batches_is_no_shorter_with_two_processes(
    shell: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    """Two of the five batches that a step may have, of two processes each, are four of one process."""
    exact = ["model.dropout=0", "model.classifier_dropout=0", "data.batching=rows", "data.batch_size=5"]
    plain = ["optimizer=sgd", "scheduler=constant", "scheduler.warmup=0", "trainer.gradient_clip_val=0"]
    fork = ["trainer.strategy=ddp_fork", "trainer.devices=2"]
    common = (*tiny, *exact, *plain, "optimizer.lr=1")
    limits = (2, 5), (4, 4)
    two, one = (
        shell(
            *common, *more, f"trainer.limit_train_batches={batches}", f"trainer.accumulate_grad_batches={most}",
            f"name={name}", "model.wide.enabled=false",
        )
        for name, more, (batches, most) in zip(("two", "one"), (fork, []), limits, strict=True)
    )  # fmt: skip
    assert (two.code, one.code) == (0, 0), two.screen + one.screen
    several, single = (
        torch.load(next((tmp_path / "outputs" / name).glob("*/checkpoints/last.ckpt")), weights_only=True)["state_dict"]
        for name in ("two", "one")
    )
    for name, tensor in several.items():
        torch.testing.assert_close(tensor, single[name], atol=1e-4, rtol=0, msg=name)


class Shuffled:
    """icd10 with labels dealt out at random."""

    def fingerprint(self) -> str:
        return "shuffled"

    def read(self) -> RawSplits:
        import numpy as np

        from sweepformer.data.sources.icd10 import Icd10

        rows = Icd10(max_rows=4000).read().train
        labels = np.random.default_rng(0).permutation(list(rows.labels)).tolist()
        return RawSplits(train=Rows(rows.texts, labels, rows.ids, rows.groups, "shuffled"))


def test_random_labels_are_not_learned_on_the_test_split(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test accuracy above the largest class's share would mean that labels leak."""
    monkeypatch.syspath_prepend(ROOT / "tests")
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "shuffled.yaml").write_text("_target_: test_run.Shuffled\nbatch_size: 32\n")
    result = cli(
        "--config-dir",
        "conf",
        "allowed_packages=[test_run]",
        "data=shuffled",
        "model=tiny",
        "trainer=cpu",
        "trainer.max_epochs=6",
    )
    assert result.code == 0, result.screen
    predictions = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pandas()
    largest = predictions.label.value_counts(normalize=True).iloc[0]
    assert result.summary["metrics"]["test_acc"] <= largest + 0.06


@pytest.mark.parametrize("flag", [["--help"], ["--cfg", "job"]])
def test_help_and_config_do_not_load_torch(flag: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['src/run.py', *{flag}]\n"
        "from src.run import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'pytorch_lightning' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "num_heads: 4" in done.stdout


def test_help_lists_every_option_with_what_it_is_for() -> None:
    done = subprocess.run([sys.executable, "-m", "src.run", "--help"], cwd=ROOT, capture_output=True, text=True)
    for option in (ROOT / "conf").glob("[mdot]*/*.yaml"):
        assert any(line.split()[:1] == [option.stem] and len(line.split()) > 2 for line in done.stdout.splitlines())


def test_loss_weighs_rows_alike_whatever_their_batch(cli: Cli, tmp_path: Path) -> None:
    """Test metrics do not depend on how evaluation is batched."""
    rows = write_rows(tmp_path / "rows.csv")
    base = ("data=files", f"data.train_file={rows}", "model=tiny", "trainer=cpu", "trainer.max_epochs=1")
    found = [
        cli(f"hydra.run.dir={tmp_path}/{size}", *base, f"data.eval_batch_size={size}").summary["metrics"]["test_loss"]
        for size in (1, 64)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def shout(text: str) -> str:
    """A transform."""
    return text.upper() + " SHOUTED"


def test_transform_sees_every_text(cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests")
    transform = "{_target_: test_run.shout, _partial_: true}"
    allowed = "allowed_packages=[test_run]"
    result = cli(*tiny, "tokenizer=word", "tokenizer.lowercase=false", allowed, f"data.transform={transform}")
    assert result.code == 0, result.screen
    tokens = json.loads((result.directory / "tokenizer.json").read_text())["model"]["vocab"]
    assert "SHOUTED" in tokens
    assert "the" not in tokens


def test_wandb_runs_of_one_process_stay_apart(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    result = cli("-m", *tiny, "name=two", "logger=wandb", "seed=1,2")
    assert result.code == 0, result.screen
    files = list((tmp_path / "multirun" / "two").glob("*/wandb/offline-run-*/run-*.wandb"))
    assert len({path.name for path in files}) == 2


def test_packed_batches_train_without_padding(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "model.attention=varlen")
    assert result.code == 0, result.screen
    assert result.summary["padding_share"] == 0
    assert result.summary["tokens_per_second"] > 0
    assert 0 < result.summary["seconds"]["warm_up"] < result.summary["seconds"]["training"]


@pytest.mark.parametrize("validations", ["1.0", "1"])  # at the end of an epoch, after every batch
def test_speed_is_told_as_a_share_of_the_peak(cli: Cli, tiny: tuple[str, ...], validations: str) -> None:
    result = cli(*tiny, f"trainer.val_check_interval={validations}")
    assert 0 < result.summary["mfu"] < 1
    assert "(MFU)" in result.out


def test_accumulated_batches_log_once_a_step(cli: Cli, tiny: tuple[str, ...]) -> None:
    often = ("logger=tensorboard", "trainer.log_every_n_steps=1")
    result = cli(*tiny, *often, "trainer.accumulate_grad_batches=2", "data.batch_size=8")
    events = EventAccumulator(str(result.directory / "tensorboard"))
    events.Reload()
    steps = [event.step for event in events.Scalars("tokens_per_second")]
    assert len(steps) == len(set(steps)) > 1


@pytest.mark.slow  # the compiler takes a minute
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_model_learns_the_same_and_its_checkpoint_loads_without(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    still = ("model.dropout=0.0", "model.classifier_dropout=0.0", "trainer.max_epochs=1")
    plain = cli(*tiny, *still, "hydra.run.dir=plain")
    compiled = cli(*tiny, *still, "trainer.compile=true", "hydra.run.dir=compiled")
    assert compiled.code == 0, compiled.screen
    states = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("plain", "compiled")
    ]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, atol=1e-3, rtol=1e-3)
    assert compiled.summary["metrics"]["test_loss"] == pytest.approx(plain.summary["metrics"]["test_loss"], abs=1e-3)


def test_compiling_without_a_compiler_is_refused(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = cli(*tiny, "trainer=cpu", "trainer.compile=true")
    assert result.code == 1
    assert "install g++" in result.screen
    assert "Traceback" not in result.screen


def test_packed_rows_have_no_place_for_cls(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "model.attention=varlen", "model.pooling=cls")
    assert result.code == 1
    assert "model.attention=varlen" in result.screen
    assert "Traceback" not in result.screen


def test_ctrl_c_that_a_library_stumbles_over_is_ctrl_c(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OmegaConf does, which cleans up what is only half there."""

    def stumble() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise AttributeError("half done")

    monkeypatch.setattr("sweepformer.commands.run.register", stumble)
    result = cli(*tiny)
    assert (result.code, result.screen) == (130, "")
