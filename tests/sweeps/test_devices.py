"""Runs at once spread evenly over the GPUs that there are."""

import subprocess
import sys
from collections import Counter
from pathlib import Path


def test_processes_spread_evenly_and_give_back_what_they_had(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sweepformer.sweeps.devices import claim\n"
        "print(claim(Path(sys.argv[1]), ['0', '1', '2']), flush=True); sys.stdin.read()"
    )

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(tmp_path)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def claimed(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    processes = [start() for _ in range(6)]
    devices = [claimed(process) for process in processes]
    assert Counter(devices) == {"0": 2, "1": 2, "2": 2}
    processes[3].kill()
    processes[3].wait()
    processes.append(start())
    assert claimed(processes[-1]) == devices[3]
    for process in processes:
        process.kill()
        process.wait()
