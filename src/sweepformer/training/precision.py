"""Which precision a device really computes in."""

import torch


def resolve_accelerator(requested: str) -> str:
    """What `auto` stands for on this machine: cuda, mps or cpu."""
    if requested not in ("auto", "gpu"):
        return requested
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu" if requested == "auto" else "gpu"


def effective_precision(requested: str, accelerator: str) -> str:
    """The precision that training runs in. CPUs have no fast float16, but many have bfloat16."""
    if accelerator == "cpu" and str(requested).startswith("16"):
        return {"16-true": "bf16-true"}.get(str(requested), "bf16-mixed")
    return str(requested)
