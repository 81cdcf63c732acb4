"""Tables as text, without torch: a sweep prints them while its runs have just begun."""

from rich.console import Console
from rich.table import Table


def table_text(title: str, columns: list[str], rows: list[list[str]]) -> str:
    """A table as text, as wide as the terminal."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return rendered(table)


def rendered(table: Table) -> str:
    """The table's lines, without colours: they go to run.log too."""
    console = Console(width=max(100, min(Console().width, 200)), force_terminal=False, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def share(value: float | None) -> str:
    """A share in percent, "n/a" where it isn't known."""
    return "n/a" if value is None else f"{value:.0%}"
