"""A comparison for the terminal."""

from sweepformer.analysis.comparison import tables
from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.words import findings, notes
from sweepformer.screen.tables import table_text, wrapped

MOST_KEYS = 6  # settings for which a line of the terminal has room


def as_text(comparison: Comparison, top: int) -> str:
    """Tables and sentences. top: how many runs and settings are listed."""
    parts = [_table(tables.ranking(comparison, top, MOST_KEYS)), "\n".join(map(wrapped, findings(comparison)))]
    if comparison.repeated:
        parts.append(_table(tables.repeated(comparison, top)))
    if comparison.effects.of_keys:
        parts.append(_table(tables.effects(comparison)))
    if len(comparison.ranked) > 1:
        parts.append(_table(tables.fronts(comparison)))
    if comparison.lost:
        parts.append(_table(tables.lost(comparison.lost)))
    if said := notes(comparison):
        parts.append("\n".join(wrapped(f"note: {line}") for line in said))
    return "\n\n".join(parts) + "\n"


def _table(table: tables.Table) -> str:
    return table_text(*table, tight=True)
