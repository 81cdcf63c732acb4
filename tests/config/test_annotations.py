"""Values of a wrong kind are refused before anything is built of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Optional, Union

import pytest

from sweepformer.config.build import annotations_of, build, fits, in_words
from sweepformer.errors import UserError


@pytest.mark.parametrize(
    ("annotation", "sound", "wrong"),
    [
        (int, [1, -3, 2.0], ["1", 2.5, True, None, [1], {}]),
        (float, [1, 0.5], ["1", True, None]),
        (bool, [True], [1, "true", None]),
        (str | None, ["a", None], [1, True, ["a"]]),
        (Optional[Union[int, float]], [1, 0.5, None], ["all"]),  # noqa: UP007, UP045  # as Lightning writes it
        (Union[bool, Literal["warn"], None], [True, "warn", None], ["warm", 1]),  # noqa: UP007
        (Sequence[int] | None, [[1, 2], None], [[1, "a"], 1, "12"]),
        (dict[str, float], [{"a": 1}], [[1]]),
        (Callable[[str], str], [{"_target_": "builtins.str"}], ["str", 5, {}]),
        (str | Path, ["a", ["a"]], [5, None]),  # of a list something may be made
        (Any, [1, "a", None], []),
    ],
)
def test_kinds_are_told_apart(annotation: Any, sound: list[Any], wrong: list[Any]) -> None:
    assert all(fits(value, annotation) for value in sound)
    assert not any(fits(value, annotation) for value in wrong)


def test_what_is_asked_for_is_said_in_words() -> None:
    assert in_words(int | None) == "a whole number or null"
    assert in_words(Literal["min", "max"]) == "min or max"


def test_a_value_of_a_wrong_kind_is_named_with_its_key() -> None:
    config = {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "monitor": "val_loss", "patience": "many"}
    with pytest.raises(UserError, match=r"callbacks\.early_stopping\.patience='many' must be a whole number\."):
        build("callbacks.early_stopping", config)


def test_lightnings_own_annotations_can_be_read() -> None:
    from pytorch_lightning import Trainer

    assert {"max_epochs", "devices", "limit_val_batches"} <= annotations_of(Trainer).keys()
