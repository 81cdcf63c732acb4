"""An epoch of this project trains and is tested: what breaks conf/ or data/ breaks this."""

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_an_epoch_trains(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sweepformer", "run", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}/run"]
    subprocess.run(command, cwd=PROJECT, check=True)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "completed"
    assert summary["metrics"]["test_loss"] > 0
