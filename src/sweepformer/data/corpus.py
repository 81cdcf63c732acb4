"""From a data config to a store: read, split, tokenised, once for all runs that ask for the same."""

import hashlib
import inspect
import json
import logging
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from sweepformer.config.build import build, find_target
from sweepformer.config.kinds import LabelKind
from sweepformer.data.cache import cache_folder, check_writable
from sweepformer.data.label_kinds import check_offer
from sweepformer.data.splits import Policy, make_splits
from sweepformer.data.store import Store, write_store
from sweepformer.data.tokenizer import check_separates, load_tokenizer, make_tokenizer, read_text_as_it_is
from sweepformer.errors import UserError
from sweepformer.files.atomic import remove_folder
from sweepformer.files.locks import locked

log = logging.getLogger(__name__)

STORE_FORMAT = 12  # raise it when what is written changes
POLICY = tuple(one.name for one in fields(Policy))
SHARED_KEYS = (
    *POLICY,
    *("val_fraction", "test_fraction", "cache_dir"),
    *("batch_size", "eval_batch_size", "batching", "sampling", "truncation", "window_overlap", "num_workers"),
)


def prepare(
    data: dict[str, Any],
    tokenizer: dict[str, Any],
    seed: int,
    labelled: str = LabelKind.CLASS,
    stratify_by: str | None = None,
) -> Store:
    """The tokenised splits of a config, from the cache or made now.

    The cache's key hashes the raw data, how it is split and how it is tokenised: a changed file, seed or
    vocabulary makes another store.

    Args:
        labelled: what the task needs rows to be labelled with, a `LabelKind` or its name.
        stratify_by: the labels that splits are stratified by where the task itself needs none; None: those it needs.
    """
    kind = LabelKind(labelled)
    stratify_by = LabelKind(stratify_by or labelled)
    options = {name: value for name, value in data.items() if name not in SHARED_KEYS}
    if options.get("transform") is None:
        options.pop("transform", None)  # a source of one's own need not know of it
    source = build("data", options, labelled=stratify_by.value, learns_from_texts=kind.is_nothing)
    check_offer(source, stratify_by)
    transform = getattr(source, "transform", None)
    if transform is not None and not callable(transform):
        raise UserError(
            f"data.transform makes {transform!r:.60}, which can't be called with a text. To name a function, add "
            "_partial_: true, as in {_target_: package.module.function, _partial_: true}."
        )
    fractions = data.get("val_fraction", 0.1), data.get("test_fraction", 0.1)
    policy = Policy(**{name: data[name] for name in POLICY if name in data})
    options = {name: value for name, value in tokenizer.items() if name != "truncation_side"}
    if tokenizer["kind"] == "pretrained":
        load_tokenizer(tokenizer.get("path"))
        options["path"] = hashlib.sha256(Path(tokenizer["path"]).read_bytes()).hexdigest()
    fingerprint = source.fingerprint()
    of_rows = [data["_target_"], fingerprint, _code_of(data.get("transform")), fractions, asdict(policy), seed]
    key = [STORE_FORMAT, *of_rows, options, kind.value, stratify_by.value]
    folder = cache_folder(data.get("cache_dir"))
    check_writable(folder)
    path = folder / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    with locked(path.with_suffix(".lock"), "another run tokenises the same data: waiting for it"):
        store = _opened(path)
        if store is None:
            splits, report = make_splits(source.read(), *fractions, seed, kind, stratify_by, policy)
            log.info("tokenising %s rows", f"{sum(report.rows.values()):,}")
            options["path"] = tokenizer.get("path")
            shown = {"data": data, "tokenizer": tokenizer, "seed": seed}
            of_tokens = kind.is_of_words or kind.is_nothing
            made = read_text_as_it_is(make_tokenizer(splits.train.texts, **options, answers_for_tokens=of_tokens))
            if splits.train.pairs:
                check_separates(made)
            write_store(path, splits, report, made, shown, kind)
            store = Store.open(path)
    return replace(store, data_hash=hashlib.sha256(str(fingerprint).encode()).hexdigest()[:16])


def _opened(path: Path) -> Store | None:
    """The store at `path`; None if there is none, or what is there is damaged."""
    if not path.exists():
        return None
    try:
        return Store.open(path)
    except PermissionError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): it is another user's. Choose a cache of your own with "
            "data.cache_dir=... or the environment variable SWEEPFORMER_CACHE."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # whatever numpy, json or tokenizers make of a torn file
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise  # the machine's trouble, not the store's
        log.warning("warning: %s is damaged (%s): the rows are tokenised again", path, error)
        remove_folder(path)
        return None


def _code_of(transform: dict[str, Any] | None) -> str | None:
    """A transform's name and, where it can be read, its code: an edited function makes a new store."""
    if transform is None:
        return None
    try:
        code = inspect.getsource(find_target("data.transform", transform))
    except (OSError, TypeError):
        code = ""
    return json.dumps(transform, sort_keys=True) + code
