"""What is said of a command before Hydra reads it, and in place of what Hydra would say."""

import pytest

from sweepformer.commands.command_check import flags_first, with_quotes


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


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("data.sentence_column=Sentence #", 'data.sentence_column="Sentence #"'),
        ("data.separator=;", 'data.separator=";"'),
        ("data.separator=,", 'data.separator=","'),
        ("data.train_file=été (1).csv", 'data.train_file="été (1).csv"'),
        ("data.train_file=a b.csv", "data.train_file=a b.csv"),
        ("seed=0,1", "seed=0,1"),
        ("model.dropout=choice(0.1", "model.dropout=choice(0.1"),
        ("data.label_column=[a,b", "data.label_column=[a,b"),
        ("-m", "-m"),
    ],
)
def test_values_that_need_quotes_get_them(typed: str, given: str) -> None:
    assert with_quotes([typed]) == [given]
