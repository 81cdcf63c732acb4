"""The built-in default: what the US calls diseases."""

import re
import warnings
from importlib.metadata import version

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform
from sweepformer.data.rows import RawSplits, Rows


class Icd10:
    """58,645 descriptions of ICD-10-CM codes in 21 chapters, grouped by three-character category.

    The list is the US government's (public domain), carried by the package simple-icd-10-cm. A row is the
    description of a code or one of the terms listed under it. Left out are the seventh-character extensions
    ("initial encounter"), which repeat one text many times, chapter 22 (five special codes), and texts that
    differ from an earlier one in case or punctuation only.

    Args:
        max_rows: about so many rows, drawn at random from every chapter; None: all.
        transform: called on every raw text.
    """

    labels = LabelKind.CLASS  # of each row

    def __init__(self, max_rows: int | None = None, transform: Transform | None = None) -> None:
        self.max_rows, self.transform = max_rows, transform or str

    def fingerprint(self) -> str:
        return f"simple-icd-10-cm=={version('simple-icd-10-cm')}|{self.max_rows}"

    def read(self) -> RawSplits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports a deprecated part of setuptools
            import simple_icd_10_cm as icd

        texts, labels, ids, groups = [], [], [], []
        seen: set[str] = set()
        chapter = ""
        for code in icd.get_all_codes(True):
            if icd.is_chapter(code):
                title = icd.get_description(code)
                chapter = "" if code == "22" else re.sub(r"\s*\([A-Z]\w+-[A-Z]\w+\)$", "", title)
            # Some blocks hold a single category and go by its code: those are categories, not headings.
            if not chapter or not icd.is_category_or_subcategory(code) or icd.is_extended_subcategory(code):
                continue
            for number, text in enumerate([icd.get_description(code), *icd.get_inclusion_term(code)]):
                key = re.sub(r"[^\w]+", " ", text.lower()).strip()
                if key in seen:
                    continue
                seen.add(key)
                texts.append(self.transform(text))
                labels.append(chapter)
                ids.append(code if number == 0 else f"{code}#{number}")
                groups.append(code[:3])
        return RawSplits(train=self._subset(Rows(texts, labels, ids, groups, origin="icd10")))

    def _subset(self, rows: Rows) -> Rows:
        if self.max_rows is None or self.max_rows >= len(rows):
            return rows
        random = np.random.default_rng(0)
        assert rows.groups is not None
        groups = rows.groups.codes
        kept: list[int] = []
        for label in rows.labels.names:  # each chapter keeps its share, and enough to be split
            members = np.flatnonzero(rows.labels.rows_named(label))
            share = max(round(self.max_rows * len(members) / len(rows)), 6)
            order = random.permutation(np.unique(groups[members]))
            # A few rows of many categories, not all of a few: a split cuts between categories.
            each = max(1, -(-share // len(order)))
            chosen = [one for name in order for one in random.permutation(members[groups[members] == name])[:each]]
            kept += chosen[:share]
        return rows.select(np.sort(kept))
