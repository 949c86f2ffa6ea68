"""The view of an observer who looks into every node and onto every wire; real runs have none."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal
from benmo.play.sandbox import CLUSTER, PendingMessage, SandboxNode
from benmo.play.traced import TracedSandbox, is_shown
from benmo.quorum import quorum_of
from benmo.sim.trace import ids, run_text, text_of
from benmo.storage.node_storage import NodeStorage


@dataclass(frozen=True, slots=True)
class NodeOutlook:
    """A node as it is; of one that is down, what its disk holds.

    is_        the node's state: leader, candidate, acceptor, paused or down
    accepted   empty if nothing that may be undecided
    follows    the leader's ballot that the node knows of, ZERO for none
    """

    node: NodeId
    is_: str
    promised: Ballot
    accepted: str
    height: int
    queue: str
    balance: int
    follows: Ballot


@dataclass(frozen=True, slots=True)
class MessageOutlook:
    """A message under way; `pattern` is how a scenario names it, `frame` how a trace does."""

    number: int
    sender: NodeId
    to: NodeId
    kind: str
    text: str
    pattern: str
    frame: str


@dataclass(frozen=True, slots=True)
class DecisionOutlook:
    """The last decided slot; `known_by` are the nodes that know that it is.

    `ballot` is the first in which a majority accepted its block; ZERO if nobody saw that.
    """

    slot: int
    ballot: Ballot
    known_by: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """All nodes, all messages under way but heartbeats, and how many of these there are."""

    nodes: tuple[NodeOutlook, ...]
    messages: tuple[MessageOutlook, ...]
    heartbeats: int
    decision: DecisionOutlook | None


def outlook(sandbox: TracedSandbox) -> Outlook:
    """Look at a sandbox as it is now."""
    nodes = tuple(_node(sandbox, machine) for machine in sandbox.machines.values())
    pending = sandbox.network.pending
    shown = [each for each in pending if is_shown(each)]
    messages = tuple(
        MessageOutlook(
            each.number,
            each.sender,
            each.to,
            type(each.message).__name__,
            text_of(each.message),
            _pattern(each, shown),
            each.frame,
        )
        for each in shown
    )
    return Outlook(nodes, messages, len(pending) - len(shown), _decision(sandbox, nodes))


def _node(sandbox: TracedSandbox, machine: SandboxNode) -> NodeOutlook:
    durable, ledger, queue = _state(machine)
    engine = machine.engine
    return NodeOutlook(
        machine.node,
        _is(sandbox, machine),
        durable.promised,
        _accepted_text(durable.accepted),
        ledger.height,
        run_text(queue),
        ledger.balances[machine.node],
        Ballot.ZERO if engine is None else engine.replica.known_leader,
    )


def _state(machine: SandboxNode) -> tuple[Durable, Ledger, Run]:
    """Read what a node holds: between two turns, its memory and its disk hold the same."""
    engine = machine.engine
    if engine is not None:
        return engine.replica.durable, engine.ledger, engine.queue.own
    _, state = NodeStorage.open(machine.disk.copy(), CLUSTER, machine.node)
    return state.durable, state.ledger, state.queue


def _is(sandbox: TracedSandbox, machine: SandboxNode) -> str:
    if machine.engine is None:
        return "down"
    if machine.node in sandbox.paused:
        return "paused"
    leader = machine.engine.replica.leader
    if not leader.is_active:
        return "acceptor"
    return "leader" if leader.is_leading else "candidate"


def _accepted_text(proposal: Proposal | None) -> str:
    if proposal is None:
        return ""
    return f"{ids(proposal.block)} in {proposal.ballot}"


def _pattern(pending: PendingMessage, shown: list[PendingMessage]) -> str:
    """Name a message by kind and way, and by its place if several have the same."""

    def named(each: PendingMessage) -> str:
        return f"{type(each.message).__name__} {each.sender}->{each.to}"

    same = [each for each in shown if named(each) == named(pending)]
    place = f" {same.index(pending) + 1}" if len(same) > 1 else ""
    return f"{named(pending)}{place}"


def _decision(sandbox: TracedSandbox, nodes: tuple[NodeOutlook, ...]) -> DecisionOutlook | None:
    """Find the last slot for which a majority has accepted a block in one ballot.

    Only somebody who sees all disks can know that before a leader does.
    """
    quorum = quorum_of(len(sandbox.ids))
    chosen = [where for where, voters in sandbox.votes.items() if len(voters) >= quorum]
    slot = max([*(slot for slot, _ in chosen), *(each.height for each in nodes)])
    if not slot:
        return None
    ballot = min((ballot for each, ballot in chosen if each == slot), default=Ballot.ZERO)
    return DecisionOutlook(slot, ballot, tuple(each.node for each in nodes if each.height >= slot))
