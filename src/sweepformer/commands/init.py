"""init: start a project of your own in a new folder."""

import argparse
import csv
import random
import shlex
import sys
from pathlib import Path

from sweepformer.errors import UserError
from sweepformer.screen.command_line import command_line, reader_may_leave

FILES = Path(__file__).parents[1] / "project_files"
ROWS_A_LABEL = 120
OPENINGS = ("", "Hello, ", "Good morning, ", "Hi there, ", "Dear team, ", "Quick question: ")
CLOSINGS = ("", " Thank you.", " Can you help?", " Please let me know.", " Best wishes.", " It is rather urgent.")
THINGS = ("brake", "chain", "saddle", "front wheel", "lamp", "helmet", "pedal", "pump", "lock", "tyre")
DAYS = ("Monday", "Tuesday", "Thursday", "Friday", "Saturday")
SENTENCES = {
    "repair": (
        "the {thing} has made a strange noise since {day}.",
        "my {thing} is bent and no longer turns.",
        "the {thing} came loose on {day}, after a week.",
        "there is a crack in the {thing}.",
        "the {thing} slips whenever I ride uphill.",
        "can the {thing} be mended or is it worn out?",
    ),
    "delivery": (
        "the {thing} that I ordered has not arrived.",
        "where is the parcel with my {thing}? It was due on {day}.",
        "tracking for the {thing} has not moved since {day}.",
        "the courier left the {thing} with somebody else.",
        "please send the {thing} to another address.",
        "the box was open on {day} and the {thing} was missing.",
    ),
    "payment": (
        "I was charged twice for the {thing}.",
        "the invoice of {day} shows a wrong amount for the {thing}.",
        "may I pay for the {thing} in instalments?",
        "my card was refused when I bought the {thing} on {day}.",
        "please refund what I paid for the {thing}.",
        "is there a discount on the {thing}?",
    ),
    "visit": (
        "may I bring the {thing} in on {day}?",
        "are you open on {day}? I would like to try a {thing}.",
        "who can show me the {thing} on {day}?",
        "I have to move my appointment for the {thing} to {day}.",
        "can I park nearby when I collect the {thing} on {day}?",
        "how long does fitting a {thing} take? I am free on {day}.",
    ),
}


def write_project(folder: Path) -> int:
    """Write a project that trains as it is, and return the number of its rows; a UserError if it can't be written."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is there already, and not an empty folder: give another name.")
        for file in FILES.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                target = folder / file.relative_to(FILES)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
        rows = example_rows()
        (folder / "data").mkdir()
        with (folder / "data" / "train.csv").open("w", encoding="utf-8", newline="") as table:
            csv.writer(table, lineterminator="\n").writerows([("text", "label"), *rows])
    except OSError as error:
        raise UserError(f"{folder} can't be written ({error.strerror}).") from error
    return len(rows)


def example_rows() -> list[tuple[str, str]]:
    """Texts and labels, as many of each label, no text twice, always the same.

    The labels share the things and days that they speak of; what tells them apart is the rest of a sentence.
    """
    chance = random.Random(0)
    rows: dict[str, str] = {}
    for label, sentences in SENTENCES.items():
        enough = len(rows) + ROWS_A_LABEL
        while len(rows) < enough:
            sentence = chance.choice(sentences).format(thing=chance.choice(THINGS), day=chance.choice(DAYS))
            opening = chance.choice(OPENINGS)
            text = opening + (sentence if opening else sentence[0].upper() + sentence[1:]) + chance.choice(CLOSINGS)
            rows[text] = label
    texts = list(rows.items())
    chance.shuffle(texts)
    return texts


@reader_may_leave()
def main() -> None:
    """The command line."""
    folder: Path = parser().parse_args().folder
    try:
        rows = write_project(folder)
    except UserError as error:
        sys.exit(f"Error: {error}")
    print(f"{folder}: {rows} example rows in data/train.csv, presets in conf/, a test in tests/; README.md says more.")
    steps = [shlex.join(["cd", str(folder)]), command_line("run"), command_line("run", "-m", "experiment=size")]
    print("next:\n  " + "\n  ".join(steps))


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("init"),
        description="Writes a project that trains at once: presets in conf/, example rows in data/, a test in tests/.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a new folder, or an empty one")
    return parser
