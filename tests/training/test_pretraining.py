"""Learning from texts alone, and beginning with what that came to."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from conftest import Cli, decided, statuses
from omegaconf import OmegaConf

from sweepformer import load
from sweepformer.config.composing import plain
from sweepformer.config.pretraining import first_config
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.runs.directory import RunDirectory

SHAPE = ("model=tiny", "model.embedding_dim=32", "model.dim_feedforward=64", "model.num_layers=1", "model.dropout=0.0")
QUICK = (*SHAPE, "trainer=cpu", "data.batch_size=16", "tokenizer=word", "callbacks=minimal", "logger=none")


@pytest.fixture
def texts(tmp_path: Path) -> tuple[str, ...]:
    """Rows in which nearly every word tells the next: 24 words, all about as frequent, two to follow each."""
    draw = random.Random(0)
    lines = ["text,label"]
    for _ in range(400):
        word, words = draw.randrange(24), []
        for _ in range(14):
            words.append(f"w{word}")
            word = (2 * word + draw.randrange(2)) % 24
        lines.append(f"{' '.join(words)},{'even' if word % 2 else 'odd'}")
    (tmp_path / "texts.csv").write_text("\n".join(lines) + "\n")
    return (*QUICK, "data=files", f"data.train_file={tmp_path}/texts.csv")


@pytest.fixture
def pretrained(cli: Cli, texts: tuple[str, ...]) -> str:
    """A short pretraining run; the folder."""
    result = cli(*texts, "task=masked_lm", "task.stratify_by=class", "trainer.max_epochs=1", "hydra.run.dir=pre")
    assert result.code == 0, result.screen
    return "pre"


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    return {name: value for name, value in state.items() if name.startswith("model.encoder")}


@pytest.mark.parametrize(("task", "share"), [("language_modeling", 0.25), ("masked_lm", 0.5)])
def test_tokens_are_told_far_better_than_by_their_frequency(
    cli: Cli, texts: tuple[str, ...], task: str, share: float
) -> None:
    result = cli(*texts, f"task={task}", "trainer.max_epochs=12", "optimizer.lr=1e-2", "logger=tensorboard")
    assert result.code == 0, result.screen
    metrics = result.summary["metrics"]
    assert "to beat: test perplexity 2" in result.out
    assert metrics["test_perplexity"] < 24 * share
    assert metrics["test_perplexity"] == pytest.approx(np.exp(metrics["test_loss"]), rel=1e-4)
    assert Path(result.summary["best_checkpoint"]).name.startswith("model-epoch=")
    assert "val_loss=" in result.summary["best_checkpoint"]
    table = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pandas()
    assert list(table.columns) == ["id", "loss", "tokens"]
    assert (table.loss * table.tokens).sum() / table.tokens.sum() == pytest.approx(metrics["test_loss"], rel=1e-4)


def test_masks_are_the_same_however_rows_are_batched_or_packed(
    cli: Cli, texts: tuple[str, ...], tmp_path: Path
) -> None:
    found = []
    for name, option in (("a", "data.eval_batch_size=7"), ("b", "data.eval_batch_size=64")):
        result = cli(*texts, "task=masked_lm", "trainer.max_epochs=1", option, f"hydra.run.dir={tmp_path}/{name}")
        found.append(result.summary["metrics"]["test_loss"])
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    packed = cli(*texts, "task=masked_lm", "trainer.max_epochs=1", "model.attention=varlen")
    assert packed.code == 0, packed.screen
    assert packed.summary["padding_share"] == 0


def test_processes_measure_the_whole_split(cli: Cli, texts: tuple[str, ...]) -> None:
    two = ("trainer.strategy=ddp_fork", "trainer.devices=2")
    result = cli(*texts, "task=language_modeling", "trainer.max_epochs=1", *two)
    assert result.code == 0, result.screen
    table = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pandas()
    mean = (table.loss * table.tokens).sum() / table.tokens.sum()
    assert result.summary["metrics"]["test_perplexity"] == pytest.approx(np.exp(mean), rel=1e-4)


def test_encoder_and_tokenizer_are_taken_over_bit_for_bit(
    cli: Cli, texts: tuple[str, ...], pretrained: str, tmp_path: Path
) -> None:
    """Frozen, they are still the same when training is over."""
    other = ("tokenizer=word", "model.max_length=20", "model.frozen_layers=1", "trainer.max_epochs=1")
    result = cli(*texts, *other, f"model.init_from={pretrained}")
    assert result.code == 0, result.screen
    assert "begins with the encoder and the tokenizer of pre" in result.out
    assert "may have read this run's test texts" not in result.screen
    best = tmp_path / "pre" / json.loads((tmp_path / "pre" / "summary.json").read_text())["best_checkpoint"]
    before, after = weights(best), weights(result.directory / "checkpoints" / "last.ckpt")
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert (result.directory / "tokenizer.json").read_text() == (tmp_path / "pre" / "tokenizer.json").read_text()
    recorded = json.loads((result.directory / "environment.json").read_text())["begins_with"]
    assert recorded["path"] == "pre"
    trained = cli(*texts, "trainer.max_epochs=1", f"model.init_from='{best}'", f"hydra.run.dir={tmp_path}/trained")
    assert trained.code == 0, trained.screen
    moved = weights(trained.directory / "checkpoints" / "last.ckpt")
    assert not any(torch.equal(value, moved[name]) for name, value in before.items() if "weight" in name)


def test_an_encoder_brings_its_stem(cli: Cli, texts: tuple[str, ...], pretrained: str) -> None:
    alone = (*texts, "task.class_weights=balanced", "trainer.max_epochs=1")
    assert decided(cli(*alone, "hydra.run.dir=new").directory)["model.stem"] == "convolution"
    result = cli(*alone, f"model.init_from={pretrained}", "hydra.run.dir=begun")
    assert result.code == 0, result.screen
    assert decided(result.directory)["model.stem"] == "none"
    assert "as that encoder has it" in result.out
    assert load("begun").predict(["w1 w2"])[0] in ("even", "odd")


def test_what_auto_became_may_be_named_and_nothing_else(cli: Cli, texts: tuple[str, ...]) -> None:
    short = (*texts, "trainer.limit_train_batches=1")
    assert cli(*short, "task=masked_lm", "tokenizer=auto", "hydra.run.dir=auto").code == 0
    named = cli(*short, "model.init_from=auto", "tokenizer=wordpiece")
    assert named.code == 0, named.screen
    refused = cli(*short, "model.init_from=auto", "tokenizer=word", "hydra.run.dir=other")
    assert refused.code == 1
    assert "(tokenizer=wordpiece)" in refused.err
    assert "tokenizer.kind=word asks for another" in refused.err


def test_sines_of_another_size_are_refused(cli: Cli, texts: tuple[str, ...]) -> None:
    short = (*texts, "trainer.limit_train_batches=1", "model.positional_encoding=sinusoidal")
    assert cli(*short, "task=masked_lm", "model.embedding_std=1", "hydra.run.dir=sines").code == 0
    refused = cli(*short, "model.init_from=sines")
    assert refused.code == 1
    assert "model.embedding_std: 1.0 there, 0.2 here" in refused.err


def test_another_tokenizer_than_the_encoders_is_refused(
    cli: Cli, texts: tuple[str, ...], pretrained: str, tmp_path: Path
) -> None:
    result = cli(*texts, f"model.init_from={pretrained}", "tokenizer=char")
    assert result.code == 1
    assert "tokenizer.kind=char" in result.err
    assert "tokenizer=word" in result.err
    its_own = ("tokenizer=pretrained", f"tokenizer.path={tmp_path}/pre/tokenizer.json", "hydra.run.dir=own")
    taken = cli(*texts, f"model.init_from={pretrained}", "trainer.max_epochs=1", *its_own)
    assert taken.code == 0, taken.screen
    assert "capitals are not seen" not in taken.screen
    cased = ("tokenizer.lowercase=false", "hydra.run.dir=cased")
    warned = cli(*texts, f"model.init_from={pretrained}", "trainer.max_epochs=1", *cased)
    assert "capitals are not seen" in warned.out


def test_what_was_loaded_is_part_of_what_a_run_is(
    cli: Cli, texts: tuple[str, ...], pretrained: str, tmp_path: Path
) -> None:
    command = (*texts, "trainer.max_epochs=1", f"model.init_from={pretrained}")
    assert cli(*command).code == 0
    assert "nothing to do" in cli(*command).out
    longer = ("trainer.max_epochs=2", "hydra.run.dir=longer")
    assert cli(*texts, "task=masked_lm", *longer).code == 0
    best = tmp_path / "pre" / json.loads((tmp_path / "pre" / "summary.json").read_text())["best_checkpoint"]
    best.write_bytes((tmp_path / "longer" / "checkpoints" / "last.ckpt").read_bytes())
    again = cli(*command)
    assert again.code == 1
    assert "model.init_from.sha256" in again.err


def test_an_encoder_of_another_shape_is_told_parameter_by_parameter(
    cli: Cli, texts: tuple[str, ...], pretrained: str
) -> None:
    result = cli(*texts, f"model.init_from={pretrained}", "model.embedding_dim=16", "model.num_layers=2")
    assert result.code == 1
    for line in (
        "model.embedding_dim: 32 there, 16 here",
        "encoder.embedding.tokens.weight: (28, 32) there, (28, 16) here",
        "encoder.blocks.0.attention.out.weight: (32, 32) there, (16, 16) here",
        "encoder.blocks.1.attention.out.weight: none there, (16, 16) here",
        "Give model.embedding_dim=32 model.num_layers=1",
    ):
        assert line in result.err
    assert "epoch 1" not in result.out
    heads = cli(*texts, f"model.init_from={pretrained}", "model.num_heads=4", "hydra.run.dir=heads")
    assert "model.num_heads: 2 there, 4 here" in heads.err, "same shapes, other numbers"


def test_what_can_not_be_begun_with_is_refused(
    cli: Cli, texts: tuple[str, ...], pretrained: str, tmp_path: Path
) -> None:
    nowhere = cli(*texts, "model.init_from=nowhere")
    assert "there is no run and no checkpoint" in nowhere.err
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "one").symlink_to(tmp_path / "pre")
    assert "name one:\n  group/one" in cli(*texts, "model.init_from=group").err
    assert "no checkpoint of a run" in cli(*texts, f"model.init_from={tmp_path}/texts.csv").err
    run = RunDirectory(tmp_path / "pre")
    run.write_summary(replace(run.read_summary(), status="interrupted"))
    interrupted = cli(*texts, "model.init_from=pre")
    assert "has not come to its end (interrupted)" in interrupted.err
    assert "task=masked_lm" in interrupted.err
    assert "hydra.run.dir=pre" in interrupted.err
    for result in (nowhere, interrupted):
        assert result.code == 1
        assert "Traceback" not in result.screen
    last = cli(*texts, "model.init_from=pre/checkpoints/last.ckpt", "trainer.max_epochs=1")
    assert last.code == 0, last.screen


def test_pretraining_on_the_test_texts_is_told(cli: Cli, texts: tuple[str, ...], tmp_path: Path) -> None:
    assert cli(*texts, "task=masked_lm", "trainer.max_epochs=1", "hydra.run.dir=pre").code == 0
    result = cli(*texts, "model.init_from=pre", "trainer.max_epochs=1")
    assert "may have read this run's test texts" in result.out
    assert "task.stratify_by=class" in result.out
    (tmp_path / "other.csv").write_text((tmp_path / "texts.csv").read_text().replace("w1", "v1"))
    without = (*(one for one in texts if "train_file" not in one), "model.init_from=pre", "trainer.max_epochs=1")
    for files in (["data.train_file=./texts.csv"], ["data.train_file=other.csv", "data.test_file=texts.csv"]):
        result = cli(*without, *files, f"hydra.run.dir=again{len(files)}")
        assert "read this run's test texts" in result.out, files


def test_a_path_with_an_equals_sign_is_told_how_to_be_quoted(cli: Cli, texts: tuple[str, ...]) -> None:
    result = cli(*texts, "model.init_from=pre/model-epoch=03.ckpt")
    assert result.code == 1
    assert """'model.init_from="pre/model-epoch=03.ckpt"'""" in result.err


def test_the_first_run_is_the_second_but_for_what_is_said_of_it() -> None:
    config = {
        "task": {"_target_": "sweepformer.tasks.classification.Classification", "monitor": "val_acc"},
        "model": {"num_layers": 4, "dropout": 0.3, "frozen_layers": 2},
        "optimizer": {"lr": 1e-3, "layer_decay": 0.8},
        "data": {"train_file": "a.csv", "sampling": "balanced", "truncation": "windows"},
        "callbacks": {"checkpoint": {"monitor": "${task.monitor}"}},
        "trainer": {"max_epochs": 3, "precision": "bf16-mixed"},
        "pretrain": {
            "task": {
                "_target_": "sweepformer.tasks.masked_lm.MaskedLM",
                "monitor": "val_loss",
                "stratify_by": "nothing",
            },
            "trainer": {"max_epochs": 20},
        },
    }
    first = plain(first_config(OmegaConf.create(config)))
    assert first["pretrain"] is None
    assert first["callbacks"]["checkpoint"]["monitor"] == "val_loss"
    assert first["trainer"] == {"max_epochs": 20, "precision": "bf16-mixed"}
    assert first["task"]["stratify_by"] == "class", "the same splits"
    assert first["model"] == {"num_layers": 4, "dropout": 0.3, "frozen_layers": None}
    assert first["optimizer"] == {"lr": 1e-3}
    assert first["data"] == {"train_file": "a.csv", "truncation": "head"}


@pytest.mark.parametrize(
    ("task", "stem"), [("classification.Classification", "none"), ("tagging.Tagging", "convolution")]
)
def test_the_first_run_has_the_stem_of_the_second(task: str, stem: str) -> None:
    config = {
        "task": {"_target_": f"sweepformer.tasks.{task}"},
        "model": {"stem": None, "wide": {"enabled": None}},
        "optimizer": {},
        "data": {},
        "pretrain": {"task": {"_target_": "sweepformer.tasks.masked_lm.MaskedLM"}},
    }
    assert plain(first_config(OmegaConf.create(config)))["model"] == {"stem": stem, "wide": {"enabled": False}}
    config["model"]["init_from"] = "another"
    assert plain(first_config(OmegaConf.create(config)))["model"]["stem"] is None, "that of the other"


ONE_COMMAND = ("experiment=pretrain_then_classify", "pretrain.trainer.max_epochs=2", "trainer.max_epochs=2")


@pytest.mark.parametrize("part", ["run/pretraining", "run"])
def test_one_command_pretrains_and_goes_on_wherever_it_was_stopped(
    cli: Cli, texts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    command = (
        *texts,
        *ONE_COMMAND,
        "allowed_packages=[misbehaving]",
        "+callbacks.stop._target_=misbehaving.InterruptPart",
    )
    whole = cli(*command, f"hydra.run.dir={tmp_path}/whole")
    assert whole.code == 0, whole.screen
    assert whole.summary["seconds"]["pretraining"] > 0
    monkeypatch.setenv("STOP_IN", part)
    stopped = cli(*command)
    assert stopped.code == 130
    assert stopped.summary["status"] == "interrupted"
    assert stopped.screen.count("interrupted: the same command") == 1
    monkeypatch.delenv("STOP_IN")
    resumed = cli(*command)
    assert resumed.code == 0, resumed.screen
    assert "going on from" in resumed.out
    for checkpoint in ("checkpoints/last.ckpt", "pretraining/checkpoints/last.ckpt"):
        undisturbed, again = weights(whole.directory / checkpoint), weights(resumed.directory / checkpoint)
        assert all(torch.equal(value, again[name]) for name, value in undisturbed.items())
    assert resumed.summary["metrics"] == whole.summary["metrics"]


def test_the_second_run_is_refused_before_the_first_has_trained(cli: Cli, texts: tuple[str, ...]) -> None:
    result = cli(*texts, *ONE_COMMAND, "+pretrain.model.embedding_dim=16")
    assert result.code == 1
    assert "its encoder doesn't fit this model's" in result.screen
    assert "Give model.embedding_dim=16" in result.screen
    assert "epoch 1" not in result.out
    assert result.summary["status"] == "failed"


@pytest.mark.parametrize("tokenizer", ["char", "wordpiece"])
def test_tokens_are_said_to_be_the_encoders(cli: Cli, texts: tuple[str, ...], tokenizer: str) -> None:
    pre = cli(*texts, "task=masked_lm", "trainer.max_epochs=1", f"tokenizer={tokenizer}", "hydra.run.dir=pre")
    assert pre.code == 0, pre.screen
    result = cli(*texts, "tokenizer=auto", "trainer.max_epochs=1", "model.init_from=pre")
    assert result.code == 0, result.screen
    assert re.search(rf"tokenizer\.kind +│ +\"{tokenizer}\" +│ +as that encoder's tokenizer", result.out)
    assert decided(result.directory)["tokenizer.lowercase"] is (tokenizer != "char")
    assert "most texts have" not in result.out


def test_one_command_sweeps(cli: Cli, texts: tuple[str, ...], tmp_path: Path) -> None:
    command = ("-m", *texts, *ONE_COMMAND, "name=both", "optimizer.lr=1e-3,3e-3")
    result = cli(*command)
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "both"
    assert set(statuses(sweep).values()) == {"completed"}
    assert len(list(sweep.glob("*/pretraining/summary.json"))) == 2
    assert "2 of 2 runs have their result already" in cli(*command).out


def test_unlabelled_texts_are_learned_from_and_those_of_the_test_are_not(
    cli: Cli, texts: tuple[str, ...], tmp_path: Path
) -> None:
    known = [line.split(",")[0] for line in (tmp_path / "texts.csv").read_text().split("\n")[1:-1]]
    (tmp_path / "more.txt").write_text("\n\n".join([*known, *(f"w1 w{one} w3" for one in range(24))]) + "\n")
    more = f"data.unlabelled_file={tmp_path}/more.txt"
    result = cli(*texts, *ONE_COMMAND, more, "trainer.max_epochs=1", "pretrain.trainer.max_epochs=1")
    assert result.code == 0, result.screen
    assert "of data.unlabelled_file: 24 rows, all in train" in result.out
    assert "rows: train 344, val 40, test 40\n" in result.out
    assert "rows: train 320, val 40, test 40; 2 classes" in result.out
    ids = [
        pyarrow.parquet.read_table(result.directory / part / "predictions.parquet")["id"].to_pylist()
        for part in (".", "pretraining")
    ]
    assert ids[0] == ids[1], "both parts have the same test rows"
    for begins in ((), (f"model.init_from={result.directory}/pretraining",)):
        refused = cli(*texts, more, *begins, "hydra.run.dir=alone")
        assert "data.unlabelled_file: this task learns from labels" in refused.err


@pytest.mark.parametrize("task", ["masked_lm", "language_modeling"])
def test_a_model_of_rows_is_refused_before_any_is_read(cli: Cli, task: str) -> None:
    result = cli(f"task={task}", "model=bag_of_ngrams", "data=files", "data.train_file=nowhere.csv")
    assert result.code == 1
    assert "BagOfNgrams can't do this task" in result.err
    assert "model=small" in result.err


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["task=language_modeling", "model.attention=varlen"], ["model.attention=varlen", "task=language_modeling"]),
        (["task=masked_lm", "task.rate=0"], ["task.rate=0"]),
        (["task=masked_lm", "task.masked=0.9", "task.random=0.2"], ["task.masked=0.9", "at most 1"]),
        (["task=masked_lm", "model=majority"], ["Majority can't do this task", "have no label. Choose a transformer"]),
        (["task=masked_lm", "callbacks.checkpoint.monitor=val_f1"], ["val_f1", "val_perplexity"]),
        (["optimizer=muon", "optimizer.layer_decay=0.9"], ["optimizer.layer_decay", "optimizer=adamw"]),
        (["optimizer.layer_decay=1.5"], ["optimizer.layer_decay=1.5"]),
        (["model.frozen_layers=3"], ["model.frozen_layers=3", "at most 1"]),
        (["pretrain=3"], ["pretrain", "experiment=pretrain_then_classify"]),
        (["experiment=pretrain_then_classify", "model=majority"], ["Majority can't be pretrained", "model=small"]),
        (["experiment=pretrain_then_classify", "model=bag_of_ngrams"], ["BagOfNgrams can't be pretrained"]),
        (["experiment=pretrain_then_classify", "trainer.devices=2"], ["trainer.devices=2", "ddp_spawn"]),
        (["experiment=pretrain_then_classify", "pretrain.task.rat=0.3"], ["Did you mean pretrain.task.rate?"]),
        (
            ["experiment=pretrain_then_classify", "pretrain.trainer.max_epoch=2"],
            ["Did you mean pretrain.trainer.max_epochs?"],
        ),
        (["experiment=pretrain_then_classify", "pretrain.trainer.max_steps=9"], ["Add it with +pretrain.trainer.max"]),
        (["experiment=pretrain_then_classify", "+pretrain.trainer.max_epoch=2"], ["max_epoch"]),
    ],
)
def test_a_mistake_is_told(cli: Cli, texts: tuple[str, ...], overrides: list[str], words: list[str]) -> None:
    texts = tuple(one for one in texts if not (overrides[-1].startswith("model=") and one.startswith("model")))
    result = cli(*texts, *overrides)
    assert result.code == 1
    assert "Traceback" not in result.screen
    for word in words:
        assert word in result.screen


def test_an_encoder_that_takes_rare_words_for_unknown_serves_other_tasks(cli: Cli, texts: tuple[str, ...]) -> None:
    """To name tokens it needs a vector of each, at first the unknown one's; for rows and pairs it is as it was."""
    words = ("tokenizer=auto", "tokenizer.vocab_size=10", "trainer.max_epochs=1")
    assert cli(*texts, *words, "hydra.run.dir=rows").code == 0
    vectors = "model.encoder.embedding.tokens.weight"
    found = {}
    for name, task in (("classification", "classification"), ("masked", "masked_lm")):
        still = ("optimizer.lr=1e-30", f"task={task}", f"hydra.run.dir={name}")
        result = cli(*texts, *words, *still, "model.init_from=rows")
        assert result.code == 0, result.screen
        found[name] = read_checkpoint(result.directory / "checkpoints" / "last.ckpt")["state_dict"][vectors]
    frequent = len(found["classification"])
    assert len(found["masked"]) > frequent
    assert torch.allclose(found["masked"][:frequent], found["classification"])
    assert torch.allclose(found["masked"][frequent:], found["classification"][1])
    assert len(load("classification").predict(["any text"])) == 1
