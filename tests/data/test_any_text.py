"""Texts, labels and ids come through as they were given, whatever characters they hold."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from conftest import Cli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.soak.odd_texts import ODD
from sweepformer.data.sources.files import Files
from sweepformer.data.store import Store
from sweepformer.errors import UserError

SURROGATES = st.characters(categories=["Cs"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)


def written(path: Path, texts: list[str]) -> str:
    """As JSON lines, whose escapes can write any character."""
    path.write_text("\n".join(json.dumps({"text": text, "label": "x"}) for text in texts))
    return str(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1))
def test_any_text_is_read_as_it_is(tmp_path: Path, texts: list[str]) -> None:
    assert list(Files(written(tmp_path / "a.jsonl", texts)).read().train.texts) == texts
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": texts}), tmp_path / "a.parquet")
    rows = Files(str(tmp_path / "a.parquet")).read().train
    assert list(rows.texts) == texts
    assert list(rows.labels) == [text.strip() for text in texts]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(half=SURROGATES, around=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_half_a_surrogate_pair_is_no_text(tmp_path: Path, half: str, around: str) -> None:
    with pytest.raises(UserError, match="line 2: the text holds half of a surrogate pair"):
        Files(written(tmp_path / "a.jsonl", ["sound", f"{around}a{half}"])).read()


@pytest.mark.parametrize("tokenizer", ["wordpiece", "byte", "char"])
def test_odd_texts_and_labels_reach_store_and_predictions(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(tmp_path / "cache"))
    labels = ["\U0001f600 smile", "\u05e9\u05dc\u05d5\u05dd", "$x_$ {a} [/b]", "e\u0301"]
    texts = [f"{ODD[number % len(ODD)]} number {number}" for number in range(80)]
    rows = [{"text": text, "label": labels[number % 4]} for number, text in enumerate(texts)]
    path = tmp_path / "odd.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    result = cli(*tiny, f"data.train_file={path}", f"tokenizer={tokenizer}", "logger=tensorboard")
    assert result.code == 0, result.screen
    assert "Glyph" not in result.screen
    (folder,) = (one for one in (tmp_path / "cache").iterdir() if one.is_dir())
    splits = Store.open(folder).splits.values()
    kept = {int(number): text for split in splits for number, text in zip(split.ids, split.texts, strict=True)}
    assert kept == {number: row["text"] for number, row in enumerate(rows, 1)}
    assert sorted(json.loads((result.directory / "labels.json").read_text(encoding="utf-8"))) == sorted(labels)
    predictions = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pylist()
    assert all(one["label"] == rows[int(one["id"]) - 1]["label"] for one in predictions)


@pytest.mark.parametrize(
    ("long", "tokenizer"),
    [(("word" * 25 + " \U0001f600 ") * 100_000, "word"), ("x" * 10_000_000, "wordpiece")],
    ids=["words", "one-word"],
)
def test_a_line_of_ten_megabytes_is_a_row_like_others(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: str, tokenizer: str
) -> None:
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(tmp_path / "cache"))
    lines = ["text,label", f"{long},a", *(f"number {number},{'ab'[number % 2]}" for number in range(40))]
    (tmp_path / "long.csv").write_text("\n".join(lines), encoding="utf-8")
    result = cli(*tiny, f"data.train_file={tmp_path}/long.csv", f"tokenizer={tokenizer}")
    assert result.code == 0, result.screen
    (folder,) = (one for one in (tmp_path / "cache").iterdir() if one.is_dir())
    assert any(long in split.texts for split in Store.open(folder).splits.values())
