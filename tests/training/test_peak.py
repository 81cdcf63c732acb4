"""The peak is the device's own or none."""

import pytest
import torch

from sweepformer.training.callbacks import throughput as peak
from sweepformer.training.callbacks.throughput import data_sheet, peak_flops


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H200", 989.4),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756.5),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA L40S", 362.0),
        ("NVIDIA A1000", None),  # not an A100
        ("Somebody's new card", None),
    ],
)
def test_only_known_names_have_a_peak(name: str, teraflops: float | None) -> None:
    found = data_sheet(name)
    assert found == (pytest.approx(teraflops * 1e12) if teraflops else None)


def test_a_cpu_is_measured_without_moving_the_random_state() -> None:
    peak._measured.cache_clear()  # by an earlier run of this process
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert 1e8 < (peak_flops(torch.device("cpu"), "32-true") or 0) < 1e15
    assert torch.equal(torch.get_rng_state(), before)
