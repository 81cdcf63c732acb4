"""The wide path is as good a classifier as its baseline, and together with the encoder better than either."""

import random
import re
from pathlib import Path

import pytest
import torch
from conftest import Cli, decided, whole_and_resumed

from benchmarks.soak.comparison import differences
from sweepformer import load

WIDE = ("model.wide.enabled=true", "optimizer.lr=1e-6")  # the encoder learns nothing


def write_sites(path: Path, rows: int = 240) -> Path:
    """Strings of one length whose class is a letter at a place: what stands elsewhere is chance."""
    chance = random.Random(0)
    lines = ["text,label"]
    for _ in range(rows):
        letters = chance.choices("ACGT", k=20)
        lines.append(f"{''.join(letters)},{'yes' if letters[7] in 'AC' else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_it_tells_rows_that_the_encoder_has_not_learned_to(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, *WIDE)
    assert result.code == 0, result.screen
    assert "wide path: " in result.out
    assert result.summary["metrics"]["test_acc"] == 1
    plain = cli(*tiny, *WIDE[1:], "model.wide.enabled=false", "model.stem=none", "hydra.run.dir=plain").summary
    assert plain["metrics"]["test_acc"] < 0.8
    weights = torch.load(result.directory / result.summary["best_checkpoint"], weights_only=True)["state_dict"]
    learned = weights["model.wide.weights"][1:].numel() + weights["model.wide.bias"].numel()
    assert result.summary["parameters"] == plain["parameters"] + learned


def test_tokens_count_by_their_places_where_validation_says_so(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    sites = f"data.train_file={write_sites(tmp_path / 'sites.csv')}"
    result = cli(*tiny[:-1], sites, *WIDE, "tokenizer=char", "tokenizer.vocab_size=300")
    assert result.code == 0, result.screen
    assert result.summary["metrics"]["test_acc"] > 0.9
    assert re.search("wide path: .*tokens at their places it is, by the likelihood", result.out)
    text = "G" * 7 + "A" + "G" * 12
    assert load(result.directory).predict([text, text[::-1]]) == ["yes", "no"]


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ((), True),
        (("task.class_weights=balanced",), False),
        (("data.sampling=balanced",), False),
        (("data.sampling=balanced", "model.wide.enabled=true"), True),
    ],
)
def test_it_is_there_unless_classes_are_weighed(
    cli: Cli, tiny: tuple[str, ...], given: tuple[str, ...], there: bool
) -> None:
    result = cli(*tiny, *given)
    assert result.code == 0, result.screen
    assert ("wide path: " in result.out) == ("ensemble weights: " in result.out) == there
    assert decided(result.directory).get("model.wide.enabled", True) is there
    assert ("as classes are weighed" in result.out) != there
    assert len(load(result.directory).predict_proba(["a red thing"])) == 1


def test_ngrams_of_characters_are_longer_than_those_of_words(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    sites = f"data.train_file={write_sites(tmp_path / 'sites.csv')}"
    for given, longest in (((*tiny[:-1], sites), 5), (tiny, 2)):
        result = cli(*given, "tokenizer=auto", f"hydra.run.dir={longest}")
        assert result.code == 0, result.screen
        assert f"n-grams of up to {longest} tokens" in result.out


@pytest.mark.parametrize("max_length", [32, 3])  # the latter cuts all rows, which are of one length then
def test_rows_of_words_know_no_places(cli: Cli, tiny: tuple[str, ...], max_length: int) -> None:
    result = cli(*tiny, *WIDE, f"model.max_length={max_length}")
    checkpoint = torch.load(result.directory / result.summary["best_checkpoint"], weights_only=True)
    assert (checkpoint["state_dict"]["model.wide.keys"][1:] > 0).all()


@pytest.mark.parametrize("most", [1, 50])
def test_the_most_frequent_ngrams_are_kept(cli: Cli, tiny: tuple[str, ...], most: int) -> None:
    result = cli(*tiny, *WIDE, f"model.wide.features={most}")
    assert result.code == 0, result.screen
    assert f"wide path: {most} n-grams" in result.out


def test_of_very_many_rows_some_are_learned_from(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepformer.training.wide_fit.MOST_WORK", 300)
    result = cli(*tiny, *WIDE)
    assert result.code == 0, result.screen
    assert re.search("wide path: .* from 100 of 120 rows", result.out)  # of three classes
    assert result.summary["metrics"]["test_acc"] == 1


@pytest.mark.parametrize(("limit", "rows"), [("2", 32), ("0.5", 60)])
def test_it_looks_at_no_more_rows_than_are_trained_on(cli: Cli, tiny: tuple[str, ...], limit: str, rows: int) -> None:
    result = cli(*tiny, "data.batching=rows", f"trainer.limit_train_batches={limit}")
    assert result.code == 0, result.screen
    found = re.search("wide path: .* from ([0-9]+) of 120 rows", result.out)
    assert found is not None
    assert abs(int(found[1]) - rows) <= 4


def test_classes_that_it_has_not_seen_are_the_encoders(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """The third class has one row in the middle, which is none of those that are looked at."""
    lines = [f"a {'red' if number % 2 else 'green'} thing {number},{number % 2}" for number in range(120)]
    lines[1:1] = ["what is blue is neither,2", "all that is blue is neither,2", "so is this blue one,2"]
    (tmp_path / "rare.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    result = cli(*tiny[:-1], f"data.train_file={tmp_path}/rare.csv", "trainer.limit_train_batches=2")
    assert result.code == 0, result.screen
    probabilities = load(result.directory).predict_proba(["a red thing", "blue"])
    assert probabilities.shape == (2, 3)


def test_a_run_that_goes_on_takes_what_was_learned_from_its_checkpoint(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = ("allowed_packages=[misbehaving]", "+callbacks.stop._target_=misbehaving.StopAtStep")
    command = (*tiny, *stop, "model.wide.enabled=true", "callbacks.checkpoint.every_n_train_steps=2", "logger=none")
    whole, resumed = whole_and_resumed(cli, command, 5, monkeypatch)
    assert "wide path: " in whole.out
    assert "wide path: " not in resumed.out
    assert differences(whole.directory, resumed.directory, logs=False) == []
