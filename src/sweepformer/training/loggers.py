"""A run's loggers, and what they are told besides metrics: its settings, its result, how it ended."""

import inspect
import json
import netrc
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from tensorboard.compat.proto.summary_pb2 import Summary as SummaryProto
from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from torch.utils.tensorboard import SummaryWriter

from sweepformer.config.build import build, find_target
from sweepformer.config.metrics import telling
from sweepformer.errors import UserError
from sweepformer.models.torch_internals import summary_writer
from sweepformer.runs.directory import FINAL, RunDirectory, Summary


def build_loggers(config: dict[str, Any], directory: RunDirectory) -> list[Logger]:
    """The loggers of a config; those without a folder of their own write into the run's."""
    loggers = []
    for name, options in config.items():
        if options is None:
            continue
        key, options = f"logger.{name}", directory.apart(options)
        target = find_target(key, options)
        if options.get("save_dir", "") is None:
            options["save_dir"] = str(directory.path)
        if inspect.isclass(target) and issubclass(target, WandbLogger):
            _prepare_wandb(options, directory)
        loggers.append(build(key, options))
    return loggers


def _prepare_wandb(options: dict[str, Any], directory: RunDirectory) -> None:
    options["name"] = options.get("name") or directory.path.name
    if sweep := directory.sweep:
        options["group"] = options.get("group") or directory.path.parent.name
        options.setdefault("tags", ["sweep", *sweep.get("swept", [])])
    # The same directory is the same run to W&B too, so that one that goes on stays one.
    options.setdefault("id", directory.permanent_id)
    options.setdefault("resume", "allow")
    if options.get("offline"):
        os.environ.setdefault("WANDB_SILENT", "true")  # wandb prefers the environment to its arguments
    elif not _has_wandb_key():
        raise UserError(
            "logger.wandb.offline=false needs a W&B key, and there is none: set WANDB_API_KEY, run "
            "`wandb login`, or keep logger.wandb.offline=true and `wandb sync` the run later."
        )


def _has_wandb_key() -> bool:
    """Whether `wandb login` was done. Not asked of wandb itself, which would fix its settings by the asking."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc(os.environ.get("NETRC")).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    server = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    return server in hosts


def keep_earlier_metrics(path: Path) -> None:
    """Lightning's CSV logger deletes what it finds: what was written before, or by a fork, gets another name."""
    metrics = path / "metrics.csv"
    if metrics.exists():
        number = sum(1 for _ in path.glob("metrics.*.csv")) + 1
        metrics.rename(path / f"metrics.{number}.csv")


def begin(loggers: Sequence[Logger], config: dict[str, Any], overrides: Sequence[str], swept: Sequence[str]) -> None:
    """Record settings: the whole config, and as hyperparameters what the sweep varies (or all overrides)."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            writer = logger.experiment
            writer.add_text("config", "    " + json.dumps(config, indent=2).replace("\n", "\n    "))
            start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
            for key, value in hyperparameters(config, overrides, swept).items():
                if isinstance(value, int | float):
                    setattr(start.hparams[key], "bool_value" if isinstance(value, bool) else "number_value", value)
                else:
                    start.hparams[key].string_value = str(value)
            _write_session(writer, metadata.SESSION_START_INFO_TAG, session_start_info=start)
            writer.flush()
        elif isinstance(logger, WandbLogger):
            logger.log_hyperparams(config)


def hyperparameters(config: dict[str, Any], overrides: Sequence[str], swept: Sequence[str]) -> dict[str, Any]:
    """The settings that tell runs apart, by key: a config's own value, or the name of a chosen group."""
    found = {}
    for override in overrides:
        key, _, text = override.lstrip("+").partition("=")
        if key.startswith(("~", "hydra")) or key in ("name", "allowed_packages") or (swept and key not in swept):
            continue
        value: Any = config
        for part in key.split("."):
            value = value.get(part, text) if isinstance(value, dict) else text
        found[key] = text if isinstance(value, dict | list) else value
    return found


def show_predictions(
    loggers: Sequence[Logger], labels: np.ndarray, predictions: np.ndarray, classes: list[str], step: int
) -> None:
    """The confusion matrix of the test split, and precision and recall of every class.

    labels, predictions: (rows,) class numbers.
    """
    boards = [logger for logger in loggers if isinstance(logger, TensorBoardLogger)]
    if boards:
        from sweepformer.tasks.figures import class_figure, confusion_figure

        confusion = confusion_figure(labels, predictions, classes)
        by_class = class_figure(labels, predictions, classes)
        for board in boards:
            board.experiment.add_image("confusion_matrix", confusion, step, dataformats="HWC")
            board.experiment.add_image("precision_and_recall", by_class, step, dataformats="HWC")
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            from wandb.plot import confusion_matrix

            matrix = confusion_matrix(y_true=labels.tolist(), preds=predictions.tolist(), class_names=classes)
            logger.experiment.log({"confusion_matrix": matrix})


def show_pictures(loggers: Sequence[Logger], draw: Callable[[], dict[str, np.ndarray]], step: int) -> None:
    """Pictures of the test split; draw: makes them, by name, (height, width, 3) uint8, if any logger shows pictures."""
    showing = [logger for logger in loggers if isinstance(logger, TensorBoardLogger | WandbLogger)]
    pictures = draw() if showing else {}
    for logger in showing:
        for name, picture in pictures.items():
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(name, picture, step, dataformats="HWC")
            else:
                logger.log_image(name, [picture])


def conclude(loggers: Sequence[Logger], summary: Summary) -> None:
    """Record how the run ended and close its loggers: left open, the next run would write into this one's."""
    well = summary.status in FINAL
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            _end_session(logger.experiment, summary)
        logger.finalize("success" if well else "failed")
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.close()
        elif isinstance(logger, WandbLogger):
            logger.experiment.summary.update({**summary.metrics, "status": summary.status})
            logger.experiment.finish(exit_code=0 if well else 1)


def conclude_lost(folder: Path, summary: Summary) -> None:
    """Record in a run's TensorBoard folder how it ended, after its process is gone."""
    if any(folder.glob("events.*")):
        with SummaryWriter(str(folder)) as writer:
            _end_session(writer, summary)


def _end_session(writer: Any, summary: Summary) -> None:
    well = summary.status in FINAL
    # TensorBoard's HPARAMS shows a few columns at first: these are the ones to compare runs by.
    for name in telling("test", summary.metrics)[:2] + telling("val", summary.metrics)[:1]:
        writer.add_scalar(f"final/{name}", summary.metrics[name], summary.steps)
    # HPARAMS can filter by status, but doesn't show it.
    writer.add_scalar("final/failed", 0 if well else 1, summary.steps)
    status = api_pb2.STATUS_SUCCESS if well else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    _write_session(writer, metadata.SESSION_END_INFO_TAG, session_end_info=end)


def _write_session(writer: Any, tag: str, **info: Any) -> None:
    # The records are written as such: a SummaryWriter's own add_hparams would make a run beside this one.
    content = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **info)
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString())
    about = SummaryMetadata(plugin_data=plugin)
    value = SummaryProto.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    summary_writer(writer).add_summary(SummaryProto(value=[value]))
