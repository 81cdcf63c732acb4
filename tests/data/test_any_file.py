"""Whatever a file holds: its rows are in the splits, each once and as it was given, or the user is told why not."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.soak.data_files import Read, simply_read
from benchmarks.soak.files import difference
from benchmarks.soak.mangling import LONG, draw
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.conll import Conll
from sweepformer.data.sources.files import Files
from sweepformer.data.splits import make_splits
from sweepformer.errors import UserError


def shown(rows: Rows, labelled: str) -> list[Read]:
    match labelled:
        case "class":
            labels = list(rows.labels)
        case "number":
            labels = rows.labels.values.tolist()
        case "nothing":
            labels = [None] * len(rows)
        case _:
            names, starts = list(rows.labels.categories), rows.labels.offsets.tolist()
            labels = [names[start:end] for start, end in pairwise(starts)]
    return list(zip(rows.ids, rows.texts, labels, strict=True))


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(number=st.integers(0, 1_000_000))
def test_a_mangled_file_is_read_as_it_is_or_explained(tmp_path_factory, number: int) -> None:
    mangled = draw(0, number)
    if mangled.content is None or len(mangled.content) > LONG / 2:
        return  # tests/test_reliability.py has these
    path = tmp_path_factory.mktemp("any") / mangled.name
    path.write_bytes(mangled.content)
    try:
        source = Conll(str(path)) if ".conll" in mangled.name else Files(str(path), labelled=mangled.labelled)
        source.fingerprint()
        splits, report = make_splits(source.read(), labelled=mangled.labelled)
    except UserError:
        return
    except ValueError as error:
        raise AssertionError(mangled.done) from error
    read = {split: shown(getattr(splits, split), mangled.labelled) for split in ("train", "val", "test")}
    assert sum(report.rows.values()) == sum(map(len, read.values()))
    try:
        expected = simply_read(mangled.content, mangled.name, mangled.labelled)
    except Exception:  # what only the program's own reader takes
        return
    dropped = report.duplicates_dropped + report.conflicts_dropped
    assert sum(report.rows.values()) + dropped == len(expected)
    assert difference(read, expected, None) is None, mangled.done


@given(texts=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.sampled_from("ab")), min_size=8))
@settings(max_examples=100)
def test_splits_of_any_texts_share_none(texts: list[tuple[str, str]]) -> None:
    rows = Rows(
        [text for text, _ in texts], [label for _, label in texts], [str(number) for number in range(len(texts))]
    )
    try:
        splits, report = make_splits(RawSplits(rows))
    except UserError:
        return
    parts = [set(getattr(splits, split).texts) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len({text for text, _ in texts})
    assert sum(report.rows.values()) + report.duplicates_dropped + report.conflicts_dropped == len(texts)
