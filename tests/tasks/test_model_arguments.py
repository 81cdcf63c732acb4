"""What of a model goes by the task."""

from typing import Any

import pytest

from sweepformer.config.kinds import KINDS
from sweepformer.tasks.model_arguments import model_options

WEIGHED = {"class_weights": "balanced"}
BALANCED = {"sampling": "balanced"}


@pytest.mark.parametrize(
    ("kind", "enabled", "task", "data", "stem"),
    [
        ("Classification", None, {}, {}, "none"),
        ("Classification", None, WEIGHED, {}, "convolution"),
        ("Classification", None, {}, BALANCED, "convolution"),
        ("Classification", True, WEIGHED, BALANCED, "none"),
        ("Classification", False, {}, {}, "convolution"),
        ("Multilabel", None, {}, {}, "convolution"),
        ("Regression", None, {}, {}, "convolution"),
        ("Tagging", None, {}, {}, "convolution"),
        ("MaskedLM", None, {}, {}, "none"),
        ("LanguageModeling", None, {}, {}, "none"),
    ],
)
def test_encoders_that_answer_alone_have_a_convolution(
    kind: str, enabled: bool | None, task: dict[str, Any], data: dict[str, Any], stem: str
) -> None:
    def made(asked: str | None) -> Any:
        config = {"model": {"stem": asked, "wide": {"enabled": enabled}}, "task": task, "data": data}
        return model_options(config, KINDS[kind])["stem"]

    assert made(None) == stem
    assert (made("none"), made("convolution")) == ("none", "convolution")


def test_models_that_know_no_stem_are_given_none_of_it() -> None:
    assert model_options({"model": {"buckets": 9}, "task": {}, "data": {}}, KINDS["Classification"]) == {"buckets": 9}
