"""Disks lost and nodes replaced under load; `scripts/replacements.py` runs it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import click

from benmo.admin.addresses import addresses
from benmo.admin.client_certificate import make_client
from benmo.admin.making import make_anew, new_cluster
from benmo.child_node import NodeProcess
from benmo.client import (
    AsyncClient,
    ClientError,
    Inconsistent,
    NotConnected,
    OutcomeUnknown,
    Payment,
    Refused,
    Unavailable,
)
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.control.attached_node import AttachedNode
from benmo.errors import Failure
from benmo.network.ports import free_ports
from benmo.notices import Notice
from benmo.paxos.notices import ProposalAccepted
from benmo.paxos.types import NodeId, Tenure

_NODES = 5
_LANES = 4
"""How many programs pay at each node at a time."""
_BATCH = 5
"""How many payments a program makes in one request."""
_REQUEST_S = 5.0
_STOP_S = 60.0
_BALANCE = 1_000_000


class BrokenPromise(AssertionError):
    """A promise of Benmo's was broken; the text says which."""


@dataclass(slots=True)
class Seen:
    """What the programs have learned, and what went wrong."""

    slots: dict[tuple[NodeId, str], int] = field(default_factory=dict)
    """The slot of each payment that was answered as decided, by its node and key."""
    highest: int = 0
    reads: int = 0
    asked_again: int = 0
    gap_s: float = 0.0
    """The longest time in which no program anywhere was told of a decision."""
    broken: list[str] = field(default_factory=list)
    _last_at: float = field(default_factory=time.monotonic)

    def decided(self, node: NodeId, keys: list[str], slots: list[int | None]) -> None:
        now = time.monotonic()
        self.gap_s = max(self.gap_s, now - self._last_at)
        self._last_at = now
        for key, slot in zip(keys, slots, strict=True):
            if slot is None or self.slots.setdefault((node, key), slot) != slot:
                self.broken.append(f"node {node}'s payment {key} is in slot {slot}, and in another")
            self.highest = max(self.highest, slot or 0)


class Load:
    """Programs that pay at all nodes, and ask for confirmed balances; in a thread of their own."""

    def __init__(self, directory: Path, payments_per_s: float, seed: int) -> None:
        self.seen = Seen()
        self._directory = directory
        self._pause_s = _NODES * _LANES * _BATCH / payments_per_s
        self._random = Random(seed)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self, timeout_s: float) -> None:
        """Let each program finish the payments that it has begun. Raises `BrokenPromise`."""
        self._ends.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise BrokenPromise("payments are not decided, although all nodes run")

    def require_kept(self) -> None:
        if self.seen.broken:
            raise BrokenPromise(self.seen.broken[0])

    async def _run(self) -> None:
        nodes = range(1, _NODES + 1)
        payers = [self._pay_on(node, lane) for node in nodes for lane in range(_LANES)]
        await asyncio.gather(*payers, *(self._read_on(node) for node in nodes))

    async def _pay_on(self, node: NodeId, lane: int) -> None:
        count = 0
        async with AsyncClient(node, self._directory, connect_timeout_s=1.0) as client:
            while not self._ends.is_set():
                keys = [f"{node}.{lane}.{count + each}" for each in range(_BATCH)]
                count += _BATCH
                began = time.monotonic()
                await self._pay(client, node, keys)
                await asyncio.sleep(max(0.0, began + self._pause_s - time.monotonic()))

    async def _pay(self, client: AsyncClient, node: NodeId, keys: list[str]) -> None:
        """Pay under these keys, and ask again until it is decided."""
        to = node % _NODES + 1
        payments = [Payment(1, to, key) for key in keys]
        while True:
            try:
                receipts = await client.transfer_many(payments, timeout_s=_REQUEST_S)
            except (OutcomeUnknown, NotConnected, Refused):
                self.seen.asked_again += 1
                await asyncio.sleep(0.2)
                continue
            except Inconsistent as error:
                self.seen.broken.append(str(error))
                return
            self.seen.decided(node, keys, [receipt.slot for receipt in receipts])
            return

    async def _read_on(self, node: NodeId) -> None:
        async with AsyncClient(node, self._directory, connect_timeout_s=1.0) as client:
            while not self._ends.is_set():
                known = self.seen.highest
                with suppress(Unavailable, NotConnected):
                    read = await client.balances(confirmed=True, timeout_s=_REQUEST_S)
                    self.seen.reads += 1
                    if read.height < known:
                        self.seen.broken.append(
                            f"node {node}'s confirmed height {read.height} is below {known}"
                        )
                    if sum(read.by_node.values()) != _NODES * _BALANCE:
                        self.seen.broken.append(f"money was made or lost: {read.by_node}")
                await asyncio.sleep(0.05)


class Replacements:
    """One run: its nodes, and their losses. Each wait ends at a deadline, with `BrokenPromise`."""

    def __init__(self, directory: Path, tenure: Tenure, seed: int, payments_per_s: float) -> None:
        self.state = StateDirectory(directory)
        self.vote_s: list[float] = []
        """From each `benmo replace` until the new member's first vote, in seconds."""
        self.counts = Counter[str]()
        settings = ClusterSettings(balance=_BALANCE, tenure=tenure, election_delay_s=(0.0, 0.1))
        make_anew(self.state, new_cluster(addresses(_NODES, free_ports(_NODES)), settings))
        make_client(self.state, self.state.client("load"), "load", True, None)
        self.load = Load(self.state.client("load").path, payments_per_s, seed)
        self._random = Random(seed)
        self._processes: dict[NodeId, NodeProcess] = {}

    def start(self) -> None:
        for node in range(1, _NODES + 1):
            self._start(node)
        self.load.begin()

    def lose(self, of_leader: bool, while_another_is_down: bool, deadline: float) -> None:
        """Lose a node's disk, replace the node, and wait for its vote."""
        leader = self._leader(deadline)
        others = [node for node in self._processes if node != leader]
        victim = leader if of_leader else self._random.choice(others)
        second = self._random.choice([each for each in self._processes if each != victim])
        self.counts["leader" if of_leader else "other"] += 1
        if while_another_is_down:
            self.counts["while another is down"] += 1
            self._kill(second)
        self._kill(victim)
        shutil.rmtree(self.state.node(victim))
        began = time.monotonic()
        self._replace(victim, deadline)
        self._start(victim)
        self._until_vote(victim, deadline)
        self.vote_s.append(time.monotonic() - began)
        if while_another_is_down:
            self._start(second)
        self.load.require_kept()

    def check(self, deadline: float) -> str:
        """End the load, compare what was answered with the chains, and sum it up."""
        self.load.end(deadline - time.monotonic())
        self.load.require_kept()
        chains = {node: asyncio.run(self._chain(node, deadline)) for node in self._processes}
        if any(chain != chains[1] for chain in chains.values()):
            raise BrokenPromise("chains differ")
        paid = Counter(chains[1])
        doubled = [key for key, times in paid.items() if times > 1]
        if doubled:
            raise BrokenPromise(f"paid more than once: {doubled[:5]}")
        missing = [key for key in self.load.seen.slots if key not in paid]
        if missing:
            raise BrokenPromise(f"answered as decided, and not in the chain: {missing[:5]}")
        seen, took = self.load.seen, sorted(self.vote_s)
        return (
            f"{len(paid)} payments, each once in {len(chains)} equal chains; {seen.asked_again} "
            f"requests were asked again; {seen.reads} confirmed reads, none of them old; "
            f"first vote {took[len(took) // 2]:.2f} s after benmo replace began "
            f"(longest {took[-1]:.2f} s); "
            f"longest gap {seen.gap_s:.2f} s"
        )

    def stop(self) -> None:
        for process in self._processes.values():
            process.let_go()
        for process in self._processes.values():
            if not process.until_ended(_STOP_S):
                process.kill()

    def _start(self, node: NodeId) -> None:
        self._processes[node] = NodeProcess(node, self.state.path, (), lambda _: None)

    def _kill(self, node: NodeId) -> None:
        process = self._processes[node]
        process.kill()
        process.until_ended(_STOP_S)

    def _replace(self, node: NodeId, deadline: float) -> None:
        """Run `benmo replace`, until the cluster has the majority that it asks for."""
        program = [sys.executable, "-c", "from benmo.cli import main; main()"]
        options = ["replace", str(node), "--state-dir", str(self.state.path)]
        while True:
            done = subprocess.run([*program, *options], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise BrokenPromise(f"benmo replace {node}: {done.stdout}{done.stderr}")
            time.sleep(0.2)

    def _leader(self, deadline: float) -> NodeId:
        """The leader that most nodes know."""
        while time.monotonic() < deadline:
            known = Counter[NodeId]()
            for node in self._processes:
                with suppress(ClientError):
                    status = asyncio.run(self._status(node))
                    if status is not None:
                        known[status] += 1
            if known and known.most_common(1)[0][1] > _NODES // 2:
                return known.most_common(1)[0][0]
        raise BrokenPromise("no node leads")

    async def _status(self, node: NodeId) -> NodeId | None:
        directory = self.state.client("load").path
        async with AsyncClient(node, directory, connect_timeout_s=1.0) as client:
            return (await client.status(timeout_s=1.0)).leader

    def _until_vote(self, node: NodeId, deadline: float) -> None:
        """Wait until the node, just started, has accepted a proposal."""
        voted = threading.Event()

        def on_notice(notice: Notice, _at: float) -> None:
            if isinstance(notice, ProposalAccepted):
                voted.set()

        while not voted.is_set():
            if time.monotonic() > deadline:
                raise BrokenPromise(f"node {node} doesn't vote")
            if not self._processes[node].is_running:
                raise BrokenPromise(f"node {node} ended {self._processes[node].how_it_ended}")
            try:
                attached = AttachedNode(self.state, node)
            except Failure:
                time.sleep(0.02)
                continue
            attached.watch(on_notice)
            voted.wait(max(0.0, min(_REQUEST_S, deadline - time.monotonic())))
            attached.close()

    async def _chain(self, node: NodeId, deadline: float) -> list[tuple[NodeId, str]]:
        """The payments that are applied in a node's chain, once its chain is as high as any."""
        directory = self.state.client("load").path
        async with AsyncClient(node, directory, connect_timeout_s=_REQUEST_S) as client:
            timeout_s = deadline - time.monotonic()
            height = (await client.balances(confirmed=True, timeout_s=timeout_s)).height
            if height < self.load.seen.highest:
                raise BrokenPromise(f"node {node}'s confirmed height is {height}")
            return [
                (transfer.debit_node, str(transfer.key))
                async for block in client.chain(1, self.load.seen.highest, timeout_s=timeout_s)
                for transfer in block.transfers
                if transfer.outcome == "applied"
            ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--times", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--tenure", type=click.Choice([str(tenure) for tenure in Tenure]), default="stable")
@click.option("--rate", type=float, default=1000.0, show_default=True, help="Payments a second.")
@click.option("--seed", type=int, help="Draws which nodes are lost.")
@click.option("--seconds", type=float, default=1800.0, show_default=True, help="The deadline.")
def main(times: int, tenure: str, rate: float, seed: int | None, seconds: float) -> None:
    """Lose disks under load, replace the nodes, and look for lost or doubled money."""
    seed = seed if seed is not None else Random().randint(0, 2**31)
    deadline = time.monotonic() + seconds
    click.echo(f"tenure {tenure}, {_NODES} nodes, {times} disks lost, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="benmo-replacements-") as directory:
        trial = Replacements(Path(directory) / "state", Tenure(tenure), seed, rate)
        try:
            trial.start()
            with click.progressbar(range(times), label="lost disks", file=sys.stderr) as bar:
                for number in bar:
                    trial.lose(number % 5 == 1, number % 5 == 3, deadline)
            click.echo(f"{dict(trial.counts)}. {trial.check(deadline)}")
        except (BrokenPromise, Failure) as error:
            click.echo(f"FAILED (seed {seed}): {error}", err=True)
            sys.exit(1)
        finally:
            trial.stop()
