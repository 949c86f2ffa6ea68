"""Who votes in which slot, counted here anew from the decided blocks alone; the checkers ask it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Change, ChangeKind, MemberId, NodeId
from benmo.sim.machine import Machine


@dataclass(frozen=True, slots=True)
class Voters:
    """The members that vote in a slot: the id of each, by node; and all that there ever were."""

    ids: Mapping[NodeId, MemberId] = field(hash=False)
    ever: tuple[MemberId, ...]
    moved: Mapping[NodeId, int] = field(hash=False, default_factory=dict)
    """The slot in which each node's member moved last, where it has moved."""

    @property
    def quorum(self) -> int:
        return len(self.ids) // 2 + 1

    def among(self, members: Collection[MemberId]) -> list[MemberId]:
        """Those of these members that vote."""
        return [member for member in self.ids.values() if member in members]

    def has_quorum(self, members: Collection[MemberId]) -> bool:
        return len(self.among(members)) >= self.quorum

    def quorums(self, members: Collection[MemberId]) -> Iterator[tuple[MemberId, ...]]:
        """Each quorum of these members; none if too few of them vote."""
        return combinations(self.among(members), self.quorum)

    def is_voter(self, member: MemberId) -> bool:
        return member in self.ids.values()

    def is_void(self, change: Change, balance: int = 0) -> bool:
        """Whether a change has no effect; `balance` is that of its node."""
        voter, is_known = self.ids.get(change.node), change.member in self.ever
        match change.kind:
            case ChangeKind.ADD:
                return voter is not None or is_known
            case ChangeKind.REPLACE:
                return voter is None or voter != change.replaces or is_known
            case ChangeKind.REMOVE:
                is_other = voter is None or voter != change.replaces
                return is_other or balance != 0 or len(self.ids) == 1
            case ChangeKind.MOVE:
                is_late = self.moved.get(change.node, 0) != change.moved_in
                return voter is None or voter != change.replaces or is_late

    def after(self, change: Change, slot: int = 0) -> Voters:
        """The voters after a change in the block of a slot, which isn't void."""
        ids = {node: voter for node, voter in self.ids.items() if node != change.node}
        moved = {node: last for node, last in self.moved.items() if node != change.node}
        if change.kind is not ChangeKind.REMOVE:
            ids[change.node] = change.member
        if change.kind is ChangeKind.MOVE:
            moved[change.node] = slot
        is_new = bool(change.member) and change.member not in self.ever
        ever = (*self.ever, change.member) if is_new else self.ever
        return Voters(ids, ever, moved)


class History:
    """The voters of each slot, and the balances after the last decided one."""

    def __init__(self, nodes: Collection[NodeId], balance: int) -> None:
        founders = {node: numbered_member(node) for node in nodes}
        self.voters = [Voters(founders, tuple(founders.values()))]
        """The voters of slot 1, 2, …, up to the slot after the last that was shown as decided."""
        self.balances = dict.fromkeys(nodes, balance)
        self.is_void: list[bool] = []
        """For each decided slot, whether it holds a change that has no effect."""
        self.counts: Counter[str] = Counter()
        """The number of changes of each kind."""
        self.decided: set[Change] = set()
        """Every change that a block holds, the void ones included."""
        self._early: dict[int, Voters] = {}
        """The voters of later slots, as a node's ledger had them."""

    @property
    def latest(self) -> Voters:
        """The voters of the slot after the last that was shown as decided."""
        return self.voters[-1]

    def of_slot(self, slot: int, machine: Machine) -> Voters:
        """The voters of a slot, as a machine that works on it must know them.

        A machine may be ahead of what was shown: then they are those of its ledger, which is
        compared with the chain as soon as it is shown.
        """
        if slot <= len(self.voters):
            return self.voters[slot - 1]
        engine = machine.engine
        if engine is not None and engine.ledger.height == slot - 1:
            membership = engine.ledger.membership
            known = tuple(member.id for member in membership.all)
            self._early[slot] = Voters(membership.ids, known)
        return self._early.get(slot, self.latest)

    def last_slot_of(self, member: MemberId) -> int:
        """The last slot in which a member votes, among those whose voters are known; 0 for none."""
        known = enumerate(self.voters, 1)
        return max((slot for slot, voters in known if voters.is_voter(member)), default=0)

    def add(self, applied: AppliedBlock) -> None:
        """Take in the next decided block."""
        for transfer, outcome in applied.outcomes():
            if outcome is Outcome.APPLIED:
                self._move(transfer.debit_node, -transfer.amount)
                self._move(transfer.credit_node, transfer.amount)
        change, voters = applied.block.change, self.latest
        is_void = change is not None and voters.is_void(change, self._of(change.node))
        self.is_void.append(is_void)
        if change is not None:
            self.decided.add(change)
            self.counts["changes: void" if is_void else f"changes: {change.kind}"] += 1
        self.voters.append(voters if change is None or is_void else self._changed(change))
        self._early.pop(len(self.voters), None)

    def is_over(self, change: Change) -> bool:
        """Whether a change was decided, or has no effect any more."""
        return change in self.decided or self.latest.is_void(change)

    def _changed(self, change: Change) -> Voters:
        if change.kind is ChangeKind.REMOVE:
            del self.balances[change.node]
        elif change.kind is ChangeKind.ADD:
            self.balances[change.node] = 0
        return self.latest.after(change, len(self.voters))

    def _move(self, node: NodeId, amount: int) -> None:
        self.balances[node] = self._of(node) + amount

    def _of(self, node: NodeId) -> int:
        return self.balances.get(node, 0)
