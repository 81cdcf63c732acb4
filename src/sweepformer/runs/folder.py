"""What a sweep's directory holds."""

import re
from pathlib import Path


def run_paths(path: Path) -> list[Path]:
    """The directories of a sweep's runs, by number."""
    found = [one for one in path.glob("*") if re.match(r"\d+(-|$)", one.name) and one.is_dir()]
    return sorted(found, key=run_number)


def run_number(path: Path) -> int:
    """The number of a sweep's run, with which its folder's name begins."""
    return int(path.name.partition("-")[0])
