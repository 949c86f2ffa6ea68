"""A sandbox that writes down what happens in it, one line each.

    < 1->2 Prepare (1, 1)          node 2 received it
    = 2 promised (1, 1)            node 2's state changed
    > 2->1 Promise (1, 1) height 0 node 2 sent it; what a node sends to itself is not shown
    ! crash 2                      a fault, or the end of one

A turn's changes of state come in a fixed order: queued, promised, leads, decided, accepted, leads
no more. A promise that came with accepting is not shown apart. A heartbeat is shown only where
something follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benmo.engine.engine import Engine
from benmo.engine.events import Admission, Event, Received, Report
from benmo.paxos.messages import Heartbeat
from benmo.paxos.types import Ballot, NodeId, Proposal, Tenure
from benmo.play.sandbox import PendingMessage, Sandbox
from benmo.sim.recording import Recording
from benmo.sim.trace import accepted_text, outcomes, text_of


def line(sign: str, pending: PendingMessage) -> str:
    """Describe a message on its way: `> 1->2 Prepare (1, 1)`."""
    return f"{sign} {pending.sender}->{pending.to} {text_of(pending.message)}"


def is_shown(pending: PendingMessage) -> bool:
    """Whether a message under way is shown: a heartbeat isn't."""
    return not isinstance(pending.message, Heartbeat)


@dataclass(frozen=True, slots=True)
class _Watched:
    """The parts of a node that are watched."""

    promised: Ballot
    accepted: Proposal | None
    leads_with: Ballot | None
    wants_to: bool

    @classmethod
    def of(cls, engine: Engine) -> _Watched:
        replica = engine.replica
        return cls(
            replica.acceptor.promised,
            replica.acceptor.accepted,
            replica.leader.ballot if replica.leader.is_active else None,
            replica.leader.is_active and not replica.leader.is_leading,
        )

    def promising(self, before: _Watched) -> list[str]:
        lines = []
        if self.promised != before.promised and not self._accepts_since(before):
            lines.append(f"promised {self.promised}")
        is_as_before = (self.leads_with, self.wants_to) == (before.leads_with, before.wants_to)
        if self.leads_with is not None and not is_as_before:
            verb = "wants to lead" if self.wants_to else "leads"
            lines.append(f"{verb} with {self.leads_with}")
        return lines

    def accepting(self, before: _Watched) -> list[str]:
        lines = []
        if self.accepted is not None and self._accepts_since(before):
            lines.append(f"accepted {accepted_text(self.accepted)}")
        if self.leads_with is None and before.leads_with is not None:
            lines.append(f"leads no more with {before.leads_with}")
        return lines

    def _accepts_since(self, before: _Watched) -> bool:
        return self.accepted is not None and self.accepted != before.accepted


class TracedSandbox(Sandbox):
    """A sandbox whose turns are written to `trace`; a node that is paused has none."""

    def __init__(
        self,
        nodes: int,
        tenure: Tenure,
        recording: Recording | None = None,
    ) -> None:
        self.trace: list[str] = []
        self.paused: dict[NodeId, list[Event]] = {}
        self.votes: dict[tuple[int, Ballot], set[NodeId]] = {}
        """By slot and ballot, the nodes that have accepted."""
        super().__init__(
            nodes,
            tenure,
            election_delay_s=(0.0, 0.0),
            seed=1,
            recording=recording,
        )
        while self.network.pending:
            self.deliver(self.network.pending[0])
        self.trace.clear()

    def turn(self, node: NodeId, events: Iterable[Event]) -> Report:
        if node in self.paused:
            self.paused[node].extend(events)
            return Report()
        events = list(events)
        sent_before = len(self.network.pending)
        before = _Watched.of(self.engine(node))
        report = super().turn(node, events)
        lines = [f"= {node} {change}" for change in self._changes(node, before, report)]
        sent = self.network.pending[sent_before:]
        lines += [line(">", pending) for pending in sent if is_shown(pending)]
        lines += [f"! {node} drops node {sender}: {why}" for sender, why in report.misbehaved]
        for event in events:
            match event:
                case Received(sender, message) if lines or not isinstance(message, Heartbeat):
                    self.trace.append(f"< {sender}->{node} {text_of(message)}")
        self.trace.extend(lines)
        return report

    def _changes(self, node: NodeId, before: _Watched, report: Report) -> list[str]:
        after = _Watched.of(self.engine(node))
        if after.accepted is not None:
            where = (after.accepted.slot, after.accepted.ballot)
            self.votes.setdefault(where, set()).add(node)
        changes = [_admission_text(admission) for admission in report.admissions]
        changes += after.promising(before)
        changes += [f"decided slot {each.block.slot}: {outcomes(each)}" for each in report.applied]
        return changes + after.accepting(before)


def _admission_text(admission: Admission) -> str:
    if admission.run is None:
        return f"refuses: {admission.reason}"
    return f"queued {' '.join(transfer.id for transfer in admission.run.transfers())}"
