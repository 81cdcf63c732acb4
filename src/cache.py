"""python -m src.cache: show the tokenised data that runs share, or clear it."""

import argparse
import os
from datetime import datetime, timedelta
from pathlib import Path

from sweepformer.data.cache import CachedStore, cache_folder, cached_stores
from sweepformer.reports.tables import table_text


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m src.cache",
        description="Tokenised data is kept between runs. Removing it is safe: a run that needs it makes it again.",
    )
    parser.add_argument("--folder", type=Path, help="the cache (default: SWEEPFORMER_CACHE or the user's cache folder)")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("show", help="what is kept (the default)")
    clear = actions.add_parser("clear", help="remove all of it, or some")
    clear.add_argument("keys", nargs="*", metavar="KEY", help="only these, by the beginning of their keys")
    clear.add_argument("--unused-days", type=float, default=0, metavar="N", help="only what wasn't used for N days")
    options = parser.parse_args()
    folder = options.folder or cache_folder()
    stores = cached_stores(folder)
    if options.action == "clear":
        for key in options.keys:
            if not any(store.key.startswith(key) for store in stores):
                parser.error(f"no key in {folder} begins with {key!r}: see python -m src.cache show")
        since = datetime.now() - timedelta(days=options.unused_days)
        chosen = (store for store in stores if store.last_used <= since)
        _clear([store for store in chosen if not options.keys or store.key.startswith(tuple(options.keys))])
    else:
        _show(folder, stores)


def _show(folder: Path, stores: list[CachedStore]) -> None:
    rows = [
        [
            store.key[:8],
            _what(store),
            f"{store.rows:,}",
            _megabytes(store.size),
            f"{store.last_used:%Y-%m-%d %H:%M}",
        ]
        for store in stores
    ]
    title = f"{len(stores)} tokenised datasets in {folder}: {_megabytes(sum(store.size for store in stores))}"
    print(table_text(title, ["key", "data", "rows", "size", "last used"], rows) if stores else title)


def _what(store: CachedStore) -> str:
    """The data in a few words: its file, folder or name, and the tokenizer."""
    data, tokenizer = store.source.get("data", {}), store.source.get("tokenizer", {})
    where = data.get("train_file") or data.get("root") or data.get("path")
    name = os.path.basename(str(where)) if where else str(data.get("_target_", "?")).rpartition(".")[2].lower()
    return (
        f"{name}, {tokenizer.get('kind', '?')} {tokenizer.get('vocab_size', '')}, seed {store.source.get('seed', '?')}"
    )


def _clear(stores: list[CachedStore]) -> None:
    for store in stores:
        removed = store.remove()
        print(f"{'removed' if removed else 'kept, as a run is making it:'} {store.key[:8]} ({_what(store)})")
    if not stores:
        print("nothing to remove")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


if __name__ == "__main__":
    main()
