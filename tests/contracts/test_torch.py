"""What `models.torch_internals` counts on in torch, each by its name."""

from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter

from sweepformer.models.torch_internals import (
    compiled_frames,
    divides_by_scale,
    float32_matmul_by_onednn,
    not_sent_by_ddp,
    softmax_gradient,
    summary_writer,
)


def test_the_gradient_of_a_softmax() -> None:
    scores = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(2, 3, 5, dtype=torch.float64)
    weights = scores.softmax(-1)
    (expected,) = torch.autograd.grad(weights, scores, gradient)
    torch.testing.assert_close(softmax_gradient(gradient, weights.detach()), expected)


def test_fused_optimizers_divide_by_the_scale() -> None:
    weights = [nn.Parameter(torch.ones(1))]
    assert divides_by_scale(torch.optim.Adam(weights, fused=True))
    assert not divides_by_scale(torch.optim.Adam(weights))


def test_a_fused_adam_skips_a_step_that_it_is_told_to() -> None:
    weight = nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=True)
    for found, expected in ((1.0, 1.0), (0.0, 0.9)):
        optimizer.found_inf = torch.tensor(found)  # type: ignore[attr-defined]
        optimizer.grad_scale = None  # type: ignore[attr-defined]
        optimizer.step()
        torch.testing.assert_close(weight.item(), expected)


def test_ddp_knows_what_not_to_send() -> None:
    ours, theirs = nn.Linear(1, 1), nn.Linear(1, 1)
    not_sent_by_ddp(ours, (name for name in ("weight",)))
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(theirs, ["weight"])
    added = [{name: value for name, value in vars(one).items() if "ddp" in name} for one in (ours, theirs)]
    assert added[0] == added[1] != {}


def test_a_writer_takes_records_as_such(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        summary_writer(writer).add_summary(Summary(value=[Summary.Value(tag="x", simple_value=2.0)]))
    (event,) = EventAccumulator(str(tmp_path)).Reload().Scalars("x")
    assert event.value == 2.0


def test_compiled_functions_are_counted() -> None:
    before = compiled_frames()
    torch.compile(lambda one: one + 1, backend="eager")(torch.ones(1))
    assert compiled_frames() == before + 1


def test_onednn_has_a_setting_for_float32_products() -> None:
    setting = float32_matmul_by_onednn()
    before = setting.fp32_precision
    try:
        setting.fp32_precision = "bf16"
        assert setting.fp32_precision == "bf16"
    finally:
        setting.fp32_precision = before
