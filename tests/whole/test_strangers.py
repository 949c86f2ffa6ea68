"""Strangers at the port, and answers that never come."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.support.processes import BENMO, environment, eventually
from tests.support.real_cluster import RealCluster

_BACKLOG_OF_STRANGERS = 400


def test_idle_connections_of_strangers_do_not_use_up_a_nodes_descriptors(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3, election_delay="0-0.2") as cluster:
        cluster.start(1, 2, 3)
        address = json.loads((tmp_path / "state" / "cluster.json").read_text())["nodes"][0]
        pid = cluster.ask(1, "printStatus") and _pid_of(cluster, 1)
        strangers = []
        try:
            for _ in range(_BACKLOG_OF_STRANGERS):
                stranger = socket.create_connection((address["host"], address["port"]), 60)
                strangers.append(stranger)
            eventually(
                lambda: len(os.listdir(f"/proc/{pid}/fd")) < _BACKLOG_OF_STRANGERS / 2,
                "the node drops the oldest of them",
            )
            cluster.ask(1, "moneyTransfer 5,1,2")
            assert cluster.ask(1, "wait 60")["outcome"] == "decided"
        finally:
            for stranger in strangers:
                stranger.close()


def test_a_node_that_goes_before_it_answers_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3, election_delay="0-0.2") as cluster:
        cluster.start(1)
        command = [*BENMO, "attach", "1", *cluster.state_option, "--format", "json"]
        waiting = subprocess.Popen(
            [*command, "-e", "moneyTransfer 5,1,2", "-e", "wait 200"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        try:
            assert waiting.stdout is not None
            assert json.loads(waiting.stdout.readline())["outcome"] == "queued"
            cluster.signal(1, signal.SIGKILL)
            out, _ = waiting.communicate(timeout=60)
        finally:
            waiting.kill()
        assert json.loads(out)["outcome"] == "unknown"
        assert waiting.returncode == 3


def _pid_of(cluster: RealCluster, node: int) -> int:
    lock = cluster.node_directory(node) / "lock"
    return eventually(lambda: int(lock.read_text() or 0), "the node tells its process")
