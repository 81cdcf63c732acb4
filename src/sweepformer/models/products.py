"""Which library multiplies float32 matrices on a CPU."""

from typing import Any

import torch

_by_onednn = False  # kept here too: torch.compile can't read torch's own setting


def use_fast_float32() -> None:
    """Let oneDNN compute float32 products, where that is no less exact than what torch does by default.

    torch leaves them to MKL, which is 1.2 to 1.5 times slower than oneDNN on an AMD processor. What it offers
    for that is the setting "bf16", which allows oneDNN to round to bfloat16 and which it makes no use of but on
    processors with matrix units: whether it does here is tried out.
    """
    global _by_onednn
    if torch.backends.mkldnn.is_available() and not _by_onednn:
        setting: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # made at import
        before = setting.fp32_precision
        setting.fp32_precision = "bf16"
        _by_onednn = _is_exact()
        if not _by_onednn:
            setting.fp32_precision = before


def float32_by_onednn() -> bool:
    """Whether oneDNN computes float32 products."""
    return _by_onednn


def _is_exact() -> bool:
    """Whether a product of float32 matrices has float32's error: bfloat16's is ten thousand times that."""
    random = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=random) for _ in range(2))
    return bool(((a @ b) - (a.double() @ b.double())).abs().max() < 1e-3)
