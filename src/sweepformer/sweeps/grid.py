"""Every combination of the values given."""

import itertools
import logging
import sys
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import OverrideParseException

from sweepformer.config.targets import trusting
from sweepformer.errors import UserError
from sweepformer.sweeps.sweep import Sweep

log = logging.getLogger(__name__)


def sweep_grid(plugin: Any, params: dict[str, Any], arguments: list[str]) -> list[float | None]:
    """Run the grid that Hydra's override grammar describes; `arguments` come over `params`.

    Returns:
        The ranking metric of every run, None where a run failed.
    """
    from sweepformer.sweeps.leaderboard import report

    try:
        sweep = Sweep(plugin)
        grid = combinations(parse(plugin, params, arguments))
        if sweep.options["dry_run"]:
            from sweepformer.sweeps.dry_run import show

            with trusting(sweep.allowed_packages):
                show([sweep.add(overrides, swept) for overrides, swept in grid])
            return []
        with sweep.held():
            for overrides, swept in grid:
                sweep.add(overrides, swept)
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


def parse(plugin: Any, params: dict[str, Any], arguments: list[str]) -> list[Override]:
    """Overrides of a sweep, the later of two with the same key only."""
    parser = OverridesParser.create(config_loader=plugin.hydra_context.config_loader)
    try:
        parsed = parser.parse_overrides([*(f"{key}={value}" for key, value in params.items()), *arguments])
    except OverrideParseException as error:
        raise UserError(str(error)) from error
    return list({override.get_key_element(): override for override in parsed}.values())


def combinations(overrides: list[Override]) -> list[tuple[list[str], list[str]]]:
    """Each run's overrides, and those of them that are swept (all, if none is)."""
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
        found.append((list(combination), swept or list(combination)))
    return found
