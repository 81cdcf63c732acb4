"""A sweep on a Ray cluster that is there already, of two nodes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Cli, statuses


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of two nodes of one CPU each, on this machine."""
    from ray.cluster_utils import Cluster

    # Ray takes 127.0.0.1 for the machine's outer address; every other loopback address is left alone.
    on_sigterm = signal.getsignal(signal.SIGTERM)
    node = {"num_cpus": 1, "node_ip_address": "127.0.0.2"}
    nodes = Cluster(initialize_head=True, head_node_args=node)
    nodes.add_node(**node)
    nodes.wait_for_nodes()
    yield nodes.address
    nodes.shutdown()
    signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own would stay, also in processes that later tests fork


@pytest.mark.slow
def test_both_nodes_train(shell: Cli, tiny: tuple[str, ...], tmp_path: Path, cluster: str) -> None:
    (tmp_path / "nodes").mkdir()
    where = (
        "allowed_packages=[misbehaving]",
        "+callbacks.where._target_=misbehaving.NodeName",
        f"+callbacks.where.folder={tmp_path}/nodes",
    )
    slow = ("+callbacks.slow._target_=misbehaving.Misbehave", "+callbacks.slow.delay=0.2")
    ray = ("hydra/launcher=ray", f"hydra.launcher.ray.init.address={cluster}")
    result = shell("-m", *tiny, *where, *slow, *ray, "name=r", "model.num_heads=1,2,4,8")
    assert result.code == 0, result.screen
    assert set(statuses(tmp_path / "multirun" / "r").values()) == {"completed"}
    assert len({path.read_text() for path in (tmp_path / "nodes").iterdir()}) == 2
