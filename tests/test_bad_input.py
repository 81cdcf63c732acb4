"""Every mistake of a user's ends in one clear message: what, where, what is allowed. No traceback."""

from pathlib import Path

import pytest
from conftest import Cli, write_rows

from sweepformer.config.kinds import KINDS, Kind


def assert_clear(result, *words: str) -> None:
    assert result.code not in (0, None)
    assert "not expected" not in result.screen or "as planned" in words
    assert "Traceback" not in result.screen
    for word in words:
        assert word in result.screen


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.num_hedas=3", ["num_hedas"]),
        ("modle=small", ["modle"]),
        ("+tokenizer.lowercsae=1", ["tokenizer.lowercsae", "Did you mean tokenizer.lowercase?"]),
        ("optimizer.betas=${seed}", ["optimizer.betas=0", "two numbers"]),
        ("model.wide.enabled=true model.wide.c_grid=${seed}", ["model.wide.c_grid"]),
        ("recipe.rows=${seed}", ["recipe.rows"]),
        ("model=smal", ["smal", "small", "vanilla"]),
        ("model.num_heads=many", ["model.num_heads", "many"]),
        ("+model.typo=3", ["typo"]),
        ("model.num_heads=5", ["model.num_heads=5", "model.embedding_dim=32"]),
        ("model.num_layers=-1", ["model.num_layers=-1", "at least 1"]),
        ("model.dropout=1.5", ["model.dropout=1.5", "below 1"]),
        ("model.embedding_dim=500000", ["model.embedding_dim", "GiB"]),
        ("model.activation=sine", ["model.activation", "gelu"]),
        ("model.pooling=sum", ["model.pooling", "mean"]),
        ("model.embedding_std=0", ["model.embedding_std=0", "above 0"]),
        ("model.stem=convolutoin", ["model.stem", "convolution"]),
        ("recipe.rows=[9,3]", ["recipe.rows=[9, 3]", "must rise"]),
        ("recipe.lr=[1e-3]", ["recipe.lr", "give 4 values"]),
        ("recipe.lr=[1,2,a,3]", ["recipe.lr", "a must be a number above 0"]),
        ("recipe.max_epochs=[1,2,3,0]", ["recipe.max_epochs", "0 must be a whole number above 0"]),
        ("recipe.tokens=[1,2,3,many]", ["recipe.tokens", "many must be a whole number above 0"]),
        ("optimizer.lr=null recipe.lr=[1,1,1,1e9]", ["for 30,001 training rows and more", "optimizer.lr=1000000000"]),
        ("recipe.rows=[true,5,9]", ["recipe.rows=[True, 5, 9]", "numbers of training rows"]),
        ("recipe.width=0", ["recipe.width=0", "128"]),
        ("data.batch_size=null recipe.batch_size=null", ["data.batch_size is null", "recipe.batch_size"]),
        ("model.word_dropout=1", ["model.word_dropout=1", "below 1"]),
        ("model.wide.enabled=true model.wide.features=0", ["model.wide.features=0", "at least 1"]),
        ("model.wide.enabled=true model.wide.ngram_order=50", ["wide.ngram_order=50", "at most"]),
        ("model.wide.enabled=true task=regression", ["model.wide.enabled=true", "one class a row"]),
        ("model.wide.longets=3", ["longets"]),
        ("task.class_weights=inverse", ["task.class_weights='inverse'", "balanced"]),
        ("task.class_weights={red:-1}", ["task.class_weights.red=-1", "at least 0"]),
        ("task.class_weights={rde:5}", ["task.class_weights", "rde", "Did you mean red?"]),
        ("task.focal_gamma=-1", ["task.focal_gamma=-1", "at least 0"]),
        ("task.r_drop=many", ["task.r_drop", "many"]),
        ("data.sampling=weighted", ["data.sampling", "balanced"]),
        (
            "data.sampling=balanced task.class_weights=balanced",
            ["data.sampling", "task.class_weights=balanced"],
        ),
        ("callbacks.divergence.max_skipped=-1", ["callbacks.divergence", "max_skipped=-1", "at least 0"]),
        ("trainer.auto_micro_batch=perhaps", ["trainer.auto_micro_batch='perhaps'", "true or false"]),
        (
            "trainer.auto_micro_batch=true trainer.strategy=ddp_fork trainer.devices=2",
            ["trainer.auto_micro_batch=true", "2 processes"],
        ),
        ("callbacks=ema callbacks.ema.decay=1", ["callbacks.ema", "below 1"]),
        ("callbacks=ema +callbacks.checkpoint.save_weights_only=true", ["save_weights_only", "callbacks.ema"]),
        ("data.batch_size=0", ["data.batch_size=0", "at least 1"]),
        ("data.val_fraction=1.2", ["data.val_fraction"]),
        ("optimizer.lr=-1", ["optimizer.lr=-1"]),
        ("optimizer.lr=fast", ["optimizer.lr", "fast"]),
        ("optimizer.betas=[0.9]", ["optimizer.betas=[0.9]", "two numbers"]),
        ("tokenizer.vocab_size=-5", ["tokenizer.vocab_size=-5"]),
        ("seed=-1", ["seed=-1"]),
        ("+trainer.max_epoch=3", ["trainer.max_epoch", "max_epochs"]),
        ("trainer.precision=64bit", ["trainer.precision=64bit", "bf16-mixed"]),
        ("trainer.accelerator=gpux", ["trainer", "gpux"]),
        ("callbacks.early_stopping.pateince=3", ["pateince"]),
        ("+callbacks.early_stopping.pateince=3", ["callbacks.early_stopping.pateince", "patience"]),
        ("callbacks.checkpoint.monitor=val_accuracy", ["val_accuracy", "val_acc"]),
        ("model._target_=nowhere.Model", ["model._target_=nowhere.Model"]),
        ("experiment=hedas", ["hedas", "heads_and_depth"]),
        ("data.train_file=missing.csv", ["data.train_file", "missing.csv"]),
        ("data.text_column=body", ["data.text_column", "body", "text"]),
        ("data.label_column=lable", ["data.label_column", "lable", "label"]),
        ("tokenizer=pretrained", ["tokenizer.path"]),
        ("name=a/b", ["name"]),
        (f"name={'1' * 5000}", ["hundreds of digits", "quotes"]),
        (f"model.dropout={'1' * 400}", ["model.dropout", "hundreds of digits"]),
        (f"tokenizer.vocab_size={'1' * 400}", ["tokenizer.vocab_size", "400 digits", "quotes"]),
        (f"seed={'1' * 400} scheduler.final_div_factor=${{seed}}", ["seed is a number of 400 digits"]),
        ("trainer.max_steps=9223372036854775808", ["trainer.max_steps is a number of 19 digits", "775,807"]),
        ("+foo=1", ["foo", "no such key"]),
        ("logger=null", ["null", "--help"]),
        ("trainer.max_epochs=abc", ["trainer.max_epochs='abc'", "number"]),
        ("trainer.gradient_clip_val=-1", ["trainer.gradient_clip_val=-1"]),
        ("trainer.accumulate_grad_batches=0", ["trainer.accumulate_grad_batches=0"]),
        ("trainer.limit_train_batches=0", ["limit_train_batches", "nothing to train"]),
        ("debug=limit", ["limit_train_batches"]),
        ("scheduler.div_factor=0", ["scheduler.div_factor=0"]),
        ("task.monitor=val_loss task.mode=max", ["task.mode=max contradicts task.monitor=val_loss", "task.mode=min"]),
        (
            "callbacks.checkpoint.mode=min",
            ["callbacks.checkpoint.mode=min contradicts", "mode=max"],
        ),
        ("callbacks.early_stopping.mode=max", ["callbacks.early_stopping.mode=max contradicts", "val_loss"]),
        ("callbacks=halving callbacks.halving.mode=min", ["callbacks.halving.mode=min contradicts", "val_acc"]),
        ("callbacks.checkpoint.mode=up", ["callbacks.checkpoint.mode=up", "max or min"]),
        ("scheduler=plateau scheduler.mode=max", ["scheduler.mode=max contradicts scheduler.monitor=val_loss", "min"]),
        (
            "scheduler=plateau trainer.limit_val_batches=0",
            ["scheduler.monitor=val_loss", "limit_val_batches=0"],
        ),
        ("scheduler=plateau scheduler.monitor=val_los", ["scheduler.monitor=val_los", "Did you mean val_loss?"]),
        ("tokenizer=unigram tokenizer.vocab_size=10", ["tokenizer.vocab_size=10"]),
        ("data.cache_dir=/proc/none", ["/proc/none", "data.cache_dir"]),
        ("~model._target_", ["model._target_"]),
        ("~optimizer", ["optimizer.lr"]),  # which the schedule refers to
        ("~seed", ["seed=None"]),
        ("~scheduler", ["scheduler is missing"]),
        ("~scheduler.max_lr", ["scheduler"]),
        ("callbacks.checkpoint=5", ["callbacks.checkpoint=5", "_target_"]),
        ("callbacks.early_stopping.patience=many", ["callbacks.early_stopping.patience='many'", "a whole number"]),
        ("callbacks.checkpoint.monitor=5", ["callbacks.checkpoint.monitor=5", "val_acc"]),
        ("logger=tensorboard logger.tensorboard=5", ["logger.tensorboard=5", "_target_"]),
        ("data.transform=5", ["data.transform=5"]),
        ("model.dropout=${model.dropout}", ["model.dropout", "Recursive"]),
        ("callbacks.early_stopping.strict=true trainer.max_steps=1", ["Early stopping", "val_loss"]),
        ("task.class_weights={1:5,red:2}", ["there is no class 1"]),
        ("trainer.val_check_interval=0", ["trainer.val_check_interval=0", "above 0"]),
        ("trainer.val_check_interval=1000", ["trainer", "val_check_interval"]),
        ("trainer.limit_test_batches=0.001", ["trainer", "limit_test_batches"]),
    ],
)
def test_wrong_override_is_named(cli: Cli, tiny: tuple[str, ...], override: str, words: list[str]) -> None:
    assert_clear(cli(*tiny, *override.split()), *words)


def test_balanced_sampling_of_rows_without_classes_is_refused(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "Classification", Kind("number", "row", ("mae",)))
    assert_clear(cli(*tiny, "data.sampling=balanced"), "data.sampling=balanced", "no class")


def test_missing_train_file_key_is_named(cli: Cli) -> None:
    assert_clear(cli("data=files", "model=tiny"), "data.train_file")


def test_typo_in_a_users_yaml_is_named(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("defaults: [tiny, _self_]\nnum_hedas: 3\n")
    assert_clear(cli("--config-dir", "conf", *tiny, "model=mine"), "num_hedas")
    (tmp_path / "conf" / "model" / "bare.yaml").write_text(
        "_target_: sweepformer.models.transformer.Transformer\nnum_hedas: 3\n"
    )
    assert_clear(
        cli("--config-dir", "conf", "data=files", f"data.train_file={tmp_path}/rows.csv", "model=bare"), "num_hedas"
    )


def test_a_yaml_that_is_none_is_named(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("defaults: [tiny, _self_]\nnum_heads: [3\nx: y: z\n")
    assert_clear(cli("--config-dir", "conf", *tiny, "model=mine"), "mine.yaml", "line 3", "is not YAML")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"\n\n\n", ["empty"]),
        (b"text,label\n", ["row"]),
        (b"text,label\na,x\n,y\n", ["row"]),
        (b"text,label\n" + b"".join(b"word %d,x\n" % n for n in range(30)), ["x"]),
        (b"text,label\n" + b"".join(b"word %d,x\n" % n for n in range(30)) + b"one,y\n", ["y"]),
        (b"text,label\nfine,x\ncaf\xe9,x\n", ["UTF-8", "line 3", "data.encoding=cp1252"]),
        ("text,label\none,x\n".encode("utf-16-le"), ["NUL", "data.encoding=utf-16-le"]),
        (b"text,label\na\x00b,x\n", ["NUL"]),
        (b'text,label\n"abc,x\nd,y\n', ["quot"]),
        (b"text,label\na,x,z\n", ["row"]),
    ],
    ids=[
        "empty",
        "blank",
        "header",
        "no-text",
        "one-class",
        "one-row-class",
        "latin-1",
        "utf-16",
        "nul",
        "quote",
        "fields",
    ],
)
def test_broken_file_is_named(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, content: bytes, words: list[str]
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(content)
    result = cli(*tiny, f"data.train_file={broken}")
    assert_clear(result, "broken.csv", *words)
    assert result.summary["status"] == "failed"
    assert result.summary["error"]["message"]


def test_label_only_in_test_is_named(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    other = write_rows(tmp_path / "other.csv", 20, ["red", "purple"])
    assert_clear(cli(*tiny, f"data.test_file={other}", "data.unseen_labels=refuse"), "purple")


@pytest.mark.parametrize("others", [[], ["red"]], ids=["only-one", "one-row"])
def test_a_class_of_a_torn_file_does_not_fill_the_screen(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, others: list[str]
) -> None:
    rows = write_rows(tmp_path / "torn.csv", 20 if others else 1, others or ["\x01" * 5000])
    with rows.open("a") as file:
        file.write(f"torn,{'x' * 5000}\n" if others else "")
    result = cli(*tiny, f"data.train_file={rows}")
    assert_clear(result, "class", "fewer than 3 rows" if others else "only")
    assert len(result.screen) < 1000


def test_checkpoint_that_is_none_is_refused(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "last.ckpt").write_text("not a checkpoint")
    assert_clear(cli(*tiny), "last.ckpt", "can't be read as a checkpoint")


def test_unwritable_run_directory_is_refused(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_clear(cli(f"hydra.run.dir={tmp_path}/file/run", *tiny), "file/run")


def test_wandb_online_without_a_key_does_not_wait(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # no netrc
    assert_clear(cli(*tiny, "logger=wandb", "logger.wandb.offline=false"), "WANDB_API_KEY")


def test_an_unexpected_error_leaves_its_traceback_in_the_log_only(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_model.py").write_text(
        "import torch\nclass Broken(torch.nn.Linear):\n"
        "    def __init__(self, num_classes): super().__init__(1, num_classes)\n"
        "    def forward(self, token_ids, padding_mask): raise RuntimeError('as planned')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "broken.yaml").write_text("_target_: broken_model.Broken\n")
    arguments = [argument for argument in tiny if not argument.startswith("model")]
    result = cli("--config-dir", "conf", *arguments, "model=broken", "allowed_packages=[broken_model]")
    assert_clear(result, "as planned", "run.log")
    assert "Traceback" in (result.directory / "run.log").read_text()
    assert result.summary["error"] == {"type": "RuntimeError", "message": "as planned"}
