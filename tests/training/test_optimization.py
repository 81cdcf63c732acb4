"""Schedules move as they say, and weight decay spares what it should."""

import pytest
import torch

from sweepformer.models.transformer import Transformer
from sweepformer.training.optimization import build_optimizer, build_schedule, freeze, parameter_groups
from sweepformer.training.schedules import constant, cosine, linear, warmup_stable_decay


def rates(make, **options) -> list[float]:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = make(optimizer, total_steps=100, **options)
    found = []
    for _ in range(100):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("warmup", [10, 0.1])
def test_warm_up_counts_steps_or_a_share(warmup: float) -> None:
    found = rates(constant, warmup=warmup)
    assert found[0] == pytest.approx(1 / 11)
    assert found[9] < 1.0
    assert found[10:] == [1.0] * 90


def test_schedules_end_where_they_say() -> None:
    assert rates(linear, warmup=0, final_ratio=0.5)[50] == pytest.approx(0.75)
    assert rates(cosine, warmup=0, final_ratio=0.0)[50] == pytest.approx(0.5)
    assert rates(cosine, warmup=0, final_ratio=0.2)[-1] == pytest.approx(0.2, abs=1e-3)
    stable = rates(warmup_stable_decay, warmup=0, decay=20, final_ratio=0.0)
    assert stable[79] == 1.0
    assert stable[90] == pytest.approx(0.5)


def test_a_cycle_may_have_one_step_to_rise_in() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    config = {
        "_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 1.0, "pct_start": 0.1, "div_factor": 25.0,
        "final_div_factor": 1e4, "cycle_momentum": False,
    }  # fmt: skip
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = build_schedule(config, optimizer, total_steps=10)["scheduler"]
    found = []
    for _ in range(9):
        optimizer.step()
        schedule.step()
        found.append(optimizer.param_groups[0]["lr"])
    assert found[0] == pytest.approx(1.0, abs=0.05)
    assert found == sorted(found, reverse=True)


def layer_rates(model: torch.nn.Module, groups: list[dict]) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(one)]: group.get("lr", 1.0) for group in groups for one in group["params"]}


def test_each_layer_learns_slower_than_the_one_above_it() -> None:
    model = Transformer(vocab_size=50, num_classes=3, num_layers=2, embedding_dim=8, num_heads=2, dim_feedforward=16)
    groups = parameter_groups(model, 0.1, lr=1.0, layer_decay=0.5)
    rates = layer_rates(model, groups)
    assert len(rates) == len(list(model.parameters()))
    assert rates["head.layers.1.weight"] == rates["encoder.norm.weight"] == 1.0
    assert rates["encoder.blocks.1.attention.qkv.weight"] == rates["encoder.blocks.1.attention_norm.bias"] == 0.5
    assert rates["encoder.blocks.0.attention.qkv.weight"] == 0.25
    assert rates["encoder.embedding.tokens.weight"] == 0.125
    tied = Transformer(vocab_size=50, num_classes=1, predicts="vocabulary", num_layers=2)
    shared = layer_rates(tied, parameter_groups(tied, 0.1, lr=1.0, layer_decay=0.5))
    assert shared["encoder.embedding.tokens.weight"] == 0.125, "tied to the head, they are still the lowest"
    assert shared["head.bias"] == 1.0


def test_a_schedule_keeps_the_layers_apart() -> None:
    model = Transformer(vocab_size=50, num_classes=3, num_layers=2)
    optimizer = build_optimizer(
        {"_target_": "torch.optim.AdamW", "lr": 1.0, "weight_decay": 0.1, "layer_decay": 0.5}, model
    )
    config = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 1.0, "pct_start": 0.3}
    schedule = build_schedule(config, optimizer, total_steps=100)["scheduler"]
    for _ in range(29):
        optimizer.step()
        schedule.step()
    assert sorted({round(group["lr"], 6) for group in optimizer.param_groups}) == [0.125, 0.25, 0.5, 1.0]


@pytest.mark.parametrize(("layers", "still"), [(0, ["embedding"]), (1, ["embedding", "blocks.0"]), (2, ["encoder"])])
def test_frozen_layers_are_the_lowest(layers: int, still: list[str]) -> None:
    model = Transformer(vocab_size=50, num_classes=3, num_layers=2)
    freeze(model, layers)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != any(part in name for part in still), name


def test_norms_biases_and_embeddings_do_not_decay() -> None:
    model = Transformer(vocab_size=50, num_classes=3, positional_encoding="learned", pooling="cls")
    decaying, others = parameter_groups(model, 0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert all("bias" not in names[id(p)] and "norm" not in names[id(p)] for p in decaying["params"])
    assert any("embedding" in names[id(p)] for p in others["params"])
    assert not any("positions" in names[id(p)] or "embedding" in names[id(p)] for p in decaying["params"])
    assert len(decaying["params"]) + len(others["params"]) == len(names)
