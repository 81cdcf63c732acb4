"""Whether two runs came to the same, and in what they differ that could explain it if they didn't."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sweepformer.config.plain import differing
from sweepformer.files.checkpoints import weights_digest
from sweepformer.files.inside import inside
from sweepformer.models.wide import present_name
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.environment import flat

Difference = tuple[str, Any, Any]  # a name, what it is there and here
# Of an environment, what is no cause: when, where and by what command the run was started, and what its config says.
# Of the number of cores `threads` says how many count.
NO_CAUSE = ("started", "sweepformer", "argv", "directory", "cpus", "begins_with", "seed")
# Of a config, what says where to write and what to show.
NO_MATTER = re.compile(
    r"(pretrain\.)?(name|allowed_packages|logger|data\.cache_dir|trainer\.default_root_dir)(\..*)?|.*\.dirpath"
)


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    result: what came out differently; causes: what may be why; metrics: how many were compared; weights: of those that
    both have (best, last), sixteen hex digits here.
    """

    result: list[Difference]
    causes: list[Difference]
    metrics: int
    weights: dict[str, str]


def compare(there: RunDirectory, here: RunDirectory) -> Comparison:
    """Compare two runs that have come to their ends."""
    one, other = there.result, here.result
    assert one is not None
    assert other is not None
    of_one, of_other = dict(_weights(there, one)), dict(_weights(here, other))
    configs = differing(there.read_config() or {}, here.read_config() or {})
    both = [name for name in of_one if name in of_other]
    found = [(name, getattr(one, name), getattr(other, name)) for name in ("status", "parameters", "epochs", "steps")]
    found += differing(one.metrics, other.metrics)
    found += [(f"weights, {name}", of_one[name], of_other[name]) for name in both]
    return Comparison(
        result=[(name, a, b) for name, a, b in found if repr(a) != repr(b)],  # nan is like nan
        causes=[*_environments(there, here), *(one for one in configs if not NO_MATTER.fullmatch(one[0]))],
        metrics=len(one.metrics),
        weights={name: of_other[name] for name in both},
    )


def _weights(run: RunDirectory, summary: Summary) -> Iterator[tuple[str, str]]:
    """The best and the last, if they are there and whole."""
    for name, path in {"best": summary.best_checkpoint or "", "last": str(run.last_checkpoint)}.items():
        try:
            digest = weights_digest(inside(run.path, path), present_name)
        except Exception:  # whatever is made of one that is gone, damaged, elsewhere or no checkpoint at all
            continue
        yield name, digest


def _environments(there: RunDirectory, here: RunDirectory) -> list[Difference]:
    """Of what is recorded in both."""
    one, other = flat(there.read_environment()), flat(here.read_environment())
    return [
        (name, one[name], other[name])
        for name in one
        if name in other and one[name] != other[name] and name.partition(".")[0] not in NO_CAUSE
    ]
