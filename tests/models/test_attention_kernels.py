"""Every way to compute attention gives the same, forward and backward."""

import pytest
import torch
from torch import Tensor

from sweepformer.models import attention as attention_kernels
from sweepformer.models.attention import attend, choose_kernel, use_fast_float32
from sweepformer.models.transformer import Transformer


def results(kernel: str, mask: Tensor | None, dtype: torch.dtype) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    inputs = [torch.randn(3, 2, 7, 4, generator=random).to(dtype).requires_grad_() for _ in range(3)]
    out = attend(*inputs, mask, 0.0, kernel)
    out.backward(torch.randn(out.shape, generator=random).to(dtype))
    return [out, *(one.grad for one in inputs if one.grad is not None)]


@pytest.mark.parametrize("kernel", ["math", "blocks"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("block", [1, 100, 2**19])  # heads at a time: 1, 2 and all
def test_kernels_agree_with_torch(kernel: str, masked: bool, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_kernels, "BLOCK", block)
    mask = torch.arange(7)[None, None, None] < torch.tensor([7, 4, 1])[:, None, None, None] if masked else None
    for ours, theirs in zip(results(kernel, mask, torch.float32), results("sdpa", mask, torch.float32), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kernel", ["math", "blocks"])
def test_a_causal_mask_is_obeyed(kernel: str) -> None:
    mask = torch.ones(7, 7, dtype=torch.bool).tril()
    for ours, theirs in zip(results(kernel, mask, torch.float32), results("sdpa", mask, torch.float32), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("length", "dtype", "dropout", "chosen"),
    [
        (16, torch.float64, 0.0, "sdpa"),
        (16, torch.bfloat16, 0.0, "math"),
        (300, torch.bfloat16, 0.0, "blocks"),
        (300, torch.bfloat16, 0.1, "math"),  # blocks compute their weights twice, and would drop others
    ],
)
def test_auto_on_a_cpu(length: int, dtype: torch.dtype, dropout: float, chosen: str) -> None:
    assert choose_kernel(torch.empty(1, 1, length, 8, dtype=dtype), None, dropout) == chosen


@pytest.mark.parametrize("kernel", ["math", "blocks"])
def test_attention_dropout_drops_and_keeps_the_mean_of_the_weights(kernel: str) -> None:
    torch.manual_seed(0)
    ones = torch.ones(64, 4, 32, 8)
    out = attend(ones, ones, ones, None, 0.3, kernel)
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert out.std().item() > 0.05


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_compiles_into_one_graph(dtype: torch.dtype) -> None:
    use_fast_float32()
    model = Transformer(vocab_size=20, num_classes=2, embedding_dim=16, num_heads=2, num_layers=2).to(dtype)
    mask = torch.arange(5) >= torch.tensor([5, 3])[:, None]
    explained = torch._dynamo.explain(model)(torch.ones(2, 5, dtype=torch.long), mask)
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)
