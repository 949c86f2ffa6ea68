"""One node of an exploration, as a pure function: from a state and an event to the next state.

Crashes. A node may crash between two turns, and within a turn wherever something has been sent
and something else is about to be written; both a kill, which leaves what was written, and a power
cut, which leaves what was synced, are tried. That covers every other point of time:

- Before anything of a turn is written: like a crash before the turn.
- Between write and fsync: the disk has kept the lines or not. If not, this is a crash before the
  turn (or at the last point where something was sent); if so, one after the turn whose messages are
  lost.
- Between fsync and send: like a crash after the turn whose messages are lost. If only some messages
  leave, the others are lost.
- A power cut that keeps the first of two decisions: like a kill after the first. The block alone
  can always come first, since a node at that height has sent it to all that may ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf

from benmo.engine.events import Event, LinkChanged, Received, Submitted
from benmo.errors import ProtocolError, StateError
from benmo.ledger.blocks import Block as LedgerBlock
from benmo.ledger.transfers import Payments
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Accepted, Confirm, Confirmed, Message, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, NodeId
from benmo.sim.disk import MemoryDisk
from benmo.sim.explore.parts import Bounds, Parts, Sent, after_crash, create, recovered
from benmo.sim.explore.snapshot import LATER_S, ROUND_S, identity
from benmo.sim.violation import Finding, Violation
from benmo.storage.chain_file import REMEDY
from benmo.storage.node_storage import JOURNAL

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EventResult:
    """The result of an event: the node afterwards, the messages it sent, and crashes on the way.

    Each of `crashed` is the node as it came back from a crash in the middle of the event, or the
    violation that kept it from that, and the messages it had sent by then.
    """

    moment: Moment
    sent: Sent
    crashed: tuple[tuple[Moment | Violation, Sent], ...] = ()


class Moment:
    """A node between two events. Nothing changes it once it is made."""

    def __init__(
        self, bounds: Bounds, parts: Parts, chain: tuple[str, ...], campaigns: int, now: float
    ) -> None:
        self.bounds = bounds
        self.chain = chain
        """The hashes of the decided blocks."""
        self.campaigns = campaigns
        """The number of campaigns that this node has left."""
        self._parts = parts
        self._now = now

    @classmethod
    def first(cls, bounds: Bounds, node: NodeId) -> Moment:
        """Start the node for the first time, with its queue filled and durable."""
        campaigns = bounds.campaigns if node <= bounds.leaders else 0
        moment = cls._started(bounds, node, create(bounds, node), campaigns)
        if campaigns:
            payments = Payments.of(*((node % bounds.nodes + 1, 1),) * bounds.slots)
            moment._parts.engine.turn([Submitted(0, payments)], 0.0)
            moment._parts.engine.checkpoint()
        return moment

    @classmethod
    def _started(cls, bounds: Bounds, node: NodeId, disk: MemoryDisk, campaigns: int) -> Moment:
        """Start the node from this disk, with every link up at once."""
        try:
            parts = Parts.opened(bounds, node, disk)
            parts.engine.start()
            blocks = parts.storage.read(1, _READ_BYTES) if parts.storage.height else []
            peers = parts.engine.membership.peers(node)
            parts.engine.turn([LinkChanged(peer, True) for peer in peers], 0.0)
        except (AssertionError, StateError) as error:
            reason, _, _ = str(error).partition(f". {REMEDY}")
            sentence = f"node {node} can't start: {reason}"
            raise Violation(Finding("program", sentence, node=node)) from error
        assert not parts.outbox.sent, "a node that has just started knows of nobody to write to"
        return cls(bounds, parts, tuple(each.block.hash for each in blocks), campaigns, 0.0)

    @property
    def replica(self) -> Replica:
        """The replica, to look at and not to change."""
        return self._parts.engine.replica

    @property
    def node(self) -> NodeId:
        return self.replica.settings.node

    def block(self, slot: int) -> LedgerBlock:
        """Read a decided block."""
        return self._parts.copy(self._now).storage.read(slot, 1)[0].block

    @property
    def may_campaign(self) -> bool:
        """Whether the node's election delay runs, and it has campaigns left."""
        return self.campaigns > 0 and self.replica.election.deadline != inf

    @property
    def may_time_out(self) -> bool:
        """Whether the node's round may fail for lack of answers, and the node could try again.

        If it couldn't, giving up would be the same as losing all further answers.
        """
        return self.campaigns > 0 and self.replica.leader.deadline != inf

    @cached_property
    def confirmed_height(self) -> int:
        """The height that this node would report to a question now. Raises `Violation`."""
        question = Confirm(0)
        sent = self.receive(self.replica.membership.peers(self.node)[0], question).sent
        (height,) = [each.height for _, each in sent if isinstance(each, Confirmed)]
        return height

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """Equal for two moments that no later event can tell apart.

        Left out is what has no effect here:

        - what `Reachability` and the learner's request remember: they decide whom this node asks
          for blocks, and when, with a `Behind`. Each `Behind` can be delivered at any time.
        - the election's times: the exploration decides when a node campaigns.
        - a leader's time limit: its phase says whether it is set.
        - the highest round heard of, if no campaign is left to outbid it.
        - what the disk would lose, if nobody crashes.
        """
        parts, replica = self._parts, self.replica
        known = {
            id(parts.storage): self._durable if self.bounds.crashes else None,
            id(parts.outbox): None,
            id(replica.reachability): None,
            id(replica.election): (self.may_campaign, self._forwards_to),
        }
        but = {"deadline", "round_deadline", "_asked", "_asked_at", "_patience_ms"}
        if not self.campaigns:
            but.add("_highest_round")
        return (self.chain, self.campaigns, identity(parts.engine, self._now, known, but))

    @cached_property
    def _durable(self) -> tuple[object, ...]:
        """The storage, known by what is recovered from it after either kind of crash."""
        found = tuple(recovered(disk, self.node) for disk in after_crash(self._parts.disk))
        return (*found, self._parts.storage.needs_sync)

    @property
    def _forwards_to(self) -> Ballot | None:
        """The leader to which this node's queue goes, if there is anything to forward."""
        has_some = self.bounds.forwarding and len(self._parts.engine.queue.own)
        return self.replica.election.leader if has_some else None

    def receive(self, sender: NodeId, message: Message) -> EventResult:
        """Let a message arrive. Raises `Violation`, as all events do but `crash`."""
        return self._turn([Received(sender, message, numbered_member(sender))], 0.0, self.campaigns)

    def campaign(self) -> EventResult:
        """Let the election delay end."""
        return self._turn([], LATER_S, self.campaigns - 1)

    def time_out(self) -> EventResult:
        """Let the round's time limit end."""
        return self._turn([], ROUND_S, self.campaigns)

    def crash(self) -> tuple[Moment | Violation, ...]:
        """Crash the node by a kill, and by a power cut; return what comes back, if it can."""
        return self._restarts(self._parts.disk, self.campaigns, ())

    def _turn(self, events: list[Event], now: float, campaigns: int) -> EventResult:
        parts = self._parts.copy(self._now)
        try:
            report = parts.engine.turn(events, now)
        except (AssertionError, ProtocolError, StateError) as error:
            reason = f"node {self.node} fails: {type(error).__name__}: {error}"
            raise Violation(Finding("program", reason, node=self.node)) from error
        for sender, reason in report.misbehaved:
            fault = f"node {self.node} finds fault with node {sender}: {reason}"
            raise Violation(Finding("program", fault, node=self.node))
        chain = self.chain + tuple(applied.block.hash for applied in report.applied)
        after = Moment(self.bounds, parts, chain, campaigns, now)
        if parts.written == self._parts.written:
            after.__dict__["_durable"] = self._durable
        return EventResult(after, tuple(parts.outbox.sent), self._crashed(parts, campaigns))

    def _crashed(self, parts: Parts, campaigns: int) -> tuple[tuple[Moment | Violation, Sent], ...]:
        """Try the crashes in a turn, but for those that equal one after the turn."""
        if not self.bounds.crashes:
            return ()
        crashed: list[tuple[Moment | Violation, Sent]] = []
        for length, (disk, count) in parts.outbox.disks.items():
            if length != parts.disk.size(JOURNAL):
                sent = tuple(parts.outbox.sent[:count])
                crashed += [(after, sent) for after in self._restarts(disk, campaigns, sent)]
        return tuple(crashed)

    def _restarts(
        self, disk: MemoryDisk, campaigns: int, sent: Sent
    ) -> tuple[Moment | Violation, ...]:
        return tuple(self._restarted(left, campaigns, sent) for left in after_crash(disk))

    def _restarted(self, disk: MemoryDisk, campaigns: int, sent: Sent) -> Moment | Violation:
        """Restart the node; what it promised or accepted, or said it did, outlasts the crash."""
        try:
            moment = self._started(self.bounds, self.node, disk, campaigns)
        except Violation as violation:
            return violation
        said = [message.ballot for _, message in sent if isinstance(message, Promise | Accepted)]
        promised = max([self.replica.acceptor.promised, *said])
        if moment.replica.acceptor.promised < promised:
            return self._forgets(f"promised {promised}", promised)
        accepted, found = self.replica.acceptor.accepted, moment.replica.acceptor.accepted
        if accepted is None or accepted.slot <= moment.replica.learner.height:
            return moment
        if found is None or found.ballot < accepted.ballot:
            what = f"accepted slot {accepted.slot} in {accepted.ballot}"
            return self._forgets(what, accepted.ballot)
        return moment

    def _forgets(self, what: str, ballot: Ballot) -> Violation:
        sentence = f"node {self.node} forgets that it {what}"
        return Violation(Finding("acceptors", sentence, "rule A5", self.node, ballot=ballot))
