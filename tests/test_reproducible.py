"""The same command comes to the same weights, bit by bit, also where nothing is cached."""

from pathlib import Path

import pytest
import torch
from conftest import Cli

OPTIONS = ("trainer.max_epochs=2", "model.word_dropout=0.1", "trainer.accumulate_grad_batches=2")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.parametrize("tokenizer", ["wordpiece", "unigram"])
def test_the_same_command_without_a_cache_gives_the_same_weights(
    cli: Cli, interpreter: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str
) -> None:
    """Each trains its own tokenizer; one of them in a process with other hashes."""
    command = (*tiny, *OPTIONS, f"tokenizer={tokenizer}", "tokenizer.vocab_size=100")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    runs = []
    for number, run in enumerate((cli, interpreter if tokenizer == "wordpiece" else cli)):
        monkeypatch.setenv("SWEEPFORMER_CACHE", str(tmp_path / f"cache{number}"))
        result = run(*command, f"hydra.run.dir={tmp_path / str(number)}")
        assert result.code == 0, result.screen
        runs.append(tmp_path / str(number))
    assert len({(run / "tokenizer.json").read_text() for run in runs}) == 1
    one, other = map(weights, runs)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
