"""Mistakes with members: who votes, who has promised, and whose money it is."""

from __future__ import annotations

from typing import Any

from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.leader import Leader, Phase
from benmo.paxos.membership import Membership
from benmo.paxos.messages import Accepted, Message, Promise
from benmo.paxos.quorum_reads import QuorumReads
from benmo.paxos.replica import Replica
from benmo.paxos.step import Step
from benmo.paxos.types import Change, MemberId, NodeId, Proposal
from benmo.sim import operators
from benmo.sim.happenings import ChangeMembers
from benmo.sim.machine import Machine
from benmo.sim.planted.patch import Patch
from benmo.sim.roster import Roster
from benmo.sim.world import World

# Promises and votes.


def retired_promise_counted(patch: Patch) -> None:
    """The promise of a member counts for later slots, too, when it was replaced meanwhile."""

    def counted(self: Leader) -> list[tuple[NodeId, Promise]]:
        known = self._membership.all
        return [(each.node, self.promises[each.id]) for each in known if each.id in self.promises]

    def may_propose(self: Leader) -> bool:
        membership = self._membership
        return membership.is_voter(self._settings.member) and _is_many(self, membership.quorum)

    patch.set(Leader, "_counted", counted)
    patch.set(Leader, "_may_propose", property(may_propose))


def _is_many(leader: Leader, quorum: int) -> bool:
    return len(leader._counted()) >= quorum


def promises_counted_by_node(patch: Patch) -> None:
    """A promise counts for its node, whichever member of the node has made it."""
    original = Replica._route

    def route(
        self: Replica, sender: NodeId, member: MemberId, message: Message, now: float, step: Step
    ) -> None:
        if isinstance(message, Promise):
            member = _voter(self.membership, sender, member)
        original(self, sender, member, message, now, step)

    patch.set(Replica, "_route", route)


def votes_counted_by_node(patch: Patch) -> None:
    """A vote counts for its node, also if it is of a member of another slot's membership."""
    original = Leader.on_accepted

    def on_accepted(
        self: Leader, sender: NodeId, member: MemberId, message: Accepted, now: float, step: Step
    ) -> Proposal | None:
        voter = _voter(self._membership, sender, member)
        return original(self, sender, voter, message, now, step)

    patch.set(Leader, "on_accepted", on_accepted)


def _voter(membership: Membership, node: NodeId, member: MemberId) -> MemberId:
    return membership.voters[node].id if node in membership.voters else member


def leads_on_after_change(patch: Patch) -> None:
    """A leader goes on over a change of the membership with the promises that it has."""
    _always_may_propose(patch, Phase.LEAD)
    patch.set(Leader, "on_membership", lambda self, now, step: None)


def quorum_checked_before_catching_up(patch: Patch) -> None:
    """A leader counts its promises by the membership before it catches up, and never again."""
    _always_may_propose(patch, Phase.CATCH_UP)


def _always_may_propose(patch: Patch, phase: Phase) -> None:
    original = Leader.__dict__["_may_propose"]

    def may_propose(self: Leader) -> bool:
        return self.phase is phase or bool(original.fget(self))

    patch.set(Leader, "_may_propose", property(may_propose))


def stranger_proposes(patch: Patch) -> None:
    """A node proposes though its member has no vote; an earlier one may have the same ballot."""

    def may_propose(self: Leader) -> bool:
        return self._membership.has_quorum(self.promises)

    patch.set(Leader, "_may_propose", property(may_propose))
    patch.set(Replica, "is_voter", property(lambda self: True))


# When a change is in force, and how many are a majority.


def change_in_force_when_proposed(patch: Patch) -> None:
    """A change counts in the slot of its own block already, for the leader that proposes it."""

    def membership(self: Leader) -> Membership:
        now: Membership = self._application.membership
        change = None if self.proposal is None else self.proposal.block.change
        if change is None or now.why_void(change) is not None:
            return now
        known: dict[Any, Membership] = vars(self).setdefault("_ahead", {})
        if (now, change) not in known:
            assert self.proposal is not None
            known[now, change] = now.after(change, self.proposal.slot)
        return known[now, change]

    patch.set(Leader, "_membership", property(membership))


def majority_of_old_number(patch: Patch) -> None:
    """When nodes are added, a majority is still as many as it was at first."""
    original = Membership.__init__

    def init(self: Membership, members: Any) -> None:
        original(self, members)
        founders = {member.node for member in self.all if member.since == 1}
        self.quorum = len(founders) // 2 + 1

    patch.set(Membership, "__init__", init)


# Members and money.


def retired_queue_applied(patch: Patch) -> None:
    """What a member had queued is paid, though another has taken its place."""

    def is_of_member(self: Ledger, run: Run) -> bool:
        return run.debit in self.membership.voters

    patch.set(Ledger, "is_of_member", is_of_member)


def removed_with_its_money(patch: Patch) -> None:
    """A node is removed whatever it has on its account."""
    original = Ledger.why_change_void

    def why_change_void(self: Ledger, change: Any) -> str | None:
        why = original(self, change)
        return self.membership.why_void(change) if why is not None else None

    patch.set(Ledger, "why_change_void", why_change_void)


# Reads.


def confirmed_by_old_members(patch: Patch) -> None:
    """A read is confirmed by the members that were asked, though the chain has replaced some."""
    original = QuorumReads.settle

    def settle(
        self: QuorumReads, height: int, own_height: int, membership: Membership, step: Step
    ) -> None:
        for question in self._open.values():
            if question.answer is not None:
                question.membership = membership
        original(self, height, own_height, membership, step)

    patch.set(QuorumReads, "settle", settle)


# Directories.


def one_member_twice(patch: Patch) -> None:
    """An interrupted replacement that is repeated makes a second directory for the same member."""
    original = Roster.add

    def add(self: Roster, node: NodeId) -> Machine:
        machine = original(self, node)
        if len(self.of_node(node)) > 1:
            twin = self._make(node, machine.member)
            twin.create()
            self.machines[f"{machine.member}, again"] = twin
            self._of_node[node].insert(0, twin)
        return machine

    prepare = operators._prepare

    def prepare_twice(world: World, happening: ChangeMembers, change: Change) -> None:
        prepare(world, happening, change)
        twin = world.roster.machines.get(f"{change.member}, again")
        if twin is not None:
            world.after(happening.start_s + happening.period_s, world.start, twin)

    patch.set(Roster, "add", add)
    patch.set(operators, "_prepare", prepare_twice)
