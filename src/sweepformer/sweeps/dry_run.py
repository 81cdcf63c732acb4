"""What a sweep would do, without doing it."""

import logging
import os
from collections.abc import Sequence

import torch

from sweepformer.config.build import build
from sweepformer.config.kinds import KINDS, task_kind
from sweepformer.config.rules import check
from sweepformer.errors import UserError
from sweepformer.screen.tables import table_text
from sweepformer.sweeps.sweep import Job
from sweepformer.tasks.model_arguments import model_options

log = logging.getLogger(__name__)


def show(jobs: Sequence[Job]) -> None:
    """Print number, overrides, parameters, state and directory of every run."""
    rows = []
    for job in jobs:
        rows.append(
            [
                str(job.number),
                " ".join(job.swept),
                _parameters(job),
                job.directory.status,
                os.path.relpath(job.directory.path),
            ]
        )
    log.info("\n%s", table_text(f"{len(rows)} runs", ["#", "overrides", "parameters", "state", "directory"], rows))
    done = sum(job.is_done for job in jobs)
    log.info(
        "%d would be trained, %d have their result. Nothing was started: sweep.dry_run=true", len(rows) - done, done
    )


def _parameters(job: Job) -> str:
    """The model's size, of shapes alone. The vocabulary is not known before the data is read: its limit counts."""
    options = model_options(job.config, task_kind(job.config["task"]) or KINDS["Classification"])
    try:
        check(job.config)
        with torch.device("meta"):
            model = build("model", options, vocab_size=job.config["tokenizer"]["vocab_size"], num_classes=2, pad_id=0)
    except UserError as error:
        return f"can't be built: {error}"
    return f"at most {sum(parameter.numel() for parameter in model.parameters()):,}"
