"""cache: show the tokenised data that runs share, or clear it."""

import argparse
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from sweepformer.data.cache import Kept, cache_folder, kept
from sweepformer.screen.command_line import command_line, reader_may_leave
from sweepformer.screen.tables import table_text


@reader_may_leave()
def main() -> None:
    """The command line."""
    typed = parser()
    options = typed.parse_intermixed_args()
    folder = options.folder or cache_folder()
    if not folder.is_dir():
        typed.error(f"there is no folder {folder}")
    try:
        found = kept(folder)
    except OSError as error:
        typed.error(f"{folder} can't be read ({error.strerror})")
    for key in options.keys:
        if not key or not any(one.key.startswith(key) for one in found):
            typed.error(f"no key in {folder} begins with {key!r}: see {command_line('cache', 'show')}")
    chosen = [one for one in found if not options.keys or one.key.startswith(tuple(options.keys))]
    if options.action == "show":
        _show(folder, chosen)
        return
    since = datetime.now() - timedelta(days=options.unused_days)
    _clear([one for one in chosen if one.last_used <= since])


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("cache"),
        description="Tokenised data is kept between runs. Removing it is safe: a run that needs it makes it again.",
    )
    parser.add_argument("action", nargs="?", choices=["show", "clear"], default="show", help="default: show")
    parser.add_argument("keys", nargs="*", metavar="KEY", help="clear only these, by the beginning of their keys")
    parser.add_argument("--unused-days", type=_days, default=0.0, metavar="N", help="clear what N days didn't use")
    parser.add_argument("--folder", type=Path, help="the cache (default: SWEEPFORMER_CACHE or the user's cache folder)")
    return parser


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of days from 0 to 100,000")
    return days


def _show(folder: Path, found: list[Kept]) -> None:
    title = f"{len(found)} tokenised datasets in {folder}: {_megabytes(sum(one.size for one in found))}"
    rows = [
        [
            one.key[:8],
            _what(one),
            f"{one.rows:,}" if one.rows is not None else "",
            _megabytes(one.size),
            f"{one.last_used:%Y-%m-%d %H:%M}",
        ]
        for one in found
    ]
    print(table_text(title, ["key", "data", "rows", "size", "last used"], rows) if rows else title)


def _what(one: Kept) -> str:
    """The data in a few words: its file, folder or name, and the tokenizer."""
    if one.rows is None:
        return "not whole: damaged, being made, or left by a process that was killed"
    data, tokenizer = one.source.get("data", {}), one.source.get("tokenizer", {})
    where = data.get("train_file") or data.get("root") or data.get("path")
    name = os.path.basename(str(where)) if where else str(data.get("_target_", "?")).rpartition(".")[2].lower()
    return f"{name}, {tokenizer.get('kind', '?')} {tokenizer.get('vocab_size', '')}, seed {one.source.get('seed', '?')}"


def _clear(chosen: list[Kept]) -> None:
    stuck = 0
    for one in chosen:
        try:
            outcome = "removed" if one.remove() else "kept, as a run is making it:"
        except OSError as error:
            outcome = f"kept, as it can't be removed ({error.strerror}):"
        stuck += outcome != "removed"
        print(f"{outcome} {one.key[:8]} ({_what(one)})")
    if not chosen:
        print("nothing to remove")
    if stuck:
        sys.exit(1)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
