"""Greedy commanders and peers, and what they cost a node; `scripts/pressure.py` runs it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import click

from benmo.bench.cluster import BenchCluster, make_state, memory_mib_of
from benmo.client import AsyncClient, ClientError
from benmo.cluster import StateDirectory
from benmo.control.connection import NodeConnection, connect
from benmo.control.requests import (
    ControlRequest,
    Hurry,
    Pay,
    ReadBalances,
    ReadBlocks,
    ReadUsage,
    RunLine,
    Watch,
    encode,
)
from benmo.ledger.transfers import Payments
from benmo.network.certificates import client_context, server_context
from benmo.network.frames import frame
from benmo.network.wire import encode_message
from benmo.paxos.messages import Behind
from benmo.paxos.types import NodeId

_BLOCKS = 300
_BATCH = 1000
_NODE = 1
_PEER = 2
"""The node whose place a greedy peer takes; its own process is stopped for that."""
_WAIT_S = 30 * 86400.0
_ANSWER_S = 300.0
_PING_EVERY_S = 0.002
_QUIET_S = 1.0


@dataclass(frozen=True, slots=True)
class Pressure:
    """What one process asks of node 1, on so many connections, `count` times on each."""

    name: str
    count: int
    payload: Callable[[int], bytes]
    connections: int = 1
    certificate: NodeId = _NODE
    chains: int = 0
    """How many times at once a client reads the whole chain, in place of the payloads."""


def _asked(make: Callable[[int], ControlRequest]) -> Callable[[int], bytes]:
    return lambda number: encode(make(number))


def _blocks(number: int) -> ControlRequest:
    return ReadBlocks(number, 1, 1 << 40, 0.0)


def _big_payment(number: int) -> ControlRequest:
    return Pay(number, Payments((2,) * 2_500_000, (1,) * 2_500_000), _WAIT_S)


def _keyed(count: int) -> Callable[[int], bytes]:
    """Payments with a memo and a key each, 60 characters a transfer."""

    def payments(number: int) -> ControlRequest:
        keys = tuple(f"{number}-{each}".ljust(24, "k") for each in range(count))
        memos = ("m" * 36,) * count
        return Pay(number, Payments((2,) * count, (1,) * count, memos, keys), _WAIT_S)

    return _asked(payments)


_behind = encode_message(Behind(0))

PRESSURES = (
    Pressure("nothing", 0, _asked(_blocks)),
    Pressure("ReadBlocks", 4_000, _asked(_blocks)),
    Pressure("ReadBlocks", 49_900, _asked(_blocks)),
    Pressure("ReadBlocks, waiting", 49_900, _asked(lambda n: ReadBlocks(n, 1 << 30, 1 << 40, 9.0))),
    Pressure("confirmed reads", 122_500, _asked(lambda n: ReadBalances(n, True, 0, _WAIT_S))),
    Pressure("chain() read whole", 0, _asked(_blocks), chains=100),
    Pressure("printBlockchain", 2_000, _asked(lambda n: RunLine(n, "printBlockchain 1 9", "json"))),
    Pressure("printStatus", 49_900, _asked(lambda n: RunLine(n, "printStatus", "table"))),
    Pressure("wait", 49_900, _asked(lambda n: RunLine(n, "wait 9", "json"))),
    Pressure("Pay, too many", 40, _asked(_big_payment)),
    Pressure("Pay of 1,000", 8, _keyed(1_000)),
    Pressure("Pay of 10,000", 8, _keyed(10_000)),
    Pressure("Pay of 20,000", 8, _keyed(20_000)),
    Pressure("Pay of 25,000, too many", 8, _keyed(25_000)),
    Pressure("line of 16 MB", 8, _asked(lambda n: RunLine(n, "x" * (15 << 20), "json"))),
    Pressure("Pay", 122_500, _asked(lambda n: Pay(n, Payments((2,), (1,)), _WAIT_S))),
    Pressure("Hurry", 500_000, _asked(lambda _: Hurry())),
    Pressure("Watch", 1, _asked(lambda _: Watch())),
    Pressure("connections", 100, _asked(_blocks), connections=200),
    Pressure("nothing, from a peer", 0, lambda _: _behind, certificate=_PEER),
    Pressure("Behind, from a peer", 772_480, lambda _: _behind, certificate=_PEER),
)


@dataclass(slots=True)
class Measured:
    """What a pressure cost: memory in MiB, times in seconds."""

    sent_bytes: int = 0
    added_mib: float = 0.0
    silent_s: float = 0.0
    decided_per_s: float = 0.0
    end_s: float = 0.0


def flood(path: Path, pressure: Pressure, sent: multiprocessing.sharedctypes.Synchronized) -> None:  # type: ignore[type-arg]
    """Ask without reading, in a process of its own, until that is killed."""
    state = StateDirectory(path)
    address = state.load_node(_NODE).address(_NODE)
    context = client_context(state.tls(pressure.certificate))
    if pressure.certificate != _NODE:
        Thread(target=_listen_unread, args=(state, pressure.certificate), daemon=True).start()
    kept: list[ssl.SSLSocket] = []
    for _ in range(pressure.connections):
        with suppress(OSError):
            plain = socket.create_connection((address.host, address.port))
            kept.append(context.wrap_socket(plain))
    numbers = range(1, pressure.count + 1)
    data = b"".join(frame(pressure.payload(number)) for number in numbers)
    for each in kept:
        each.settimeout(None if len(kept) == 1 else 1.0)
    for each in kept:
        with suppress(OSError):
            for start in range(0, len(data), 1 << 14):
                each.sendall(data[start : start + (1 << 14)])
                sent.value += len(data[start : start + (1 << 14)])
    time.sleep(_WAIT_S)


def _listen_unread(state: StateDirectory, node: NodeId) -> None:
    """Take the connections that are made to a node, and read nothing."""
    address = state.load_node(node).address(node)
    context = server_context(state.tls(node))
    taken: list[ssl.SSLSocket] = []
    with socket.create_server((address.host, address.port)) as listener:
        while True:
            plain, _ = listener.accept()
            with suppress(OSError):
                taken.append(context.wrap_socket(plain, server_side=True))


async def _read_chains(state: StateDirectory, count: int) -> None:
    async with AsyncClient(_NODE, state.path) as client:

        async def read() -> None:
            with suppress(ClientError):
                async for _ in client.chain(timeout_s=_ANSWER_S):
                    pass

        await asyncio.gather(*(read() for _ in range(count)))


def read_chains(path: Path, count: int) -> None:
    """Read the whole chain this many times at once, in a process of its own."""
    asyncio.run(_read_chains(StateDirectory(path), count))


class _Meter:
    """Asks a node small questions, and pays through it, until `stop`."""

    def __init__(self, connection: NodeConnection, client: AsyncClient) -> None:
        self._connection = connection
        self._client = client
        self.silent_s = 0.0
        self.decided = 0
        self.answered_at = time.monotonic()
        self._tasks = [asyncio.create_task(work) for work in (self._ping(), self._pay())]

    async def _ping(self) -> None:
        while True:
            began = time.monotonic()
            await self._connection.ask(ReadUsage(self._connection.next_number()), _ANSWER_S)
            self.answered_at = time.monotonic()
            self.silent_s = max(self.silent_s, self.answered_at - began)
            await asyncio.sleep(_PING_EVERY_S)

    async def _pay(self) -> None:
        while True:
            await self._client.transfer(1, 3, timeout_s=_ANSWER_S)
            self.decided += 1

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def measure(cluster: BenchCluster, pressure: Pressure, seconds: float) -> Measured:
    """Put a node under pressure for this long at least, and until it answers again."""
    process = cluster.process(_NODE)
    measured = Measured()
    context = multiprocessing.get_context("fork")
    sent = context.Value("q", 0)
    target = (read_chains, (cluster.state.path, pressure.chains))
    greedy = (
        context.Process(target=target[0], args=target[1], daemon=True)
        if pressure.chains
        else context.Process(target=flood, args=(cluster.state.path, pressure, sent), daemon=True)
    )
    connection = await connect(cluster.state, _NODE)
    async with cluster.client(_NODE) as client:
        await client.status()
        before_mib = memory_mib_of(process.process_id)
        Path(f"/proc/{process.process_id}/clear_refs").write_text("5")
        meter = _Meter(connection, client)
        began = time.monotonic()
        greedy.start()
        while time.monotonic() - began < seconds or (
            time.monotonic() - meter.answered_at > _QUIET_S and time.monotonic() - began < _ANSWER_S
        ):
            await asyncio.sleep(0.1)
        took_s = time.monotonic() - began
        measured.silent_s = max(meter.silent_s, time.monotonic() - meter.answered_at)
        measured.decided_per_s = meter.decided / took_s
        measured.added_mib = peak_mib_of(process.process_id) - before_mib
        await meter.stop()
    measured.sent_bytes = sent.value
    began = time.monotonic()
    os.kill(process.process_id, 15)
    process.end_is_wanted = True
    await asyncio.to_thread(process.until_ended, _ANSWER_S)
    measured.end_s = time.monotonic() - began
    greedy.kill()
    greedy.join()
    return measured


def peak_mib_of(process_id: int) -> float:
    """Read the greatest resident memory of a process since it was last set back, in MiB."""
    status = Path(f"/proc/{process_id}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


async def _fill(cluster: BenchCluster) -> None:
    """Make blocks of a thousand transfers, some 30 bytes each."""
    async with cluster.client(_NODE) as client:
        for _ in range(_BLOCKS):
            await client.transfer_columns([2, 3] * (_BATCH // 2), list(range(1, _BATCH + 1)))


async def _run(pressures: Sequence[Pressure], seconds: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        cluster = BenchCluster(make_state(Path(directory) / "state", 3))
        await cluster.start()
        try:
            await cluster.lead(_NODE)
            await _fill(cluster)
            await cluster.stop()
            click.echo(
                f"{'what':24}{'N':>10}{'sent KB':>9}{'MiB added':>11}{'silent ms':>11}", nl=False
            )
            click.echo(f"{'decided/s':>11}{'SIGTERM s':>11}   load")
            for pressure in pressures:
                is_peer = pressure.certificate != _NODE
                await cluster.start(*([_NODE, 3] if is_peer else cluster.nodes))
                await cluster.lead(_NODE)
                _show(pressure, await measure(cluster, pressure, seconds))
                await cluster.stop()
        finally:
            await cluster.stop()


def _show(pressure: Pressure, measured: Measured) -> None:
    count = (pressure.chains or pressure.count) * pressure.connections
    click.echo(
        f"{pressure.name:24}{count:10,}{measured.sent_bytes / 1000:9,.0f}"
        f"{measured.added_mib:11.1f}{measured.silent_s * 1000:11.0f}"
        f"{measured.decided_per_s:11.0f}{measured.end_s:11.2f}   {os.getloadavg()[0]:.1f}"
    )


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", type=float, default=10.0, help="How long each row lasts at least.")
def main(names: tuple[str, ...], seconds: float) -> None:
    """Measure the memory and the silence of a node under pressure."""
    wanted = [each for each in PRESSURES if not names or each.name.startswith(names)]
    asyncio.run(_run(wanted, seconds))
