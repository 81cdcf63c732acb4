"""init: start a project of your own in a new folder."""

import argparse
import shlex
import sys
from pathlib import Path

from sweepformer.command_line import command_line
from sweepformer.errors import UserError
from sweepformer.new_project import write_project


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
