"""Columns on disk behave as lists do."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepformer.data.columns import Categories, Strings, StringsWriter, save_strings

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=30)


def written(texts: list[str]) -> Strings:
    writer = StringsWriter()
    for text in texts:
        writer.append(text)
    return writer.finish()


@given(TEXTS, st.randoms(use_true_random=False))
def test_strings_are_a_list(texts: list[str], random) -> None:
    strings = written(texts)
    assert (list(strings), len(strings)) == (texts, len(texts))
    assert strings[1:-1] == texts[1:-1]
    order = list(range(len(texts)))
    random.shuffle(order)
    assert list(strings.select(np.array(order, dtype=int))) == [texts[number] for number in order]


def test_strings_are_found_again_and_a_cut_file_is_noticed(tmp_path: Path) -> None:
    save_strings(["a", "", "ü\n"], tmp_path / "texts")
    assert list(Strings.open(tmp_path / "texts")) == ["a", "", "ü\n"]
    (tmp_path / "texts").write_bytes(b"a")
    with pytest.raises(ValueError, match="cut short"):
        Strings.open(tmp_path / "texts")


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.data())
def test_categories_are_a_list_whose_names_are_sorted(labels: list[str], data: st.DataObject) -> None:
    categories = Categories.of(labels)
    assert (list(categories), categories.names) == (labels, sorted(set(labels)))
    assert categories.counts.tolist() == [labels.count(name) for name in categories.names]
    chosen = data.draw(st.lists(st.integers(0, len(labels) - 1)))
    part = categories.select(np.array(chosen, dtype=int))
    assert list(part) == [labels[number] for number in chosen]
    assert part.names == sorted(set(part))
