"""Where a model answers, and in which precision."""

import torch

from sweepformer.errors import UserError

DTYPES = {"16": torch.float16, "bf16": torch.bfloat16, "64": torch.float64}
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")


def resolve_device(requested: str) -> torch.device:
    """What `auto` stands for: a GPU if there is one.

    Raises:
        UserError: there is no such device.
    """
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(requested)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device={requested} can't be used: {reason} Choose auto, cpu, cuda or cuda:1.") from error
    return device


def dtypes(precision: str, device: torch.device) -> tuple[torch.dtype, torch.dtype | None]:
    """The type of the weights, and that of the products where it is another (autocast).

    Args:
        precision: as Lightning names it: "32-true", "bf16-mixed", "16-true", ...
        device: a CPU computes in float32 what was trained in float16, which it is slow at.
    """
    bits, _, how = precision.partition("-")
    dtype = DTYPES.get(bits, torch.float32)
    if dtype is torch.float16 and device.type == "cpu":
        dtype = torch.float32
    if how == "true" or dtype is torch.float32:
        return dtype, None
    return torch.float32, dtype


def resolve_precision(requested: str, trained_in: str) -> str:
    """What `auto` stands for: what the run was trained in.

    Raises:
        UserError: there is no such precision.
    """
    if requested not in ("auto", *PRECISIONS):
        raise UserError(f"precision={requested} is not one of auto, {', '.join(PRECISIONS)}.")
    return trained_in if requested == "auto" else requested
