"""The sources that come inside packages."""

import importlib.util
from collections import Counter

import pytest

from sweepformer.data.sources.bbc_news import BbcNews
from sweepformer.data.sources.icd10 import Icd10
from sweepformer.data.sources.peptides import Peptides
from sweepformer.errors import UserError


def test_icd10() -> None:
    rows = Icd10().read().train
    assert (len(rows), len(set(rows.labels)), len(set(rows.ids))) == (58_645, 21, 58_645)
    small = Icd10(max_rows=500).read().train
    assert len(small) < 6000
    assert len(set(small.labels)) == 21
    assert rows.groups is not None
    assert small.groups is not None
    sizes = Counter(rows.groups)
    assert all(sizes[group] == count for group, count in Counter(small.groups).items())


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
