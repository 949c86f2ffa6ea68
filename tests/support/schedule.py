"""Random schedules of one seed: what a network, disks and users may do to a cluster, in any order.

Everything is checked at every turn, against what any node ever showed: a block that was decided
somewhere once stays in its slot for ever, whoever crashes and whatever is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from benmo.engine import Limits, LinkChanged, Received, Report, Submitted
from benmo.ledger import AppliedBlock, Outcome, Transfer
from benmo.paxos import Tenure
from tests.support.cluster import Cluster, Envelope
from tests.support.memory_disk import PowerCut

BALANCE = 100


class Checker:
    """Promises 2, 3 and 5, held against each block that a node applies."""

    def __init__(self, nodes: Iterable[int]) -> None:
        self.chain: list[AppliedBlock] = []
        self.applied: set[str] = set()
        self._balances = dict.fromkeys(nodes, BALANCE)
        self._last = dict.fromkeys(nodes, 0)

    def on_applied(self, node: int, block: AppliedBlock) -> None:
        slot = block.block.slot
        if slot <= len(self.chain):
            known = self.chain[slot - 1]
            assert block == known, f"node {node} has another block in slot {slot}"
            return
        assert slot == len(self.chain) + 1, f"node {node} decides slot {slot} before those below"
        self.chain.append(block)
        for transfer, outcome in block.outcomes():
            if outcome is Outcome.APPLIED:
                self._move(transfer)
            elif outcome is Outcome.REFUSED:
                self._last[transfer.debit_node] = transfer.number

    def _move(self, transfer: Transfer) -> None:
        debit, credit = transfer.debit_node, transfer.credit_node
        assert transfer.number == self._last[debit] + 1, f"{transfer.id} is out of order or twice"
        assert transfer.amount >= 1 and debit != credit
        self._last[debit] = transfer.number
        self._balances[debit] -= transfer.amount
        self._balances[credit] += transfer.amount
        self.applied.add(transfer.id)
        assert self._balances[debit] >= 0, f"{transfer.id} spends what isn't there"
        assert sum(self._balances.values()) == BALANCE * len(self._balances)


class Schedule(Cluster):
    """A cluster, and faults of all kinds, drawn from one seed."""

    def __init__(self, seed: int, nodes: int, tenure: Tenure) -> None:
        self.choose = Random(seed)
        self.checker = Checker(range(1, nodes + 1))
        self.queued: set[str] = set()
        self._sent: list[Envelope] = []
        limits = Limits(journal_bytes_max=3000)
        super().__init__(nodes, tenure, (0.0, 0.5), seed, limits, BALANCE)

    def turn(self, node: int, events: Iterable[Received | LinkChanged | Submitted]) -> Report:
        if self.machines[node].engine is None:
            return Report()
        sent_before = len(self.network.pending)
        try:
            report = super().turn(node, events)
        except PowerCut:
            self.crash(node, with_disk_fault=True)
            return Report()
        self._sent += self.network.pending[sent_before:]
        for block in report.applied:
            self.checker.on_applied(node, block)
        assert report.misbehaved == [], "only what the protocol allows was said"
        return report

    def run(self, steps: int) -> None:
        """So many things happen; then all faults end, and everything queued is decided."""
        things: list[Callable[[], None]] = [
            self._message,
            self._time,
            self._payment,
            self._refusal,
            self._crash,
            self._power_cut_in_a_turn,
            self._start,
            self._cut,
            self._heal,
        ]
        weights = [700, 140, 80, 15, 10, 10, 40, 6, 10]
        for thing in self.choose.choices(things, weights, k=steps):
            thing()
        self._end()

    # What may happen.

    def _message(self) -> None:
        """Mostly in order; 1 in 20 is lost, and 1 in 14 doubled, now or much later."""
        pending = self.network.pending
        if self.choose.random() < 0.03 and self._sent:
            self.deliver_copy(self.choose.choice(self._sent))
        if not pending:
            return
        envelope = self.choose.choice(pending) if self.choose.random() < 0.3 else pending[0]
        fate = self.choose.random()
        if fate < 0.05:
            pending.remove(envelope)
        elif fate < 0.12:
            self.deliver_copy(envelope)
        else:
            self.deliver(envelope)

    def _time(self) -> None:
        self.now += self.choose.random() * 0.3
        for node in self.up:
            if node in self.up and self.engine(node).deadline <= self.now:
                self.turn(node, [])

    def _payment(self) -> None:
        node = self._any()
        credit, amount = self.choose.choice(self.ids), self.choose.randint(1, 30)
        self._pay(node, credit, amount)

    def _refusal(self) -> None:
        node = self._any()
        bad = [(node, 5), (99, 5), (0, 5), (1 + node % len(self.ids), 0), (1, -5), (1, 10**9)]
        assert self._pay(node, *self.choose.choice(bad)) == []

    def _crash(self) -> None:
        node = self._any()
        if node in self.up:
            self.crash(node, with_disk_fault=self.choose.random() < 0.7)

    def _power_cut_in_a_turn(self) -> None:
        """Before one of the next operations on the disk, whatever that is."""
        left = self.choose.randint(1, 8)

        def before(_operation: str, _name: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise PowerCut

        self.machines[self._any()].disk.before = before

    def _start(self) -> None:
        node = self._any()
        if node not in self.up:
            self._restart(node)

    def _cut(self) -> None:
        """One direction of a link loses everything; its ends may be told."""
        one, other = self.choose.sample(self.ids, 2)
        self.network.cut.add((one, other))
        if self.choose.random() < 0.5:
            self.turn(one, [LinkChanged(other, False)])

    def _heal(self) -> None:
        if self.network.cut:
            one, other = self.choose.choice(sorted(self.network.cut))
            self.network.cut.remove((one, other))
            self.turn(one, [LinkChanged(other, True)])

    # What they share.

    def _any(self) -> int:
        return self.choose.choice(self.ids)

    def _restart(self, node: int) -> None:
        self.machines[node].disk.before = lambda _operation, _name: None
        self.start(node)

    def _pay(self, node: int, credit: int, amount: int) -> list[str]:
        """The ids of what is queued."""
        self._ticket += 1
        report = self.turn(node, [Submitted(self._ticket, ((credit, amount),))])
        runs = [admission.run for admission in report.admissions if admission.run is not None]
        queued = [transfer.id for run in runs for transfer in run.transfers()]
        self.queued.update(queued)
        return queued

    def _end(self) -> None:
        self.network.cut.clear()
        for node in self.ids:
            self.machines[node].disk.before = lambda _operation, _name: None
            if node not in self.up:
                self._restart(node)
        for one in self.ids:
            for other in self.ids:
                if one != other:
                    self.turn(one, [LinkChanged(other, True)])
        self.advance(60.0)
        self.assert_agreement()
        heights = {node: self.engine(node).ledger.height for node in self.ids}
        assert set(heights.values()) == {len(self.checker.chain)}, heights
        for node in self.ids:
            queue = self.engine(node).pool.queue
            assert len(queue) == 0, f"node {node} still waits: {queue}"
        assert self.queued <= self.checker.applied, "what was queued was decided"


def run(seed: int, nodes: int, tenure: Tenure, steps: int = 1200) -> Schedule:
    schedule = Schedule(seed, nodes, tenure)
    schedule.run(steps)
    return schedule
