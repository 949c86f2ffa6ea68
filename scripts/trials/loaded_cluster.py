"""Five real nodes under load, whose members a trial changes meanwhile; and what must hold then.

`replacements.py` and `resizing.py` are the trials.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import click

from benmo.admin.addresses import addresses
from benmo.admin.client_certificate import make_client
from benmo.admin.making import make_anew, new_cluster
from benmo.child_node import NodeProcess
from benmo.client import (
    AsyncClient,
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

NODES = 5
"""How many nodes there are at first, and pay all the time."""
ADDED_MAX = 2
"""How many nodes may be added at a time: so many ports behind the nodes' own are free, too."""
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
    """The longest time, after the first decision, in which no program was told of one."""
    broken: list[str] = field(default_factory=list)
    _last_at: float = inf

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
        self._pause_s = NODES * _LANES * _BATCH / payments_per_s
        self._random = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

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

    def pay(self, node: NodeId, payments: list[Payment], timeout_s: float) -> None:
        """Make these payments with a node's money, beside the load. Raises `BrokenPromise`."""

        async def work() -> None:
            async with AsyncClient(node, self._directory, connect_timeout_s=1.0) as client:
                await self._pay(client, node, payments)

        paying = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            paying.result(timeout_s)
        except TimeoutError as error:
            raise BrokenPromise(f"payments of node {node} are not decided") from error

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        nodes = range(1, NODES + 1)
        payers = [self._pay_on(node, lane) for node in nodes for lane in range(_LANES)]
        await asyncio.gather(*payers, *(self._read_on(node) for node in nodes))

    async def _pay_on(self, node: NodeId, lane: int) -> None:
        count = 0
        async with AsyncClient(node, self._directory, connect_timeout_s=1.0) as client:
            while not self._ends.is_set():
                keys = [f"{node}.{lane}.{count + each}" for each in range(_BATCH)]
                count += _BATCH
                began = time.monotonic()
                await self._pay(client, node, [Payment(1, node % NODES + 1, key) for key in keys])
                await asyncio.sleep(max(0.0, began + self._pause_s - time.monotonic()))

    async def _pay(self, client: AsyncClient, node: NodeId, payments: list[Payment]) -> None:
        """Pay under the payments' keys, and ask again until it is decided."""
        keys = [str(payment.key) for payment in payments]
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
                    if sum(read.by_node.values()) != NODES * _BALANCE:
                        self.seen.broken.append(f"money was made or lost: {read.by_node}")
                await asyncio.sleep(0.05)


class LoadedCluster:
    """Nodes under load. Each wait ends at a deadline, with `BrokenPromise`."""

    def __init__(self, directory: Path, tenure: Tenure, seed: int, payments_per_s: float) -> None:
        self.state = StateDirectory(directory)
        self.processes: dict[NodeId, NodeProcess] = {}
        self.random = Random(seed)
        settings = ClusterSettings(balance=_BALANCE, tenure=tenure, election_delay_s=(0.0, 0.1))
        first = free_ports(NODES + ADDED_MAX)
        make_anew(self.state, new_cluster(addresses(NODES, first), settings))
        make_client(self.state, self.state.client("load"), "load", True, None)
        self.load = Load(self.state.client("load").path, payments_per_s, seed)

    def start(self) -> None:
        for node in range(1, NODES + 1):
            self.start_node(node)
        self.load.begin()

    def check(self, deadline: float) -> str:
        """End the load, compare what was answered with the chains, and sum it up."""
        self.load.end(deadline - time.monotonic())
        self.load.require_kept()
        chains = {node: asyncio.run(self._chain(node, deadline)) for node in self.processes}
        if any(chain != chains[1] for chain in chains.values()):
            raise BrokenPromise("chains differ")
        paid = Counter(chains[1])
        doubled = [key for key, times in paid.items() if times > 1]
        if doubled:
            raise BrokenPromise(f"paid more than once: {doubled[:5]}")
        missing = [key for key in self.load.seen.slots if key not in paid]
        if missing:
            raise BrokenPromise(f"answered as decided, and not in the chain: {missing[:5]}")
        seen = self.load.seen
        return (
            f"{len(paid)} payments, each once in {len(chains)} equal chains; {seen.asked_again} "
            f"requests were asked again; {seen.reads} confirmed reads, none of them old; "
            f"longest gap {seen.gap_s:.2f} s"
        )

    def stop(self) -> None:
        for process in self.processes.values():
            process.let_go()
        for process in self.processes.values():
            if not process.until_ended(_STOP_S):
                process.kill()

    def start_node(self, node: NodeId) -> None:
        self.processes[node] = NodeProcess(node, self.state.path, (), lambda _: None)

    def kill(self, node: NodeId) -> None:
        process = self.processes[node]
        process.kill()
        process.until_ended(_STOP_S)

    def change(self, deadline: float, *words: str) -> None:
        """Run `benmo` with these words, until the cluster has the majority that it asks for."""
        program = [sys.executable, "-c", "from benmo.cli import main; main()"]
        command = [*program, *words, "--state-dir", str(self.state.path)]
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise BrokenPromise(f"benmo {' '.join(words)}: {done.stdout}{done.stderr}")
            time.sleep(0.2)

    def until_vote(self, node: NodeId, deadline: float) -> None:
        """Wait until the node, just started, has accepted a proposal."""
        voted = threading.Event()

        def on_notice(notice: Notice, _at: float) -> None:
            if isinstance(notice, ProposalAccepted):
                voted.set()

        while not voted.is_set():
            if time.monotonic() > deadline:
                raise BrokenPromise(f"node {node} doesn't vote")
            if not self.processes[node].is_running:
                raise BrokenPromise(f"node {node} ended {self.processes[node].how_it_ended}")
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


Trial = TypeVar("Trial", bound=LoadedCluster)


def trial_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a trial's command the options that `run_trial` takes."""
    tenures = click.Choice([str(tenure) for tenure in Tenure])
    for option in (
        click.option("--seconds", type=float, default=1800.0, show_default=True, help="Deadline."),
        click.option("--seed", type=int, help="Draws what the trial chooses."),
        click.option(
            "--rate", type=float, default=1000.0, show_default=True, help="Payments a second."
        ),
        click.option("--tenure", type=tenures, default="stable"),
    ):
        command = option(command)
    return command


def run_trial(
    make: Callable[[Path, Tenure, int, float], Trial],
    step: Callable[[Trial, int, float], None],
    times: int,
    what: str,
    *,
    tenure: str,
    rate: float,
    seed: int | None,
    seconds: float,
) -> None:
    """Do the step so many times, called with its number and the deadline; exit with 1 if it fails.

    `what` names the steps.
    """
    seed = seed if seed is not None else Random().randint(0, 2**31)
    deadline = time.monotonic() + seconds
    click.echo(f"tenure {tenure}, {NODES} nodes, {times} {what}, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="benmo-trial-") as directory:
        trial = make(Path(directory) / "state", Tenure(tenure), seed, rate)
        try:
            trial.start()
            with click.progressbar(range(times), label=what, file=sys.stderr) as bar:
                for number in bar:
                    step(trial, number, deadline)
            click.echo(trial.check(deadline))
        except (BrokenPromise, Failure) as error:
            click.echo(f"FAILED (seed {seed}): {error}", err=True)
            sys.exit(1)
        finally:
            trial.stop()
