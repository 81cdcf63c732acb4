"""Where and with what a run is started, and by which version of this program."""

import hashlib
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sweepformer.errors import UserError

# Of what a run leaves: raise it when what is written now would be read wrongly by a program that was made before.
FORMAT = 1
RECORDED_PACKAGES = (
    "sweepformer", "torch", "pytorch-lightning", "hydra-core", "omegaconf", "torchmetrics", "tokenizers",
    "numpy", "scikit-learn", "pytorch-optimizer", "tensorboard", "wandb", "simple-icd-10-cm",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Versions, commit, machine and command, as `environment.json` records them."""
    import torch  # loaded by whoever runs; those who read what was recorded need not wait for it

    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "argv": sys.argv,
        "directory": os.getcwd(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "cpu": {"name": _cpu_name(), "instructions": torch.backends.cpu.get_cpu_capability()},
        "threads": torch.get_num_threads(),
        "versions": {package: _version(package) for package in RECORDED_PACKAGES},
        **made_by(),
        "git": _git_state(),
    }


def made_by() -> dict[str, Any]:
    """Which program makes a run, as its checkpoints and `environment.json` say it."""
    return {"format": FORMAT, "sweepformer": _version("sweepformer")}


def refuse_newer(made: dict[str, Any], what: str) -> None:
    """Raise a UserError if `what`, made by what `made_by` said then, has a newer format than this program knows."""
    number = made.get("format", 0)
    if isinstance(number, int) and number > FORMAT:
        raise UserError(
            f"{what} was made by sweepformer {made.get('sweepformer')}, a newer version than this one "
            f"({_version('sweepformer')}), which can't read it. Upgrade: pip install -U sweepformer."
        )


def flat(facts: Any, name: str = "") -> dict[str, Any]:
    """The facts of an environment by their full names: `versions.torch`."""
    if not isinstance(facts, dict):
        return {name: facts}
    return {key: one for part, value in facts.items() for key, one in flat(value, f"{name}.{part}".lstrip(".")).items()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.processor())


def _git_state() -> dict[str, Any] | None:
    """Commit of the source, whether it was changed since, and a hash of these changes; None outside a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True, timeout=10)
        return done.stdout.strip()

    try:
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
        changes = hashlib.sha256((changed + git("diff", "HEAD")).encode()).hexdigest()[:16] if changed else None
        return {"commit": commit, "dirty": bool(changed), "changes": changes}
    except (OSError, subprocess.SubprocessError):
        return None
