"""A failing run is one failing run, however it fails and whatever launched it."""

import csv
import json
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import Cli, statuses
from forked_commands import Start
from moments import ANNOUNCED, HELD, wait_for
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from test_resume import LAUNCHERS, Hold

KINDS = ("none", "error", "memory", "exit", "diverge", "sigterm", "sigkill", "fine")
SAYS = {
    "error": "as planned",
    "memory": "out of memory",
    "exit": "3",
    "diverge": "diverged",
    "sigterm": "",
    "sigkill": "",
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_others_go_on(shell: Cli, tiny: tuple[str, ...], tmp_path: Path, launcher: str) -> None:
    bad = (
        "allowed_packages=[misbehaving]",
        "+callbacks.bad._target_=misbehaving.Misbehave",
        f"+callbacks.bad.kind={','.join(KINDS)}",
    )
    where = [f"hydra/launcher={launcher}", *(["hydra.launcher.n_jobs=1"] if launcher == "joblib" else [])]
    result = shell("-m", *tiny, *bad, "logger=tensorboard", "name=bad", "trainer.max_epochs=2", *where)
    sweep = tmp_path / "multirun" / "bad"
    assert result.code == 1, result.screen
    found = {name.removeprefix("+callbacks.bad.kind="): status for name, status in statuses(sweep).items()}
    expected = dict.fromkeys(KINDS, "failed") | {"none": "completed", "fine": "completed", "diverge": "diverged"}
    assert found == expected
    assert "6 without a result" in result.out
    for number, kind in enumerate(KINDS):
        run = sweep / f"{number}-+callbacks.bad.kind={kind}"
        summary = json.loads((run / "summary.json").read_text())
        if kind in SAYS:
            assert SAYS[kind] in summary["error"]["message"], summary
            assert session_status(run) == api_pb2.STATUS_FAILURE
        if kind in ("error", "memory", "exit", "diverge"):
            assert "Traceback" in (run / "run.log").read_text()
    rows = list(csv.DictReader((sweep / "leaderboard.csv").open()))
    assert [row["status"] for row in rows].count("completed") == 2
    assert "as planned" in (sweep / "README.md").read_text()


def test_what_failed_stays_on_the_leaderboard_until_it_is_tried_again(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, hold: Hold
) -> None:
    """Ctrl-C comes while the first of two failed runs is trained again."""
    command = ("-m", *tiny, *HELD, "name=f", "seed=1,2")
    assert shell(*command, "data.val_fraction=0.5", "data.test_fraction=0.6").code == 1
    sweep, first = tmp_path / "multirun" / "f", hold("0-")
    process = start(*command)
    first.wait()
    assert statuses(sweep) == {"seed=2": "failed"}
    process.send_signal(signal.SIGINT)
    wait_for(lambda: ANNOUNCED in process.screen)
    first.let_go()
    assert process.wait() == 130
    rows = list(csv.DictReader((sweep / "leaderboard.csv").open()))
    assert {row["run"]: row["status"] for row in rows}["1-seed=2"] == "failed"


def session_status(run: Path) -> int | None:
    """How TensorBoard is told that a run ended."""
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    ends = [
        plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info.status
        for tag, content in events.PluginTagToContent(metadata.PLUGIN_NAME).items()
        if tag == metadata.SESSION_END_INFO_TAG
    ]
    return ends[0] if ends else None


def test_a_full_disk_is_said_and_ends_in_an_exit_code(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("needs to mount a small file system")
    try:
        result = shell("-m", *tiny, "logger=tensorboard", f"hydra.sweep.dir={small}/s", "model.num_heads=1,2,4")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert result.code == 1
    assert "the disk is full" in result.err or "No space left on device" in result.err
    assert "This was not expected" not in result.screen
