"""Commands that messages advise, in the words of the one that was typed."""

import shlex
import sys
from pathlib import Path

from sweepformer.config.presets import IS_CLONE


def command_line(verb: str, *arguments: str) -> str:
    """`sweepformer VERB ...`, or `python -m src.VERB ...` where one of the files in src/ was called; quoted."""
    through_a_door = IS_CLONE and Path(sys.argv[0]).parent.name == "src"
    program = ["python", "-m", f"src.{verb}"] if through_a_door else ["sweepformer", verb]
    return shlex.join([*program, *arguments])


def install_line(extra: str) -> str:
    """How to install an extra of this package: of a clone, or of what pip has installed."""
    return f"pip install -c constraints.txt -e '.[{extra}]'" if IS_CLONE else f"pip install 'sweepformer[{extra}]'"
