"""What the options against imbalance and noise do to a run."""

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from conftest import TINY, Cli, whole_and_resumed

ALL = (
    "data.sampling=balanced",
    "task.class_weights={red: 2}",
    "task.focal_gamma=1",
    "task.label_smoothing=0.1",
    "task.r_drop=1",
    "task.mixup=0.4",
    "model.word_dropout=0.1",
    "callbacks=ema",
    "callbacks.ema.decay=0.9",
)
STEPS = (
    "trainer.max_epochs=3",
    "callbacks.checkpoint.every_n_epochs=null",
    "+callbacks.checkpoint.every_n_train_steps=1",
    "callbacks.checkpoint.monitor=null",
    "callbacks.checkpoint.save_top_k=1",
    "callbacks.checkpoint.filename=step",
    "allowed_packages=[misbehaving]",
    "+callbacks.stop._target_=misbehaving.StopAtStep",
)


def imbalanced(path: Path) -> str:
    """One row in ten is rare. A word says so, but most rows with it are not."""
    random = np.random.default_rng(0)
    lines = ["text,label"]
    for number in range(600):
        rare = number % 10 == 0
        word = "signal" if random.random() < (0.9 if rare else 0.2) else "silence"
        lines.append(f"number {number} says {word},{'rare' if rare else 'frequent'}")
    path.write_text("\n".join(lines) + "\n")
    return f"data.train_file={path}"


def test_a_rare_class_is_found_more_often(cli: Cli, tmp_path: Path) -> None:
    common = (*TINY, imbalanced(tmp_path / "rows.csv"), "tokenizer=word", "trainer.max_epochs=4", "optimizer.lr=5e-3")
    found = {}
    for remedy in ("data.sampling=uniform", "data.sampling=balanced", "task.class_weights={rare: 9}"):
        result = cli(*common, "data.test_fraction=0.3", remedy, f"hydra.run.dir={tmp_path}/{len(found)}")
        assert result.code == 0, result.screen
        rows = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pandas()
        found[remedy] = (rows[rows.label == "rare"].prediction == "rare").mean()
    plain, *remedied = found.values()
    assert plain < 0.3, found
    assert min(remedied) > 0.7, found


def test_all_options_train_together_and_a_stopped_run_goes_on_to_the_same_weights(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    common = (*tiny, *ALL, *STEPS)
    whole, resumed = whole_and_resumed(cli, common, 11, monkeypatch)
    assert 0 < whole.summary["metrics"]["test_loss"] < 10
    one, other = (
        torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)
        for path in (whole.directory, resumed.directory)
    )
    assert one["global_step"] == other["global_step"]
    for kind in ("state_dict", "trained"):
        states = [saved[kind] if kind in saved else saved["weight_averaging"][kind] for saved in (one, other)]
        for name, weight in states[0].items():
            assert torch.equal(weight, states[1][name]), name


def test_mixed_rows_and_two_passes_work_without_padding(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "task.mixup=0.4", "task.r_drop=1", "model.word_dropout=0.1", "model.attention=varlen")
    assert result.code == 0, result.screen
    assert result.summary["padding_share"] == 0


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
@pytest.mark.parametrize("gamma", [0, 2])
def test_all_options_train_in_any_precision(cli: Cli, tiny: tuple[str, ...], precision: str, gamma: int) -> None:
    result = cli(*tiny, *ALL, f"task.focal_gamma={gamma}", f"trainer.precision={precision}", "logger=tensorboard")
    assert result.code == 0, result.screen
    assert 0 < result.summary["metrics"]["train_loss"] < 10


def test_mixup_with_a_model_that_cannot_mix_is_refused(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "model"
    folder.mkdir(parents=True)
    (folder / "plain.yaml").write_text("_target_: torch.nn.Linear\nin_features: 2\nout_features: 3\n")
    result = cli("--config-dir", "conf", "model=plain", "data=files", tiny[-1], "trainer=cpu", "task.mixup=0.4")
    assert result.code == 1
    assert "task.mixup=0.4 needs a model that mixes rows" in result.screen
    assert "Traceback" not in result.screen
