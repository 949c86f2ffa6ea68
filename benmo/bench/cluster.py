"""A temporary cluster of real processes on this machine, and the resources that each uses."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.bench.figures import ResourceUse
from benmo.child_node import NodeProcess
from benmo.client import AsyncClient, ClientError, Status
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.control.connection import NodeConnection, connect
from benmo.control.requests import Hurry, ReadUsage, UsageRead
from benmo.errors import Failure
from benmo.network.ports import free_ports
from benmo.paxos.types import NodeId, Tenure

BALANCE = 2**40
LOG_LIMIT = 1_000_000
UNTIL_S = 60.0
_POLL_S = 0.005
_EXIT_S = 30.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def make_state(path: Path, nodes: int) -> StateDirectory:
    """Make a cluster for the loads: tenure `stable`, no election delay, rich nodes."""
    state = StateDirectory(path)
    settings = ClusterSettings(
        balance=BALANCE, election_delay_s=(0.0, 0.0), tenure=Tenure.STABLE, log_limit=LOG_LIMIT
    )
    make_anew(state, new_cluster(addresses(nodes, free_ports(nodes)), settings))
    return state


class BenchCluster:
    """The processes of a cluster. Call `start` and `stop` in the main thread only."""

    def __init__(self, state: StateDirectory) -> None:
        self.state = state
        self.nodes = state.load().ids
        self._processes: dict[NodeId, NodeProcess] = {}
        self._connections: dict[NodeId, NodeConnection] = {}

    async def start(self, *nodes: NodeId) -> None:
        """Start these nodes, all if none are given, and wait until each answers."""
        for node in nodes or self.nodes:
            self.start_process(node)
        for node in nodes or self.nodes:
            self._connections[node] = await self._connected(node)

    def start_process(self, node: NodeId) -> None:
        self._processes[node] = NodeProcess(node, self.state.path, (), lambda _: None)

    def process(self, node: NodeId) -> NodeProcess:
        return self._processes[node]

    async def lead(self, node: NodeId) -> None:
        """Make this node the leader, and wait until every running node knows it as such."""
        end = time.monotonic() + UNTIL_S
        async with self.client(node) as client:
            while (await client.status()).role != "leader":
                if time.monotonic() > end:
                    raise ClientError(f"node {node} doesn't lead")
                self._connections[node].tell(Hurry())
                await client.transfer(1, to=self.nodes[node % len(self.nodes)])
        for peer in self._processes:
            async with self.client(peer) as client:
                problem = f"node {peer} knows no leader, or another than {node}"
                await until(client, lambda status: status.leader == node, problem)

    def client(self, node: NodeId) -> AsyncClient:
        return AsyncClient(node, self.state.path)

    async def usage(self, node: NodeId) -> ResourceUse:
        """Ask for a node's CPU seconds and fsyncs since its process began, and its memory now."""
        connection = self._connections[node]
        answer = await connection.ask(ReadUsage(connection.next_number()))
        assert isinstance(answer, UsageRead)
        process_id = self._processes[node].process_id
        return ResourceUse(cpu_s_of(process_id), memory_mib_of(process_id), answer.fsyncs)

    async def stop(self, *nodes: NodeId) -> None:
        """Let these nodes, all if none are given, write their checkpoints and leave."""
        ended = nodes or tuple(self._processes)
        for node in ended:
            self._processes[node].resume()
            self._processes[node].let_go()
        for node in ended:
            if node in self._connections:
                self._connections.pop(node).abort()
            if not await asyncio.to_thread(self._processes[node].until_ended, _EXIT_S):
                self._processes[node].kill()
                await asyncio.to_thread(self._processes[node].until_ended, _EXIT_S)
            del self._processes[node]

    async def _connected(self, node: NodeId) -> NodeConnection:
        end = time.monotonic() + UNTIL_S
        while True:
            try:
                return await connect(self.state, node)
            except Failure:
                process = self._processes[node]
                if not process.is_running:
                    raise Failure(f"node {node} ended {process.how_it_ended}") from None
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(_POLL_S)


async def until(client: AsyncClient, is_so: Callable[[Status], bool], problem: str) -> None:
    """Wait until a node's status is so. Raises `ClientError` with the problem."""
    end = time.monotonic() + UNTIL_S
    while not is_so(await client.status()):
        if time.monotonic() > end:
            raise ClientError(problem)
        await asyncio.sleep(_POLL_S)


def cpu_s_of(process_id: int) -> float:
    """Read the user and system time of a process and its threads so far, in seconds."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_mib_of(process_id: int) -> float:
    """Read the resident memory of a process, in MiB."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel reports no VmRSS")


def own_use() -> ResourceUse:
    """Measure this process, which is the client."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return ResourceUse(used.ru_utime + used.ru_stime, memory_mib_of(os.getpid()))
