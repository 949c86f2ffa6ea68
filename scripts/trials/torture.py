"""SIGKILLs under load, and the count of the money afterwards; `scripts/torture.py` runs it."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import click

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.child_node import NodeProcess
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.commands.answers import Rendered
from benmo.control.attached_node import AttachedNode
from benmo.errors import Failure
from benmo.network.ports import free_ports
from benmo.notices import Notice, TransferApplied, TransferVoid
from benmo.paxos.types import Tenure

_BLOCKS_AT_A_TIME = 500
_STOP_S = 60.0


class BrokenPromise(AssertionError):
    """A promise of Benmo's was broken; the text says which."""


@dataclass(slots=True)
class ShownTransfers:
    """The transfers that a node has shown as queued, decided or refused to its client."""

    queued: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def on_notice(self, notice: Notice, _at: float) -> None:
        match notice:
            case TransferApplied(_, transfer):
                self.decided.add(transfer.id)
            case TransferVoid(_, transfer):
                self.refused.add(transfer.id)


class TortureNode:
    """A node's process, and a client that pays without a pause while it is up."""

    def __init__(self, state: StateDirectory, node: int, count: int, seed: int) -> None:
        self.node = node
        self.shown = ShownTransfers()
        self.process: NodeProcess | None = None
        self.client: AttachedNode | None = None
        self._state = state
        self._count = count
        self._random = Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._pay_on, daemon=True)

    def start(self) -> None:
        """Start the process, from the main thread."""
        self.process = NodeProcess(self.node, self._state.path, (), lambda _: None)

    def kill(self) -> None:
        """Kill the process, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.until_ended(_STOP_S)
        self.process = None

    def stop(self) -> None:
        """Let the process leave; kill it if it doesn't in time."""
        if self.process is not None:
            self.process.let_go()
            if not self.process.until_ended(_STOP_S):
                self.kill()
            self.process = None

    @property
    def is_leader(self) -> bool:
        snapshot = self.client.snapshot if self.client is not None else None
        return snapshot is not None and snapshot.role == "leader"

    def begin_paying(self) -> None:
        self._thread.start()

    def end_paying(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=60)

    def ask(self, line: str, deadline: float) -> Rendered:
        """Run a command over a connection of its own; try again until it is answered."""
        while True:
            try:
                attached = AttachedNode(self._state, self.node)
                try:
                    return attached.run(line, "json")
                finally:
                    attached.close()
            except Failure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _pay_on(self) -> None:
        while not self._stopping.is_set():
            try:
                self.client = AttachedNode(self._state, self.node)
                self.client.watch(self.shown.on_notice)
                while not self._stopping.is_set():
                    self._pay(self.client)
            except Failure:
                time.sleep(0.05)
            finally:
                client, self.client = self.client, None
                if client is not None:
                    client.close()

    def _pay(self, client: AttachedNode) -> None:
        others = [node for node in range(1, self._count + 1) if node != self.node]
        credit, amount = self._random.choice(others), self._random.randint(1, 5)
        answer = json.loads(
            client.run(f"moneyTransfer {amount},{self.node},{credit}", "json").output
        )
        if answer["outcome"] == "queued":
            self.shown.queued.add(answer["id"])
        else:
            time.sleep(0.005)


class Torture:
    """One run: its nodes, and the kills. Each wait ends at a deadline, with `BrokenPromise`."""

    def __init__(self, directory: Path, tenure: Tenure, nodes: int, seed: int) -> None:
        self.random = Random(seed)
        self.state = StateDirectory(directory)
        settings = ClusterSettings(tenure=tenure, election_delay_s=(0.0, 0.1))
        make_anew(self.state, new_cluster(addresses(nodes, free_ports(nodes)), settings))
        self.nodes = [
            TortureNode(self.state, node, nodes, seed + node) for node in range(1, nodes + 1)
        ]
        self.total = 100 * nodes
        self.kills = Counter[str]()

    def start(self, deadline: float) -> None:
        for node in self.nodes:
            node.start()
            node.begin_paying()
        self._until(lambda: self._height() > 0, deadline, "nothing is decided")

    def kill(self, kills: int, deadline: float, progress: Callable[[], None]) -> None:
        """Kill nodes this many times, with up to three down: now and then a majority is lost."""
        down: list[tuple[float, TortureNode]] = []
        while sum(self.kills.values()) < kills:
            if time.monotonic() > deadline:
                raise BrokenPromise(f"only {sum(self.kills.values())} kills before the deadline")
            time.sleep(self.random.uniform(0.0, 0.4))
            down = self._restart_due(down)
            limit = 3 if self.random.random() < 0.1 else 2
            victim = self._victim()
            if victim is not None and len(down) < limit:
                self.kills["leader" if victim.is_leader else "other"] += 1
                victim.kill()
                down.append((time.monotonic() + self.random.uniform(0.0, 1.5), victim))
                progress()
        for _, node in down:
            node.start()

    def settle(self, deadline: float) -> None:
        """End the payments, and wait until every queue is empty and all chains are equal."""
        for node in self.nodes:
            node.end_paying()
        self._until(self._is_settled, deadline, "the nodes don't come to rest")

    def check(self) -> str:
        """Compare what was shown with the chains, and sum it up in a sentence."""
        deadline = time.monotonic() + 60
        chains = [self._chain(node, deadline) for node in self.nodes]
        if any(chain != chains[0] for chain in chains):
            raise BrokenPromise("chains differ")
        outcomes = [
            (transfer["id"], transfer["outcome"])
            for block in chains[0]
            for transfer in block["transfers"]
        ]
        times = Counter(number for number, outcome in outcomes if outcome == "applied")
        refused = {number for number, outcome in outcomes if outcome == "refused"}
        self._check_shown(times, refused)
        balances = json.loads(self.nodes[0].ask("printBalance all", deadline).output)["balances"]
        if sum(balances.values()) != self.total or min(balances.values()) < 0:
            raise BrokenPromise(f"money was made or lost: {balances}")
        decided = sum(len(node.shown.decided) for node in self.nodes)
        return (
            f"{len(self.nodes)} chains equal, {len(chains[0])} blocks, {len(times)} transfers; "
            f"{decided} shown as decided, each once in the chain; balances sum to {self.total}"
        )

    def stop(self) -> None:
        for node in self.nodes:
            node.end_paying()
            node.stop()

    def _check_shown(self, times: Counter[str], refused: set[str]) -> None:
        doubled = [number for number, count in times.items() if count > 1]
        if doubled:
            raise BrokenPromise(f"applied more than once: {doubled[:5]}")
        for node in self.nodes:
            shown = node.shown
            for what, numbers in (
                ("shown as decided but not in the chain", shown.decided - times.keys()),
                ("shown as refused but applied", shown.refused & times.keys()),
                ("queued but never decided", shown.queued - times.keys() - refused),
            ):
                if numbers:
                    raise BrokenPromise(f"{what}: {sorted(numbers)[:5]}")

    def _chain(self, node: TortureNode, deadline: float) -> list[dict[str, list[dict[str, str]]]]:
        blocks: list[dict[str, list[dict[str, str]]]] = []
        while True:
            first = len(blocks) + 1
            line = f"printBlockchain {first} {first + _BLOCKS_AT_A_TIME - 1}"
            read = json.loads(node.ask(line, deadline).output)
            if not read:
                return blocks
            blocks.extend(read)

    def _victim(self) -> TortureNode | None:
        up = [node for node in self.nodes if node.process is not None and node.client is not None]
        leaders = [node for node in up if node.is_leader]
        if leaders and self.random.random() < 0.4:
            return leaders[0]
        return self.random.choice(up) if up else None

    def _restart_due(
        self, down: list[tuple[float, TortureNode]]
    ) -> list[tuple[float, TortureNode]]:
        now = time.monotonic()
        for due, node in down:
            if due <= now:
                node.start()
        return [(due, node) for due, node in down if due > now]

    def _height(self) -> int:
        snapshots = [node.client.snapshot for node in self.nodes if node.client is not None]
        return max((snapshot.height for snapshot in snapshots if snapshot is not None), default=0)

    def _is_settled(self) -> bool:
        deadline = time.monotonic() + 60
        found = [json.loads(node.ask("printStatus", deadline).output) for node in self.nodes]
        return len({status["head"] for status in found}) == 1 and not any(
            status["queue"] for status in found
        )

    def _until(self, condition: Callable[[], bool], deadline: float, what: str) -> None:
        while not condition():
            if time.monotonic() > deadline:
                raise BrokenPromise(f"{what} before the deadline")
            for node in self.nodes:
                if node.process is not None and not node.process.is_running:
                    raise BrokenPromise(f"node {node.node} ended {node.process.how_it_ended}")
            time.sleep(0.1)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kills", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--tenure", type=click.Choice([str(tenure) for tenure in Tenure]), default="block")
@click.option("--nodes", type=click.IntRange(min=3), default=5, show_default=True)
@click.option("--seed", type=int, help="Draws the moments of the kills.")
@click.option("--seconds", type=float, default=1200.0, show_default=True, help="The deadline.")
def main(kills: int, tenure: str, nodes: int, seed: int | None, seconds: float) -> None:
    """Kill nodes under load, and look for lost or doubled money."""
    seed = seed if seed is not None else Random().randint(0, 2**31)
    deadline = time.monotonic() + seconds
    click.echo(f"tenure {tenure}, {nodes} nodes, {kills} kills, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="benmo-torture-") as directory:
        torture = Torture(Path(directory), Tenure(tenure), nodes, seed)
        try:
            torture.start(deadline)
            with click.progressbar(length=kills, label="kills", file=sys.stderr) as bar:
                torture.kill(kills, deadline, lambda: bar.update(1))
            torture.settle(deadline)
            leaders = torture.kills["leader"]
            click.echo(f"{kills} kills, {leaders} of them of a leader. {torture.check()}")
        except (BrokenPromise, Failure) as error:
            click.echo(f"FAILED (seed {seed}): {error}", err=True)
            sys.exit(1)
        finally:
            torture.stop()
