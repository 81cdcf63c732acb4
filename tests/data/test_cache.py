"""The cache: what is kept, how it is shown and cleared, and what of it is not trusted."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sweepformer.data.corpus import prepare
from sweepformer.data.store import Store
from sweepformer.errors import UserError
from sweepformer.locks import Locked, locked

TOKENIZER = {"kind": "word", "vocab_size": 50, "min_frequency": 1, "lowercase": True, "path": None}
TOKENIZER["truncation_side"] = "right"


def config(folder: Path, rows: int = 60) -> dict[str, Any]:
    path = folder / f"rows{rows}.csv"
    path.write_text("text,label\n" + "".join(f"word{n} and {n % 7},{n % 2}\n" for n in range(rows)))
    target = "sweepformer.data.sources.files.Files"
    return {"_target_": target, "train_file": str(path), "cache_dir": str(folder / "cache")}


def cache_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "src.cache", "--folder", str(folder / "cache"), *arguments]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=False)


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


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    left = store.path.parent / f".{store.path.name}-left"
    store.path.rename(left)
    prepare(config(tmp_path), TOKENIZER, 0)
    assert store.path.is_dir()
    assert not left.exists()


def test_what_isnt_whole_is_shown_and_cleared_too(tmp_path: Path) -> None:
    stores = [prepare(config(tmp_path, rows), TOKENIZER, 0) for rows in (60, 80, 100)]
    (stores[0].path / "store.json").write_text('{"hello": 1}')
    (stores[1].path / "store.json").write_text("{")
    stores[2].path.rename(stores[2].path.parent / f".{stores[2].path.name}-killed")
    (stores[0].path.parent / "a file of somebody else's").write_text("")
    assert cache_command(tmp_path, "show").stdout.count("not whole") == 3
    assert cache_command(tmp_path, "clear").returncode == 0
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a file of somebody else's"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["clear", ""], "''"), (["clear", "--unused-days", "nan"], "nan"), (["--folder", "/etc/passwd"], "/etc/passwd")],
)
def test_mistakes_remove_nothing(tmp_path: Path, arguments: list[str], words: str) -> None:
    store = prepare(config(tmp_path), TOKENIZER, 0)
    told = cache_command(tmp_path, *arguments)
    assert (told.returncode, words in told.stderr, "Traceback" in told.stderr) == (2, True, False)
    assert store.path.exists()


def test_a_lock_that_was_removed_is_held_by_one(tmp_path: Path) -> None:
    """Whoever waited for a removed file holds nothing, and begins again with the new one."""
    path = tmp_path / "lock"
    order = []

    def wait() -> None:
        with locked(path, "waiting"):
            order.append("second")

    with locked(path):
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.2)
        path.unlink()
    with locked(path, "waiting"):
        order.append("somebody")
    waiter.join(5)
    assert sorted(order) == ["second", "somebody"]
    with locked(path), pytest.raises(Locked), locked(path):
        pass


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


def test_show_and_clear(tmp_path: Path) -> None:
    assert cache_command(tmp_path).returncode == 2
    (tmp_path / "cache").mkdir()
    assert "0 tokenised datasets" in cache_command(tmp_path).stdout
    stores = [prepare(config(tmp_path, rows), TOKENIZER, 0) for rows in (60, 80)]
    shown = cache_command(tmp_path, "show").stdout
    for store, name in zip(stores, ("rows60.csv", "rows80.csv"), strict=True):
        assert store.path.name[:8] in shown
        assert name in shown
    unknown = cache_command(tmp_path, "clear", "nonsense")
    assert (unknown.returncode, "nonsense" in unknown.stderr) == (2, True)
    assert "nothing" in cache_command(tmp_path, "clear", "--unused-days", "1").stdout
    with locked(stores[0].path.with_suffix(".lock")):
        assert "a run is making it" in cache_command(tmp_path, "clear", stores[0].path.name[:8]).stdout
    assert "removed" in cache_command(tmp_path, "clear", stores[0].path.name[:8]).stdout
    assert [store.path.exists() for store in stores] == [False, True]
    assert list(stores[1].splits["test"].ids)
    cache_command(tmp_path, "clear")
    assert not list((tmp_path / "cache").iterdir())
    assert list(stores[1].splits["test"].ids)  # a run that has it open goes on
