"""The cache: what is kept, how it is shown and cleared, and what of it is not trusted."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, Cli, Result, ended

from sweepformer.data.corpus import prepare
from sweepformer.data.store import Store
from sweepformer.errors import UserError
from sweepformer.files.atomic import SEAL, seal
from sweepformer.files.locks import locked

TOKENIZER = {"kind": "word", "vocab_size": 50, "min_frequency": 1, "lowercase": True, "path": None}
TOKENIZER["truncation_side"] = "right"


def config(folder: Path, rows: int = 60) -> dict[str, Any]:
    path = folder / f"rows{rows}.csv"
    path.write_text("text,label\n" + "".join(f"word{n} and {n % 7},{n % 2}\n" for n in range(rows)))
    target = "sweepformer.data.sources.files.Files"
    return {"_target_": target, "train_file": str(path), "cache_dir": str(folder / "cache")}


@pytest.fixture
def cache_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Call with the command's arguments: runs it on the test's own cache."""
    from src.cache import main

    def run(*arguments: str) -> Result:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["src/cache.py", "--folder", str(tmp_path / "cache"), *arguments])
        return ended(main, capfd, tmp_path)

    return run


def contents(store: Store) -> list[Any]:
    return [(rows.tokens.tolist(), rows.offsets.tolist(), list(rows.ids)) for rows in store.splits.values()]


@pytest.mark.parametrize("damage", ["train.tokens.npy", "test.ids", "store.json", "tokenizer.json", "val.labels.npy"])
def test_a_damaged_store_is_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    before = contents(store)
    damaged = store.path / damage
    damaged.write_bytes(damaged.read_bytes()[:-2])
    assert contents(prepare(config(tmp_path), TOKENIZER, 0)) == before
    assert "damaged" in caplog.text
    caplog.clear()
    assert contents(prepare(config(tmp_path), TOKENIZER, 0)) == before
    assert "damaged" not in caplog.text


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_a_seal_that_lost_lines_is_none(tmp_path: Path, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    before, whole = contents(store), (store.path / SEAL).read_text().splitlines(keepends=True)
    (store.path / SEAL).write_text("".join(whole[:lines]))
    assert contents(prepare(config(tmp_path), TOKENIZER, 0)) == before
    assert f"{SEAL} is cut short" in caplog.text
    assert (store.path / SEAL).read_text().splitlines(keepends=True) == whole


class Evil:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch it-ran",)


PICKLED = np.array([Evil()], dtype=object)
FAR = {"[PAD]": 0, "[UNK]": 1, "far": 3_000_000_000}
HARMS: dict[str, Callable[[Path], object]] = {
    "pickled labels": lambda store: np.save(store / "train.labels.npy", PICKLED, allow_pickle=True),
    "pickled tokens": lambda store: np.save(store / "train.tokens.npy", PICKLED, allow_pickle=True),
    "a pickle": lambda store: (store / "test.offsets.npy").write_bytes(pickle.dumps(Evil())),
    "no tokenizer": lambda store: (store / "tokenizer.json").write_text("{"),
    "far ids": lambda store: (store / "tokenizer.json").write_text(
        json.dumps({"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": FAR}})
    ),
    "another shape": lambda store: (store / "store.json").write_text("[]"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_store_that_was_made_to_harm_is_made_again(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checksums are right: whoever made it has made them too."""
    monkeypatch.chdir(tmp_path)
    store = prepare(config(tmp_path), TOKENIZER, 0)
    before = contents(store)
    HARMS[harm](store.path)
    seal(store.path)
    assert contents(prepare(config(tmp_path), TOKENIZER, 0)) == before
    assert f"{store.path} is damaged" in caplog.text
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("name", ["../../theirs.txt", "/dev/zero", "..", "link", "pipe"])
def test_no_checksum_is_taken_of_what_is_not_the_stores(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Some of it would have no end."""
    store = prepare(config(tmp_path), TOKENIZER, 0)
    (tmp_path / "theirs.txt").write_text("theirs")
    (store.path / "link").symlink_to(tmp_path / "theirs.txt")
    os.mkfifo(store.path / "pipe")
    with (store.path / SEAL).open("a") as file:
        file.write(f"{hashlib.sha256(b'theirs').hexdigest()}  {name}\n")
    prepare(config(tmp_path), TOKENIZER, 0)
    assert f"names {name}, which is no file of this folder" in caplog.text
    assert (tmp_path / "theirs.txt").read_text() == "theirs"


def test_of_a_link_in_a_stores_place_only_the_link_is_removed(tmp_path: Path) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    before = contents(store)
    elsewhere = store.path.rename(tmp_path / "elsewhere")
    (elsewhere / "store.json").write_text("mine")
    store.path.symlink_to(elsewhere)
    assert contents(prepare(config(tmp_path), TOKENIZER, 0)) == before
    assert not store.path.is_symlink()
    assert (elsewhere / "store.json").read_text() == "mine"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    left = store.path.parent / f".{store.path.name}-left"
    store.path.rename(left)
    prepare(config(tmp_path), TOKENIZER, 0)
    assert store.path.is_dir()
    assert not left.exists()


def test_what_isnt_whole_is_shown_and_cleared_too(tmp_path: Path, cache_command: Cli) -> None:
    stores = [prepare(config(tmp_path, rows), TOKENIZER, 0) for rows in (60, 80, 100)]
    (stores[0].path / "store.json").write_text('{"hello": 1}')
    (stores[1].path / "store.json").write_text("{")
    stores[2].path.rename(stores[2].path.parent / f".{stores[2].path.name}-killed")
    (stores[0].path.parent / "a file of somebody else's").write_text("")
    assert cache_command("show").out.count("not whole") == 3
    assert cache_command("clear").code == 0
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a file of somebody else's"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["clear", ""], "''"), (["clear", "--unused-days", "nan"], "nan"), (["--folder", "/etc/passwd"], "/etc/passwd")],
)
def test_mistakes_remove_nothing(tmp_path: Path, cache_command: Cli, arguments: list[str], words: str) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    told = cache_command(*arguments)
    assert (told.code, words in told.err, "Traceback" in told.err) == (2, True, False)
    assert store.path.exists()


def test_another_users_store_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Store, "open", denied)  # tests may run as root, who is denied nothing
    with pytest.raises(UserError, match="another user"):
        prepare(config(tmp_path), TOKENIZER, 0)
    assert store.path.exists()


def test_a_tokenizers_own_padding_is_left_out(tmp_path: Path) -> None:
    plain = prepare(config(tmp_path), TOKENIZER, 0)
    plain.tokenizer.enable_padding(length=128)
    plain.tokenizer.enable_truncation(2)
    plain.tokenizer.save(str(tmp_path / "padding.json"))
    pretrained = {**TOKENIZER, "kind": "pretrained", "path": str(tmp_path / "padding.json")}
    assert contents(prepare(config(tmp_path), pretrained, 0)) == contents(plain)


def test_show_and_clear(tmp_path: Path, cache_command: Cli) -> None:
    typed = [sys.executable, "-m", "src.cache", "--folder", str(tmp_path / "cache")]
    assert subprocess.run(typed, cwd=ROOT, env={"PYTHONPATH": "src"}, capture_output=True).returncode == 2
    (tmp_path / "cache").mkdir()
    assert "0 tokenised datasets" in cache_command().out
    stores = [prepare(config(tmp_path, rows), TOKENIZER, 0) for rows in (60, 80)]
    shown = cache_command("show").out
    for store, name in zip(stores, ("rows60.csv", "rows80.csv"), strict=True):
        assert store.path.name[:8] in shown
        assert name in shown
    unknown = cache_command("clear", "nonsense")
    assert (unknown.code, "nonsense" in unknown.err) == (2, True)
    assert "nothing" in cache_command("clear", "--unused-days", "1").out
    with locked(stores[0].path.with_suffix(".lock")):
        assert "a run is making it" in cache_command("clear", stores[0].path.name[:8]).out
    assert "removed" in cache_command("clear", stores[0].path.name[:8]).out
    assert [store.path.exists() for store in stores] == [False, True]
    assert list(stores[1].splits["test"].ids)
    cache_command("clear")
    assert not list((tmp_path / "cache").iterdir())
    assert list(stores[1].splits["test"].ids)  # a run that has it open goes on
