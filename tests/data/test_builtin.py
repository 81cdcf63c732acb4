"""The sources that come inside packages."""

import importlib.util
from collections import Counter

import pytest

from sweepformer.data.rows import RawSplits
from sweepformer.data.sources.bbc_news import BbcNews
from sweepformer.data.sources.icd10 import Icd10
from sweepformer.data.sources.peptides import Peptides
from sweepformer.data.splits import make_splits
from sweepformer.errors import UserError


def test_icd10() -> None:
    rows = Icd10().read().train
    assert (len(rows), len(set(rows.labels)), len(set(rows.ids))) == (58_645, 21, 58_645)


@pytest.mark.parametrize("max_rows", [500, 6000, None])
def test_icd10_is_cut_into_splits_that_are_alike(max_rows: int | None) -> None:
    rows = Icd10(max_rows=max_rows).read().train
    assert len(rows) == pytest.approx(max_rows or 58_645, rel=0.02)
    splits, _ = make_splits(RawSplits(rows))
    shares = [Counter(part.labels) for part in (splits.train, splits.val, splits.test)]
    for label in splits.classes:
        train, val, test = (counts[label] / counts.total() for counts in shares)
        assert train == pytest.approx(val, abs=0.02)
        assert train == pytest.approx(test, abs=0.02)
    assert splits.train.groups
    assert splits.test.groups
    assert not set(splits.train.groups) & set(splits.test.groups)


def test_bbc_news() -> None:
    rows = BbcNews().read().train
    assert (len(rows), len(set(rows.labels))) == (2_225, 5)
    assert len(rows) - len(set(zip(rows.texts, rows.labels, strict=True))) == 98
    assert "£15.8m" in rows.texts[rows.ids.index("sports/199.txt")]


def test_peptides() -> None:
    rows = Peptides().read().train
    assert Counter(rows.labels) == {"antimicrobial": 2_600, "other": 2_600}
    assert set("".join(rows.texts)) <= set("ACDEFGHIKLMNPQRSTVWYX")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepformer.data.sources.packages.find_spec", lambda name: None)
    assert importlib.util.find_spec("modlamp") is not None
    with pytest.raises(UserError, match=r"\.\[corpora\]"):
        BbcNews().read()


def test_bbc_news_is_decoded_right() -> None:
    """One article is Latin-1 and 646 hold UTF-8 beyond ASCII: neither may be read as the other."""
    texts = BbcNews().read().train.texts
    assert sum("£" in text for text in texts) > 300
    assert not any("Â£" in text or "\ufffd" in text for text in texts)
