"""Every YAML under conf/ and experiments/ is selected and trained for a few steps: a new file needs no new test."""

from pathlib import Path

import pytest
import torch
from conftest import EXPERIMENTS, ROOT, Cli, write_rows, write_tagged
from task_rows import write_numbers

NOT_GROUPS = {"shared", "experiment", "hydra"}
OPTIONS = sorted(
    (path.parent.name, path.stem) for path in (ROOT / "conf").glob("*/*.yaml") if path.parent.name not in NOT_GROUPS
)
FEW_STEPS = ("debug=fast", "data.batch_size=4", "data.eval_batch_size=4", "logger=csv")
OF_TAGS = {("task", "tagging"), ("data", "conll"), ("model", "word_features")}
NEEDS_GPU = {("trainer", "gpu"), ("trainer", "fsdp")}


def extra(group: str, option: str, folder: Path) -> list[str]:
    """What an option can't do without."""
    if (group, option) in OF_TAGS:
        needed = {"data": "data=conll", "task": "task=tagging"}
        chosen = [choice for key, choice in needed.items() if key != group]
        return [*chosen, f"data.train_file={write_tagged(folder / 'rows.conll')}"]
    rows = write_rows(folder / "rows.csv", 60)
    if (group, option) == ("data", "folder"):
        for number, line in enumerate(rows.read_text().split("\n")[1:-1]):
            text, label = line.split(",")
            (folder / "root" / label).mkdir(parents=True, exist_ok=True)
            (folder / "root" / label / f"{number}.txt").write_text(text)
        return [f"data.root={folder}/root"]
    if (group, option) == ("data", "hub"):
        import datasets

        columns = [line.split(",") for line in rows.read_text().split("\n")[1:-1]]
        table = {"text": [text for text, _ in columns], "label": [label for _, label in columns]}
        datasets.Dataset.from_dict(table).save_to_disk(str(folder / "saved"))
        return [f"data.path={folder}/saved"]
    data = [] if group == "data" and option != "files" else [f"data.train_file={rows}"]
    if group != "data":
        data.append("data=files")
    if (group, option) == ("tokenizer", "pretrained"):
        from sweepformer.data.tokenizer import make_tokenizer

        make_tokenizer(["red green blue"], "word", 50, 1, True, None).save(str(folder / "tokenizer.json"))
        data.append(f"tokenizer.path={folder}/tokenizer.json")
    if (group, option) == ("task", "regression"):
        data = [f"data.train_file={write_numbers(folder / 'numbers.jsonl', 60)}", "data=files"]
    if (group, option) == ("trainer", "ddp"):
        data += ["trainer.accelerator=cpu", "trainer.strategy=ddp_fork", "trainer.devices=2"]
    return data


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda value: value)
def test_option_trains(cli: Cli, tmp_path: Path, group: str, option: str) -> None:
    arguments = [f"{group}={option}", *extra(group, option, tmp_path)]
    if group != "model":
        arguments.append("model=tiny")
    if group != "tokenizer":
        arguments.append("tokenizer.vocab_size=2000")
    given = {argument.split("=")[0] for argument in arguments}
    arguments += [argument for argument in FEW_STEPS if argument.split("=")[0] not in given]
    if group == "debug":
        arguments = [argument for argument in arguments if argument != "debug=fast"]
    if option in ("large", "xlarge"):  # the width is what is tried here, not patience
        arguments += ["model.max_length=32", "model.num_layers=1"]
    result = cli(*arguments)
    if (group, option) in NEEDS_GPU and not torch.cuda.is_available():
        assert result.code == 1
        assert "GPU" in result.err
        assert "Traceback" not in result.screen
        return
    assert result.code == 0, result.screen
    assert result.summary["status"] == "completed"
    assert result.summary["parameters"] >= 1
    assert result.summary["metrics"]["test_loss"] >= 0
    assert 0 <= result.summary["metrics"].get("test_acc", 0) <= 1


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: "/".join(option))
def test_option_says_what_it_is_for(option: tuple[str, str]) -> None:
    from sweepformer.commands.run import first_comment

    assert len(first_comment(ROOT / "conf" / option[0] / f"{option[1]}.yaml")) > 10


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_composes_and_trains(cli: Cli, tmp_path: Path, name: str) -> None:
    rows = write_rows(tmp_path / "rows.csv", 60)
    result = cli(f"experiment={name}", "data=files", f"data.train_file={rows}", "debug=fast", "data.batch_size=8")
    assert result.code == 0, result.screen
    assert result.summary["status"] == "completed"
