"""What a user sees of steps that are skipped."""

import pytest
from conftest import Cli, whole_and_resumed

from benchmarks.soak.comparison import differences, scalars

OVERFLOW = ("allowed_packages=[misbehaving]", "+callbacks.overflow._target_=misbehaving.Overflow")


def test_skipped_steps_are_told_counted_and_not_counted_twice(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*tiny, *OVERFLOW, "+callbacks.overflow.steps=[2,9]", "trainer.max_epochs=3", "logger=tensorboard")
    stop = ("+callbacks.stop._target_=misbehaving.StopAtStep", "callbacks.checkpoint.every_n_train_steps=2")
    whole, resumed = whole_and_resumed(cli, (*command, *stop), 6, monkeypatch)
    assert whole.summary["skipped_steps"] == resumed.summary["skipped_steps"] == 2
    assert whole.summary["loss_spikes"] == whole.summary["fp16_overflows"] == 0
    assert differences(whole.directory, resumed.directory) == []
    assert scalars(whole.directory)["skipped_steps"] == [(3, 1.0), (10, 2.0)]
    assert whole.screen.count("warning: step 3 was skipped") == 1
    assert "was skipped" not in resumed.screen
    assert "steps skipped, gradients not finite" in whole.out
    assert 0 < whole.summary["metrics"]["train_loss"] < 2


def test_a_run_with_too_many_in_a_row_ends_as_diverged(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, *OVERFLOW, "+callbacks.overflow.steps=[2,3]", "callbacks.divergence.max_skipped=1")
    assert result.code == 1
    assert result.summary["status"] == "diverged"
    assert result.summary["skipped_steps"] == 2
    assert result.screen.count("training diverged") == 1
    assert "callbacks.divergence.max_skipped=1" in result.err
    assert "Traceback" not in result.screen


def test_weights_that_are_no_numbers_end_a_run(cli: Cli, tiny: tuple[str, ...]) -> None:
    bad = (
        "allowed_packages=[misbehaving]",
        "+callbacks.bad._target_=misbehaving.Misbehave",
        "+callbacks.bad.kind=diverge",
        "trainer.max_epochs=2",
    )
    result = cli(*tiny, *bad)
    assert result.code == 1
    assert result.summary["status"] == "diverged"
    assert "there are weights that are NaN or infinite" in result.err
