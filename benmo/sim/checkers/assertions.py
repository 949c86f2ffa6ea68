"""The product's own assertions: which rule one names, and what the node had done."""

from __future__ import annotations

from collections.abc import Callable

from benmo.paxos.messages import Promise
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, NodeId
from benmo.sim.checkers.words import short
from benmo.sim.machine import Machine
from benmo.sim.violation import Finding

NAME = "assertions"
"""The name of this checker, as findings show it."""


def finding_of(machine: Machine, rule: str, recorded: Ballot) -> Finding | None:
    """Say what a node did before its own assertion of this rule failed; None for another one.

    `recorded` is what the node has recorded as its promise.
    """
    engine = machine.engine
    if engine is None or rule not in _SENTENCES:
        return None
    replica = engine.replica
    did = _SENTENCES[rule](replica, recorded)
    accepted, proposal = replica.acceptor.accepted, replica.leader.proposal
    about = proposal if rule == "P2" else accepted
    return Finding(
        NAME,
        f"node {machine.label} {did}",
        f"rule {rule}",
        machine.node,
        None if about is None else about.slot,
        replica.leader.ballot if rule.startswith("P") else replica.acceptor.promised,
    )


def _a1(replica: Replica, promised: Ballot) -> str:
    return f"promised {promised} and then promised {replica.acceptor.promised}"


def _a2(replica: Replica, promised: Ballot) -> str:
    accepted = replica.acceptor.accepted
    assert accepted is not None
    return f"promised {replica.acceptor.promised} and holds a block accepted in {accepted.ballot}"


def _a3(replica: Replica, promised: Ballot) -> str:
    accepted = replica.acceptor.accepted
    assert accepted is not None
    where = f"slot {accepted.slot} in {accepted.ballot}"
    return f"accepted {where} while its chain ended at slot {replica.learner.height}"


def _p1(replica: Replica, promised: Ballot) -> str:
    ballot = replica.leader.ballot
    if ballot.node != replica.settings.node:
        return f"leads in {ballot}, a ballot of node {ballot.node}"
    return f"leads in {ballot}, though it has promised {replica.acceptor.promised} itself"


def _p2(replica: Replica, promised: Ballot) -> str:
    leader, height = replica.leader, replica.learner.height
    assert leader.proposal is not None
    slot, block = leader.proposal.slot, leader.proposal.block
    what = f"proposed block {short(block.hash)} for slot {slot} in {leader.proposal.ballot}"
    if slot == height + 1:
        return f"{what} while it led in {leader.ballot}"
    reporters = (
        f", as node {node} at height {promise.height} had reported"
        for node, promise in promises_of(replica)
        if promise.accepted is not None and promise.accepted.block.hash == block.hash
    )
    return f"{what} while its chain ended at slot {height}{next(reporters, '')}"


def promises_of(replica: Replica) -> list[tuple[NodeId, Promise]]:
    """The promises that a leader counts, with their nodes, in the order of those."""
    promises, voters = replica.leader.promises, replica.membership.voters.values()
    return [(each.node, promises[each.id]) for each in voters if each.id in promises]


def _p3(replica: Replica, promised: Ballot) -> str:
    counted, nodes = len(promises_of(replica)), len(replica.membership.nodes)
    return f"leads in {replica.leader.ballot} with {counted} of {nodes} promises"


def _l1(replica: Replica, promised: Ballot) -> str:
    return f"made its chain shorter: it ends at slot {replica.learner.height} now"


def _r1(replica: Replica, promised: Ballot) -> str:
    accepted, learner = replica.acceptor.accepted, replica.learner
    assert accepted is not None
    where = f"slot {accepted.slot} in {accepted.ballot}"
    end = f"block {short(learner.head)} of slot {learner.height}"
    return f"accepted for {where} what doesn't continue its chain, which ends with {end}"


_SENTENCES: dict[str, Callable[[Replica, Ballot], str]] = {
    "A1": _a1,
    "A2": _a2,
    "A3": _a3,
    "P1": _p1,
    "P2": _p2,
    "P3": _p3,
    "L1": _l1,
    "R1": _r1,
}
"""By the rule that an assertion names: what a node did, in words that follow `node 3`."""
