"""Rows that are cut off for a split: stratified by label, groups kept whole."""

import warnings

import numpy as np

from sweepformer.data.columns import Categories
from sweepformer.data.labels import Labels
from sweepformer.data.rows import Rows
from sweepformer.errors import UserError


def check_fractions(cut: dict[str, float]) -> None:
    """Raises a UserError if splits of these sizes can't be cut. cut: the fraction of train of each, by its name."""
    if not (all(fraction > 0 for fraction in cut.values()) and sum(cut.values()) < 1):
        given = " and ".join(f"data.{split}_fraction={fraction}" for split, fraction in cut.items())
        raise UserError(f"{given}: each must be above 0, together below 1.")


def cut(rows: Rows, fraction: float, seed: int, key: str) -> tuple[Rows, Rows]:
    """(what stays, what is cut off), stratified by label; whole groups where there are groups."""
    chosen = _cut_groups(rows, rows.groups, fraction, seed, key) if rows.groups else _cut_rows(rows, fraction, seed)
    return rows.select(np.flatnonzero(~chosen)), rows.select(np.flatnonzero(chosen))


def _cut_rows(rows: Rows, fraction: float, seed: int) -> np.ndarray:
    """(rows,) bool: the fraction of every stratum, at least one row and never all, nor all rows of a label."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(rows), dtype=bool)
    strata = rows.labels.strata()
    by_stratum = np.argsort(strata, kind="stable")
    for of_stratum in np.split(by_stratum, np.cumsum(np.bincount(strata))[:-1]):
        members = random.permutation(of_stratum)
        share = min(max(round(fraction * len(members)), 1), len(members) - 1)
        chosen[members[:share]] = True
    for name in _lost(rows.labels, chosen):
        holders = np.flatnonzero(rows.labels.rows_named(name))
        if chosen[holders].all():  # a row that was given back for another label may hold this one too
            chosen[holders[0]] = False
    return chosen


def _lost(labels: Labels, chosen: np.ndarray) -> list[str]:
    """The labels that would not be left to learn from once the chosen rows, (rows,) bool, are cut off."""
    left = set(labels.select(np.flatnonzero(~chosen)).names)
    return [name for name in labels.names if name not in left]


def _cut_groups(rows: Rows, groups: Categories, fraction: float, seed: int, key: str) -> np.ndarray:
    """(rows,) bool: whole groups; of the folds of scikit-learn's StratifiedGroupKFold the one most like the whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = max(round(min(1 / fraction, len(rows) + 1)), 2)
    if len(groups.names) < folds:
        raise UserError(
            f"{rows.origin}: {len(groups.names)} groups can't be cut into parts of {fraction:.3g} ({key}); groups stay "
            f"whole. At least {folds} are needed: check data.group_column, or raise {key}."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    strata = rows.labels.strata()
    everywhere = np.bincount(strata)
    if folds > everywhere.max():
        raise UserError(
            f"{rows.origin}: {len(rows)} rows, at most {everywhere.max()} of a class, can't be cut into parts of "
            f"{fraction:.3g} ({key}): {folds} of one are needed. Give more rows (data.max_rows, if "
            f"it is set), or raise {key}."
        )

    def distance(cut: np.ndarray) -> tuple[int, float]:
        counts = np.bincount(strata[cut], minlength=len(everywhere))
        chosen = np.isin(np.arange(len(rows)), cut)
        return len(_lost(rows.labels, chosen)), float(np.abs(counts - everywhere * fraction).sum())

    # The folds are made to be alike over all; a single one can be far off where groups are large.
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of small classes: they are counted below
        cuts = [cut for _, cut in splitter.split(np.zeros(len(rows)), strata, groups.codes)]
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[min(cuts, key=distance)] = True
    if lost := _lost(rows.labels, chosen):
        raise UserError(
            f"{rows.origin}: all rows of class {lost[0]!r} fall into the split cut by {key}, because its groups "
            "stay whole. The class needs rows in more groups; or drop data.group_column, or try another seed."
        )
    return chosen
