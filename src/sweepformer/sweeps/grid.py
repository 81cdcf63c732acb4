"""Every combination of the values given."""

import itertools
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import OverrideParseException

from sweepformer.config.kinds import KINDS, task_kind
from sweepformer.config.rules import check
from sweepformer.config.targets import trusting
from sweepformer.errors import UserError
from sweepformer.screen.tables import table_text
from sweepformer.sweeps.composition import Composition, as_typed
from sweepformer.sweeps.sweep import Job, Sweep

log = logging.getLogger(__name__)


def sweep_grid(plugin: Any, params: dict[str, Any], arguments: list[str]) -> list[float | None]:
    """Run the grid of Hydra's override grammar; returns the ranking metric of every run, None where one failed."""
    from sweepformer.sweeps.leaderboard import report

    try:
        sweep = Sweep(plugin)
        grid = _every_run(plugin, sweep.composition, params, arguments)
        if sweep.options["dry_run"]:
            with trusting(sweep.allowed_packages):
                _show(_added(sweep, grid))
            return []
        with sweep.held():
            _added(sweep, grid)
            try:
                sweep.run(sweep.jobs)
            finally:
                failed = report(sweep)
    except UserError as error:
        sys.exit(f"Error: {error}")
    if failed:
        plugin.hydra_context.callbacks.on_multirun_end(config=plugin.config, config_name=None)
        sys.exit(1)
    summaries = [job.directory.read_summary() for job in sweep.jobs]
    return [summary.metrics.get(sweep.ranking.metric) if summary else None for summary in summaries]


def _every_run(
    plugin: Any, composition: Composition, params: dict[str, Any], arguments: list[str]
) -> list[tuple[list[str], list[str]]]:
    """Overrides of each run, all and those that are swept; where experiments are swept, of all that each would run."""
    found = []
    for overrides, swept in combinations(parse(plugin, params, arguments)):
        its_own = composition.of(overrides).params
        if its_own == params:
            found.append((overrides, swept))
            continue
        for inner, also in combinations(parse(plugin, its_own, overrides)):
            found.append((inner, [*swept, *(one for one in also if one not in overrides)]))
    return [(overrides, swept or overrides) for overrides, swept in found]


def _added(sweep: Sweep, grid: list[tuple[list[str], list[str]]]) -> list[Job]:
    for overrides, swept in grid:
        sweep.add(overrides, swept)
    sweep.composition.conclude()
    return sweep.jobs


def parse(plugin: Any, params: dict[str, Any], arguments: list[str]) -> list[Override]:
    """Overrides of a sweep, the later of two with the same key only."""
    parser = OverridesParser.create(config_loader=plugin.hydra_context.config_loader)
    try:
        parsed = parser.parse_overrides(
            [*(f"{key}={value}" for key, value in params.items()), *map(as_typed, arguments)]
        )
    except OverrideParseException as error:
        raise UserError(str(error)) from error
    return list({override.get_key_element(): override for override in parsed}.values())


def combinations(overrides: list[Override]) -> list[tuple[list[str], list[str]]]:
    """Each run's overrides, and those of them that are swept."""
    values, swept_keys = [], set()
    for override in overrides:
        if not override.is_sweep_override():
            values.append([str(override.input_line)])
            continue
        if not override.is_discrete_sweep():
            raise UserError(
                f"{override.input_line}: a grid needs single values. Use choice(...) or range(...), or draw from "
                "an interval with hydra/sweeper=optuna."
            )
        key = override.get_key_element()
        swept_keys.add(key)
        choices = [f"{key}={value}" for value in override.sweep_string_iterator()]
        if not choices:
            raise UserError(f"{override.input_line}: there is no value in it.")
        values.append(list(dict.fromkeys(choices)))
    found = []
    for combination in itertools.product(*values):
        swept = [one for one in combination if one.split("=", 1)[0] in swept_keys]
        found.append((list(combination), swept))
    return found


def _show(jobs: Sequence[Job]) -> None:
    """What a sweep would do: print number, overrides, parameters, state and directory of every run."""
    rows = []
    for job in jobs:
        where = os.path.relpath(job.directory.path)
        rows.append([str(job.number), " ".join(job.swept), _parameters(job), job.directory.status, where])
    log.info("\n%s", table_text(f"{len(rows)} runs", ["#", "overrides", "parameters", "state", "directory"], rows))
    done = sum(job.is_done for job in jobs)
    log.info(
        "%d would be trained, %d have their result. Nothing was started: sweep.dry_run=true", len(rows) - done, done
    )


def _parameters(job: Job) -> str:
    """The model's size, of shapes alone. The vocabulary is not known before the data is read: its limit counts."""
    import torch  # loads here alone: a sweep's own process needs none before its first run

    from sweepformer.config.build import build
    from sweepformer.tasks.model_arguments import model_options

    options = model_options(job.config, task_kind(job.config["task"]) or KINDS["Classification"])
    try:
        check(job.config)
        with torch.device("meta"):
            model = build("model", options, vocab_size=job.config["tokenizer"]["vocab_size"], num_classes=2, pad_id=0)
    except UserError as error:
        return f"can't be built: {error}"
    if not isinstance(model, torch.nn.Module):
        return "a baseline"
    return f"at most {sum(parameter.numel() for parameter in model.parameters()):,}"
