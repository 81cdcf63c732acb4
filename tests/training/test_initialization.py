"""What a checkpoint of somebody else's must be before a run begins with it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sweepformer.data.tokenizer import make_tokenizer
from sweepformer.errors import UserError
from sweepformer.files.checkpoints import write_checkpoint
from sweepformer.training.initialization import open_pretrained


def checkpoint() -> dict[str, Any]:
    """The least that a run can begin with."""
    tokenizer = make_tokenizer(["red green blue"], "word", 50, 1, True, None).to_str()
    config = {"task": {}, "model": {}, "data": {}, "tokenizer": {"kind": "word"}}
    weights = {"model.encoder.embedding.weight": torch.ones(2, 2), "model.head.weight": torch.ones(2)}
    return {"sweepformer": {"config": config, "tokenizer": tokenizer}, "state_dict": weights}


def with_ids(*ids: int) -> str:
    """A tokenizer.json of one token for each of these ids, beside those that all have."""
    described = json.loads(checkpoint()["sweepformer"]["tokenizer"])
    described["model"]["vocab"] |= {f"token{number}": number for number in ids}
    return json.dumps(described)


def test_encoder_config_and_tokenizer_are_taken(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "fine.ckpt", checkpoint())
    found = open_pretrained(str(tmp_path / "fine.ckpt"))
    assert found.weights.keys() == {"embedding.weight"}
    assert found.config["tokenizer"] == {"kind": "word"}


@pytest.mark.parametrize(
    ("tokenizer", "words"),
    [
        ("{", "its tokenizer can't be used"),
        ("[]", "its tokenizer can't be used"),
        ("{}", "its tokenizer can't be used"),
        ("[" * 100_000, "its tokenizer can't be used"),
        (b"cos\nsystem\n", "its tokenizer can't be used"),
        (None, "its tokenizer can't be used"),
        (with_ids(4_000_000_000), "its ids go up to 4,000,000,000, and at most 10,000,000 are read"),
    ],
    ids=["torn", "list", "empty", "deep", "pickle", "none", "huge"],
)
def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path, tokenizer: Any, words: str) -> None:
    content = checkpoint()
    content["sweepformer"]["tokenizer"] = tokenizer
    write_checkpoint(tmp_path / "bad.ckpt", content)
    with pytest.raises(UserError, match=f"model.init_from=.*bad.ckpt.*{words}"):
        open_pretrained(str(tmp_path / "bad.ckpt"))


@pytest.mark.parametrize(
    "change",
    [
        {"sweepformer": None},
        {"sweepformer": {"config": None, "tokenizer": with_ids()}},
        {"sweepformer": {"config": {"model": 5}, "tokenizer": with_ids()}},
        {"state_dict": [1, 2]},
        {"state_dict": {"model.encoder.embedding.weight": "not numbers"}},
    ],
    ids=["nothing", "no config", "no model", "list", "text"],
)
def test_what_is_put_together_wrongly_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_checkpoint(tmp_path / "bad.ckpt", checkpoint() | change)
    with pytest.raises(UserError, match=r"bad\.ckpt is no checkpoint of a run of sweepformer, or damaged"):
        open_pretrained(str(tmp_path / "bad.ckpt"))
