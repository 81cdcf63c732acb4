"""Tables in the README that are written from the recorded results, each between two marks of its own."""

from benchmarks.record import ROOT

README = ROOT / "README.md"


def with_table(text: str, module: str, table: str) -> str:
    """`text` with `table` between the marks of a benchmark; unchanged outside them."""
    begin, end = f"<!-- {module}: written by benchmarks.{module} --readme -->\n", f"<!-- /{module} -->\n"
    if begin not in text or end not in text:
        raise SystemExit(f"{README} has no place for the table of {module}: the lines {begin!r} and {end!r}")
    head, _, rest = text.partition(begin)
    return head + begin + table + "\n" + end + rest.partition(end)[2]


def write_table(module: str, table: str) -> None:
    """Put `table` into the README."""
    README.write_text(with_table(README.read_text(encoding="utf-8"), module, table), encoding="utf-8")


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
