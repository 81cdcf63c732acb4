"""What TensorBoard and W&B are told of a run, read back from what is on disk."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from wandb.proto import wandb_internal_pb2

from sweepformer.training.loggers import hyperparameters

# Of its runs those with kind=error fail while they train.
FAILING = (
    "allowed_packages=[misbehaving]",
    "+callbacks.bad._target_=misbehaving.Misbehave",
    "+callbacks.bad.kind=none,error",
    "trainer.max_epochs=2",
)


def sessions(run: Path) -> tuple[dict[str, Any], int]:
    """Hyperparameters and end status, as TensorBoard has them."""
    records = EventAccumulator(str(run / "tensorboard")).Reload().PluginTagToContent(metadata.PLUGIN_NAME)
    found = {tag: plugin_data_pb2.HParamsPluginData.FromString(content) for tag, content in records.items()}
    start = found[metadata.SESSION_START_INFO_TAG].session_start_info
    hparams = {key: value.number_value or value.string_value for key, value in start.hparams.items()}
    return hparams, found[metadata.SESSION_END_INFO_TAG].session_end_info.status


def test_tensorboard_has_settings_result_figures_and_config(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    result = cli("-m", *tiny, *FAILING, "logger=tensorboard", "name=s", "optimizer=adamw,sgd")
    assert result.code == 1, result.screen
    for run in (tmp_path / "multirun" / "s").glob("[0-9]*"):
        summary = json.loads((run / "summary.json").read_text())
        hparams, status = sessions(run)
        assert set(hparams) == {"callbacks.bad.kind", "optimizer"}
        assert f"callbacks.bad.kind={hparams['callbacks.bad.kind']},optimizer={hparams['optimizer']}" in run.name
        assert status == (api_pb2.STATUS_SUCCESS if summary["status"] == "completed" else api_pb2.STATUS_FAILURE)
        events = EventAccumulator(str(run / "tensorboard")).Reload()
        assert "num_heads" in events.Tensors("config/text_summary")[0].tensor_proto.string_val[0].decode()
        if summary["status"] == "completed":
            assert set(events.Tags()["images"]) == {"confusion_matrix", "precision_and_recall"}
            for name in ("val_acc", "test_acc", "test_f1"):
                assert events.Scalars(f"final/{name}")[0].value == pytest.approx(summary["metrics"][name])


def test_a_single_run_is_described_by_its_overrides() -> None:
    config = {"model": {"num_heads": 4, "norm_first": True}, "optimizer": {"lr": 0.1}, "name": "x"}
    overrides = ["model.num_heads=4", "optimizer=adamw", "+model.norm_first=true", "name=x", "~logger"]
    assert hyperparameters(config, overrides, []) == {
        "model.num_heads": 4,
        "optimizer": "adamw",
        "model.norm_first": True,
    }


def wandb_records(run: Path) -> list[wandb_internal_pb2.Record]:
    """The records of a run's offline file: a header of 7 bytes, then blocks of 32 KiB in LevelDB's log framing."""
    (path,) = run.glob("wandb/offline-run-*/run-*.wandb")
    data, position, parts, found = path.read_bytes(), 7, b"", []
    while position + 7 <= len(data):
        if (left := 32768 - position % 32768) < 7:
            position += left
            continue
        length, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            found.append(wandb_internal_pb2.Record.FromString(parts))
            parts = b""
    return found


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_wandb_keeps_the_runs_of_a_sweep_apart(
    shell: Cli, tiny: tuple[str, ...], tmp_path: Path, launcher: str
) -> None:
    one = (f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=1")
    command = ("-m", *tiny, *FAILING, *one, "name=s", "model.num_heads=2,4", "logger=wandb")
    assert shell(*command).code == 1
    ids = set()
    for run in sorted((tmp_path / "multirun" / "s").glob("[0-9]*")):
        summary = json.loads((run / "summary.json").read_text())
        records = wandb_records(run)
        (about,) = [record.run for record in records if record.HasField("run")][:1]
        ids.add(about.run_id)
        assert about.display_name == run.name
        assert about.run_group == "s"
        assert "model.num_heads" in about.tags
        (end,) = [record.exit for record in records if record.HasField("exit")]
        assert end.exit_code == (0 if summary["status"] == "completed" else 1)
        config = {
            item.key or ".".join(item.nested_key): json.loads(item.value_json)
            for record in records
            for item in [*record.config.update, *(record.run.config.update if record.HasField("run") else [])]
        }
        assert any(value == summary_heads(run) for key, value in config.items() if "model" in key), config
        final = {
            item.key or ".".join(item.nested_key): json.loads(item.value_json)
            for record in records
            for item in record.summary.update
        }
        assert final["status"] == summary["status"]
        if summary["status"] == "completed":
            assert final["test_acc"] == pytest.approx(summary["metrics"]["test_acc"])
            history = [item.key or ".".join(item.nested_key) for one in records for item in one.history.item]
            assert {"val_acc", "train_loss"} <= set(history)
            assert any("confusion_matrix" in key for key in [*history, *config, *final])
    assert len(ids) == 4


def summary_heads(run: Path) -> Any:
    return json.loads((run / ".hydra" / "config.json").read_text())["model"]


def test_wandb_goes_on_in_the_same_run(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    stop = (
        "allowed_packages=[misbehaving]",
        "+callbacks.bad._target_=misbehaving.Misbehave",
        "+callbacks.bad.kind=error",
        "trainer.max_epochs=2",
    )
    assert cli(*tiny, *stop, "logger=wandb").code == 1
    assert cli(*tiny, *stop, "logger=wandb").code == 1
    files = list((tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 2
    assert len({path.name for path in files}) == 1
