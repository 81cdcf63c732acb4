"""Tables as text, without torch: a sweep prints them while its runs have just begun."""

import re
import textwrap

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

# Of a user's texts, which may hold commands to the terminal; rich removes some of them, and knows no escape sequences.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def table_text(title: str, columns: list[str], rows: list[list[str]], tight: bool = False) -> str:
    """A table as text, as wide as the terminal. tight: without lines between columns, for many of them."""
    table = Table(title=title, title_justify="left")
    if tight:
        table.box, table.pad_edge, table.padding = SIMPLE_HEAD, False, (0, 1, 0, 0)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(CONTROL.sub("\N{REPLACEMENT CHARACTER}", cell) for cell in row))
    return rendered(table)


def rendered(table: Table) -> str:
    """The table's lines, without colours: they go to run.log too."""
    console = Console(width=_width(), force_terminal=False, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def share(value: float | None) -> str:
    """A share in percent, "n/a" where it isn't known."""
    return "n/a" if value is None else f"{value:.0%}"


def wrapped(text: str) -> str:
    """A sentence in lines as wide as a table may be; what goes on is indented."""
    return textwrap.fill(text, _width(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    return max(100, min(Console().width, 200))
