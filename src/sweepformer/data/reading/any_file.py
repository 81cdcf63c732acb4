"""A file of any form, as a table."""

from collections.abc import Sequence
from pathlib import Path

from sweepformer.data.reading import form
from sweepformer.data.reading.delimited import Delimited
from sweepformer.data.reading.lines import Fasta, FastText, Lines
from sweepformer.data.reading.objects import JsonArray, JsonLines
from sweepformer.data.reading.opening import PACKED, STANDARD_INPUT, open_file
from sweepformer.data.reading.parquet import Parquet
from sweepformer.data.reading.sheet import Sheet
from sweepformer.data.reading.table import Table
from sweepformer.errors import UserError, listed

TEXT_ENDINGS = (".txt", ".log", ".text", ".data", ".dat", "")
TABLES: dict[str, type[Table]] = {
    form.JSON_LINES: JsonLines,
    form.JSON: JsonArray,
    form.PARQUET: Parquet,
    form.LINES: Lines,
    form.FASTTEXT: FastText,
    form.FASTA: Fasta,
    form.SHEET: Sheet,
}


def open_table(
    path: Path,
    key: str,
    asked: form.Asked | None = None,
    texts: Sequence[str] = (),
    label: str | None = None,
    ending: str | None = None,
) -> Table:
    """A file's columns and records.

    Args:
        path: the file, or `STANDARD_INPUT`, which is read once.
        key: the config key that named it, for messages.
        asked: what is known of its form; None: nothing.
        texts, label: columns that will be read; None: rows need no label.
        ending: what tells the format; None: that of its name, or what it holds.

    Raises:
        UserError: it can't be read; naming key, file and place.
    """
    asked = asked or form.Asked()
    file = open_file(path, key, ending)
    if asked.format is None and file.ending not in (*form.BY_ENDING, *TEXT_ENDINGS) and path != STANDARD_INPUT:
        raise UserError(
            f"{file.name} has an unknown ending; known are {listed((*form.BY_ENDING, *TEXT_ENDINGS[:-1]))}, each also "
            f"packed ({listed(PACKED)}). Give data.format, one of {listed(form.FORMATS)}. Columns of words and tags "
            "are read by data=conll."
        )
    wanted = [*texts, *([] if label is None else [label])]
    found = form.form_of(file, asked, wanted, label is not None)
    if found.format == form.DELIMITED:
        table: Table = Delimited(file, found, label if asked.quoting is None else None)
    else:
        table = TABLES[found.format](file, found)
    table.check_once(wanted)
    return table
