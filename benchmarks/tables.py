"""Tables in the docs that are written from the recorded results, each between two marks of its own."""

from pathlib import Path

from benchmarks.record import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STUDIES = ROOT / "experiments" / "README.md"


def page_of(module: str) -> Path:
    """The page that has a place for a benchmark's table."""
    for page in (*PAGES, STUDIES):
        if _begin(module) in page.read_text(encoding="utf-8"):
            return page
    raise SystemExit(
        f"No page has a place for the table of {module}: the lines {_begin(module)!r} and {_end(module)!r}"
    )


def with_table(text: str, module: str, table: str) -> str:
    """`text` with `table` between the marks of a benchmark; unchanged outside them."""
    head, _, rest = text.partition(_begin(module))
    return head + _begin(module) + table + "\n" + _end(module) + rest.partition(_end(module))[2]


def write_table(module: str, table: str) -> None:
    """Put `table` into its page."""
    page = page_of(module)
    page.write_text(with_table(page.read_text(encoding="utf-8"), module, table), encoding="utf-8")


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _begin(module: str) -> str:
    return f"<!-- {module}: written by benchmarks.{module} --docs -->\n"


def _end(module: str) -> str:
    return f"<!-- /{module} -->\n"
