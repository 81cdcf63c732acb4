"""Tags of spans are read in one way, whether or not they are valid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepformer.data.spans import doubtful_tag, rewritten, scheme_of, spans_of


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-PER", "I-PER"], "BIO"),
        (["I-PER", "O"], "BIO"),
        (["B-a-b", "E-a-b", "O"], "BIOES"),
        (["U-x", "O"], "BILOU"),
        (["NOUN", "O"], None),
        (["B-x", "X-y"], None),
        (["B", "I", "O"], None),
        (["O"], None),
    ],
)
def test_the_scheme_is_told_by_the_tags(tags: list[str], scheme: str | None) -> None:
    assert scheme_of(tags) == scheme


@pytest.mark.parametrize(
    ("tags", "odd"),
    [
        ("O B-PER I-PER B-LOC BPER", "BPER"),
        ("O B-PER I-PER o", "o"),
        ("O B-PER M-PER E-PER S-PER", "M-PER"),
        ("O B_PER I_PER", "B_PER"),
        ("O b-PER i-PER", "b-PER"),
        ("O B-PER E-PER L-PER", "B-PER"),
        ("O B-PER I-PER", None),
        ("NOUN VERB O", None),
        ("B-x X-y Z", None),
        ("O", None),
    ],
)
def test_tags_that_only_look_like_those_of_spans_are_doubtful(tags: str, odd: str | None) -> None:
    assert doubtful_tag(tags.split()) == odd


@pytest.mark.parametrize(
    ("scheme", "given_tags", "valid"),
    [
        ("BIO", "O I-A I-A", "O B-A I-A"),
        ("BIO", "B-A I-B I-B", "B-A B-B I-B"),
        ("BIO", "B-A B-A I-A O", "B-A B-A I-A O"),
        ("BIOES", "O I-A E-A", "O B-A E-A"),
        ("BIOES", "E-A O", "S-A O"),
        ("BIOES", "B-A O", "S-A O"),
        ("BIOES", "B-A E-A I-A E-A", "B-A E-A B-A E-A"),
        ("BIOES", "S-A S-A B-A I-A E-A", "S-A S-A B-A I-A E-A"),
        ("BILOU", "U-A I-A", "U-A U-A"),
    ],
)
def test_a_tag_that_goes_on_with_nothing_begins_a_span(scheme: str, given_tags: str, valid: str) -> None:
    assert rewritten(given_tags.split(), scheme) == valid.split()


STATES = {"BIO": "BI", "BIOES": "BIES", "BILOU": "BILU"}


@given(st.data(), st.sampled_from(sorted(STATES)))
def test_whatever_was_repaired_is_valid_and_means_the_same(data: st.DataObject, scheme: str) -> None:
    tags = st.sampled_from(["O", *(f"{state}-{kind}" for state in STATES[scheme] for kind in "AB")])
    row = data.draw(st.lists(tags, min_size=1, max_size=8))
    valid = rewritten(row, scheme)
    assert spans_of(valid) == spans_of(row)
    assert rewritten(valid, scheme) == valid
    assert [tag == "O" for tag in valid] == [tag == "O" for tag in row]
