"""What a device can at most compute: that against which a model's use of it (MFU) is told."""

import statistics
import time
from functools import cache

import torch

# Dense 16-bit matrix products in TFLOP/s, from NVIDIA's data sheets (which print twice that, "with sparsity", for
# all of these but the V100 and the T4). By the beginning of the name that the driver gives; the longest one counts.
TERAFLOPS_16_BIT = {
    "NVIDIA B200": 2250.0,
    "NVIDIA H200": 989.4,
    "NVIDIA H100": 989.4,
    "NVIDIA H100 PCIe": 756.5,
    "NVIDIA H100 NVL": 835.5,
    "NVIDIA GH200": 989.4,
    "NVIDIA A100": 312.0,
    "NVIDIA A30": 165.0,
    "NVIDIA A10": 125.0,
    "NVIDIA L40S": 362.0,
    "NVIDIA L40": 181.0,
    "NVIDIA L4": 121.0,
    "Tesla V100": 125.0,
    "Tesla T4": 65.0,
}
SIZE, PRODUCTS = 1024, 5  # 10 to 100 ms in all


def peak_flops(device: torch.device, precision: str) -> float | None:
    """FLOP/s of matrix products in a precision: measured on a CPU, from data sheets for a GPU.

    None where it isn't known: another device's peak would be worse than none.
    """
    sixteen_bit = "16" in precision
    if device.type == "cpu":
        return _measured(torch.bfloat16 if sixteen_bit else torch.float32)
    if device.type != "cuda" or not sixteen_bit:
        return None
    return data_sheet(torch.cuda.get_device_name(device))


def data_sheet(name: str) -> float | None:
    """FLOP/s in 16 bit of a GPU by its name; None if it isn't in the table."""
    known = [one for one in TERAFLOPS_16_BIT if name == one or name.startswith((f"{one} ", f"{one}-"))]
    return TERAFLOPS_16_BIT[max(known, key=len)] * 1e12 if known else None


@cache  # once for all runs of a process
def _measured(dtype: torch.dtype) -> float:
    # Not drawn: the numbers don't matter, and random ones would move the generator that training draws from.
    a = torch.ones(SIZE, SIZE, dtype=dtype)
    seconds = []
    for _ in range(PRODUCTS):
        began = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - began)
    return 2 * SIZE**3 / statistics.median(seconds)
