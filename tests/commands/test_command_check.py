"""What is said of a command before Hydra reads it, and in place of what Hydra would say."""

import json
from pathlib import Path

import pytest
from conftest import Cli, write_rows
from test_bad_input import assert_clear

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


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.label_column=a,b"], ["add -m", "'data.label_column=[a,b]'", "'data.label_column=\"a,b\"'"]),
        (["~data.long_rows"], ["data.truncation now"]),
        (["~data.nosuch"], ["~data.nosuch: there is no such key here"]),
        (["task.mode=maximum"], ["task.mode=maximum", "max, min", "null"]),
        (["hydra/launcher=joblib", "hydra.launcher.backend=loky"], ["hydra/launcher=joblib has: n_jobs, isolate"]),
        (["task.class_weights={Injury, poisoning: 5}"], ["no weight for Injury", '{"Injury, poisoning": 5}']),
        (["task.class_weights={nul: 5}"], ["there is no class nul"]),
    ],
)
def test_mistake_is_told_in_our_words(cli: Cli, tiny: tuple[str, ...], overrides: list[str], words: list[str]) -> None:
    assert_clear(cli(*tiny, *overrides), *words)


@pytest.mark.parametrize(
    ("label", "typed"),
    [
        ("True", "True"),
        ("true", "True"),
        ("null", "null"),
        ("1e3", "1e3"),
        ("1", "1.0"),
        ("Injury, poisoning", '"Injury, poisoning"'),
        ("isn't", "isn't"),
        ('say "a\\b"', "'say \"a\\b\"'"),
        ("a:b", "a:b"),
    ],
)
def test_classes_are_weighed_by_their_names_as_typed(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, label: str, typed: str
) -> None:
    rows = tmp_path / "labels.jsonl"
    texts = [{"text": f"row {n} is {n % 2}", "label": (label, "other")[n % 2]} for n in range(60)]
    rows.write_text("\n".join(map(json.dumps, texts)) + "\n")
    result = cli(*tiny, f"data.train_file={rows}", f"task.class_weights={{{typed}: 5}}")
    assert result.code == 0, result.screen


def test_a_relative_file_is_where_it_was_typed_whatever_the_runs_folder(cli: Cli, tiny: tuple[str, ...]) -> None:
    write_rows(Path("here.csv"))
    assert cli(*tiny, "data.train_file=here.csv", "hydra.job.chdir=true").code == 0


def test_too_few_rows_of_a_class_to_cut_by_groups_are_told(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    rows = tmp_path / "grouped.jsonl"
    texts = [{"text": f"row {n}", "label": f"c{n % 4}", "group": f"g{n}"} for n in range(32)]
    rows.write_text("\n".join(map(json.dumps, texts)) + "\n")
    assert_clear(
        cli(*tiny, f"data.train_file={rows}", "data.group_column=group"), "32 rows", "at most 8", "data.max_rows"
    )
