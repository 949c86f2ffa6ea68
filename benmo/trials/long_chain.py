"""What `scripts/long_chain.py` runs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import click

from benmo.attach import AttachedNode
from benmo.cluster import Cluster, StateDirectory
from benmo.engine.engine import Engine, Limits
from benmo.engine.events import Event, LinkChanged, Received, Submitted
from benmo.errors import StateError
from benmo.ledger.transfers import Payments
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId
from benmo.storage.disk import RealDisk
from benmo.storage.node_storage import Storage
from benmo.trials.torture import initialize
from benmo.typed_json import to_json

_DEADLINE_S = 600.0
_WRITERS = (1, 2, 3, 4)


class _Wire:
    """A transport that puts messages where the writer finds them."""

    def __init__(self, node: NodeId, under_way: list[tuple[NodeId, NodeId, Message]]) -> None:
        self._node = node
        self._under_way = under_way

    def send(self, to: NodeId, message: Message) -> None:
        if to in _WRITERS:
            self._under_way.append((self._node, to, message))


class ChainWriter:
    """Production engines of nodes 1 to 4, in this thread, on their real files.

    Nobody waits: when nothing is under way, the clock jumps to what is due next.
    """

    def __init__(self, state: StateDirectory) -> None:
        cluster = state.load()
        self._under_way: list[tuple[NodeId, NodeId, Message]] = []
        self._disks = {node: RealDisk(state.node(node)) for node in _WRITERS}
        self._now = time.time()
        self._engines = {node: self._engine(cluster, node) for node in _WRITERS}
        self._ticket = 0
        for node in _WRITERS:
            for peer in _WRITERS:
                if peer != node:
                    self._turn(node, LinkChanged(peer, True))

    def write(self, transfers: int, block_transfers: int) -> None:
        """Decide so many transfers, a block at a time, each node paying the next in its turn."""
        written = 0
        while written < transfers:
            node = _WRITERS[(written // block_transfers) % len(_WRITERS)]
            credit = node % len(_WRITERS) + 1
            count = min(block_transfers, transfers - written)
            self._ticket += 1
            self._turn(node, Submitted(self._ticket, Payments((credit,) * count, (1,) * count)))
            self._until_decided(node)
            written += count

    def close(self) -> None:
        for node, engine in self._engines.items():
            engine.checkpoint()
            self._disks[node].close()

    def _engine(self, cluster: Cluster, node: NodeId) -> Engine:
        storage, recovered = Storage.open(self._disks[node], cluster.cluster, node)
        limits = Limits(log_limit=cluster.settings.log_limit)
        wire = _Wire(node, self._under_way)
        settings = cluster.protocol_settings(node)
        return Engine(settings, limits, recovered, storage, wire, Random(node), self._now)

    def _turn(self, node: NodeId, *events: Event) -> None:
        self._engines[node].turn(events, self._now)

    def _until_decided(self, node: NodeId) -> None:
        while self._engines[node].pool.queue or self._under_way:
            if self._under_way:
                sender, to, message = self._under_way.pop(0)
                self._turn(to, Received(sender, message))
            else:
                self._now = max(self._now, self._engines[node].deadline)
                self._turn(node)


class Running:
    """A node's process."""

    def __init__(self, state: StateDirectory, node: NodeId) -> None:
        command = [sys.executable, "-m", "benmo.node", str(node), "--headless", "--state-dir"]
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [*command, str(state.path)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.client = self._attach(state, node)
        self.started_s = time.monotonic() - self._began

    @property
    def memory_mib(self) -> float:
        """Resident memory, now."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the kernel tells no VmRSS")

    def status(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.client.run("printStatus", "json").output)
        return found

    def stop(self) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(timeout=60)

    def _attach(self, state: StateDirectory, node: NodeId) -> AttachedNode:
        while True:
            try:
                client = AttachedNode(state, node)
                client.run("printStatus", "json")
                return client
            except StateError:
                if time.monotonic() > self._began + _DEADLINE_S or self._process.poll() is not None:
                    raise
                time.sleep(0.01)


def measure(state: StateDirectory) -> dict[str, object]:
    """Start nodes 1 to 4, then the empty node 5, which catches up while the others decide."""
    nodes = [Running(state, node) for node in _WRITERS]
    try:
        height = nodes[0].status()["height"]
        first_memory_mib = nodes[0].memory_mib
        began = time.monotonic()
        nodes.append(Running(state, 5))
        late = nodes[-1]
        paid = 0
        while late.status()["height"] < max(height, nodes[0].status()["height"]):
            _require_time(began)
            paid += _pay(nodes[0])
        caught_up_s = time.monotonic() - began
        _until(lambda: len({str(node.status()["head"]) for node in nodes}) == 1, began)
        return {
            "blocks": height,
            "started_s": round(nodes[0].started_s, 2),
            "memory_mib": round(first_memory_mib, 1),
            "memory_after_mib": round(max(node.memory_mib for node in nodes), 1),
            "caught_up_s": round(caught_up_s, 2),
            "paid_meanwhile": paid,
            "height_at_end": nodes[0].status()["height"],
        }
    finally:
        for node in nodes:
            node.stop()


def _pay(node: Running) -> int:
    answer = json.loads(node.client.run("moneyTransfer 1,1,2", "json").output)
    return int(answer["outcome"] == "queued")


def _until(condition: Callable[[], bool], began: float) -> None:
    while not condition():
        _require_time(began)
        time.sleep(0.02)


def _require_time(began: float) -> None:
    if time.monotonic() > began + _DEADLINE_S:
        raise StateError("the deadline is over")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--transfers", type=click.IntRange(min=1), default=1_000_000, show_default=True)
@click.option("--block-transfers", type=click.IntRange(1, 20_000), default=100, show_default=True)
def main(transfers: int, block_transfers: int) -> None:
    """Make a long chain and measure what it costs.

    Prints one JSON object: how long writing took, a start until the first answer (started_s), the
    memory of a node then and at the end, and how long the empty node 5 took to catch up while node
    1 went on paying; times in seconds, memory in MiB.
    """
    with tempfile.TemporaryDirectory(prefix="benmo-long-chain-") as directory:
        state = StateDirectory(Path(directory) / "state")
        initialize(state.path, "stable", 5, "--balance", "10000000", "--log-limit", "1000000")
        began = time.monotonic()
        writer = ChainWriter(state)
        writer.write(transfers, block_transfers)
        writer.close()
        written_s = time.monotonic() - began
        found = {"transfers": transfers, "written_s": round(written_s, 1), **measure(state)}
        found["chain_bytes"] = (state.node(1) / "chain.jsonl").stat().st_size
        click.echo(to_json(found))
