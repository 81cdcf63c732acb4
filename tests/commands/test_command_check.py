"""What is said of a command before Hydra reads it, and in place of what Hydra would say."""

import pytest

from sweepformer.commands.command_check import flags_first


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("model=tiny -m seed=0,1", "-m model=tiny seed=0,1"),
        ("seed=0 ~pretrain --config-dir a=b +x=-m -m", "--config-dir a=b -m seed=0 ~pretrain +x=-m"),
        ("--cfg job seed=0 --info all x.y=[-1]", "--cfg job --info all seed=0 x.y=[-1]"),
        ("--config-dir=a=b -cd c=d seed=0", "--config-dir=a=b -cd c=d seed=0"),
    ],
)
def test_a_flag_may_stand_anywhere(typed: str, read: str) -> None:
    assert flags_first(typed.split()) == read.split()
