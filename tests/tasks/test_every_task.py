"""What holds for tasks of any kind: a stopped run goes on, runs of a sweep are ranked by the task's own metrics."""

import csv
from pathlib import Path

import pytest
import torch
from conftest import Cli, statuses
from task_rows import NUMBERS, SETS, write_numbers, write_sets

from sweepformer.analysis.comparison.comparison import Comparison, compare
from sweepformer.config.kinds import KINDS

TASKS = ["multilabel", "regression"]


def overrides(task: str, folder: Path) -> list[str]:
    if task == "multilabel":
        return [*SETS, f"data.train_file={write_sets(folder / 'sets.csv')}"]
    return [*NUMBERS, f"data.train_file={write_numbers(folder / 'numbers.jsonl')}"]


@pytest.mark.parametrize("task", TASKS)
def test_a_stopped_run_goes_on_to_the_same_state(cli: Cli, tiny: tuple[str, ...], tmp_path: Path, task: str) -> None:
    common = [*tiny, *overrides(task, tmp_path), "trainer.max_epochs=3"]
    common += [
        "allowed_packages=[misbehaving]",
        "+callbacks.stop._target_=misbehaving.StopOnce",
        f"+callbacks.stop.file={tmp_path / 'stopped'}",
    ]
    stopped = cli(*common)
    assert stopped.summary["error"]["message"] == "as planned"
    resumed = cli(*common)
    assert resumed.code == 0, resumed.screen
    assert "going on from" in resumed.out
    whole = cli(*common, f"hydra.run.dir={tmp_path / 'whole'}")
    one, other = (
        torch.load(result.directory / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for result in (whole, resumed)
    )
    for name, value in one.items():  # thresholds, means and scales among them
        same = torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
        assert same, name
    assert whole.summary["metrics"] == resumed.summary["metrics"]


@pytest.mark.parametrize("task", TASKS)
def test_a_sweep_ranks_by_the_tasks_own_metrics(cli: Cli, tiny: tuple[str, ...], tmp_path: Path, task: str) -> None:
    given = [one for one in (*tiny, *overrides(task, tmp_path)) if not one.startswith("model")]
    result = cli("-m", *given, "name=beside", "model=majority,tfidf,bag_of_ngrams,tiny", "trainer.max_epochs=2")
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "beside"
    assert set(statuses(sweep).values()) == {"completed"}
    with (sweep / "leaderboard.csv").open(encoding="utf-8") as file:
        ranked = list(csv.DictReader(file))
    kind = KINDS[task.capitalize()]
    assert {f"{split}_{name}" for split in ("val", "test") for name in kind.metrics} <= ranked[0].keys()
    order = [row["model"] for row in ranked]
    assert set(order) == {"majority", "tfidf", "bag_of_ngrams", "tiny"}
    assert order.index("tfidf") < order.index("majority")
    compared = compare([sweep])
    assert isinstance(compared, Comparison)
    assert compared.tested.unknown == {}  # predictions.parquet gives the metrics that were measured
    assert len(compared.tested.pairs) == 3
