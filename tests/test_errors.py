"""Errors of libraries, as they come."""

import pytest

from sweepformer.errors import comes_of_ctrl_c


def test_ctrl_c_is_found_however_deep() -> None:
    half_done = OSError()
    half_done.__context__ = KeyboardInterrupt()
    error = ValueError()
    error.__cause__ = half_done
    assert comes_of_ctrl_c(error)
    assert not comes_of_ctrl_c(ValueError())


@pytest.mark.timeout(20)
def test_an_error_that_is_its_own_cause_has_an_end() -> None:
    """OmegaConf's are while a debugger traces the program."""
    error = ValueError()
    error.__cause__ = error
    assert not comes_of_ctrl_c(error)
