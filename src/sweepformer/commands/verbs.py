"""sweepformer VERB ...: what the installed command can do."""

import sys
from importlib import import_module
from importlib.metadata import version

from sweepformer.errors import hint
from sweepformer.screen.command_line import reader_may_leave

VERBS = {  # each is a module beside this one, with a `main`
    "look": "what your own files hold, and the command that trains on them",
    "run": "train one run, or with -m a sweep",
    "predict": "answer for the rows of a file with a finished run",
    "evaluate": "how good a finished run is on labelled rows, with its uncertainty",
    "explain": "what each word of a text adds to the answer of a finished run",
    "serve": "answer over HTTP with a finished run",
    "compare": "rank finished runs, say which differ, and what that depends on",
    "export": "hand a finished run to another runtime, in a folder that needs no sweepformer",
    "cache": "show the tokenised data that runs share, or clear it",
    "init": "start a project of your own in a new folder",
    "completion": "let the shell complete verbs, config groups, keys and values",
}


@reader_may_leave()
def main() -> None:
    """The command line; the verb finds its own arguments in `sys.argv`."""
    first = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if first in ("--help", "-h"):
        print("sweepformer trains, sweeps and compares transformer encoders on labelled sequences.\n")
        for verb, purpose in VERBS.items():
            print(f"  sweepformer {verb:<12} {purpose}")
        print("\nsweepformer VERB --help says more of each; --version which sweepformer this is.")
    elif first == "--version":
        print(f"sweepformer {version('sweepformer')}")
    elif first in VERBS:
        del sys.argv[1]
        _call(first)
    elif first.startswith("-") or "=" in first:
        # A run's overrides or flags alone: so Lightning starts the further processes of one.
        _call("run")
    else:
        print(f"Error: sweepformer {first}: there is no such verb.{hint(first, VERBS)}", file=sys.stderr)
        print(f"There are {', '.join(VERBS)}: sweepformer --help says what they do.", file=sys.stderr)
        sys.exit(2)


def _call(verb: str) -> None:
    if not sys.flags.safe_path:
        sys.path.insert(0, "")  # as `python -m` does: classes that a project's config names lie in its folder
    import_module(f"sweepformer.commands.{verb}").main()
