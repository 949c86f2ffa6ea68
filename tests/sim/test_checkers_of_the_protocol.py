"""Each rule of docs/protocol.md that is watched from outside: broken, it is named; kept, not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Accept, Accepted, Blocks, Decide, Message, Prepare, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import Ballot, NodeId, Proposal
from benmo.sim.checkers.acceptors import Acceptors
from benmo.sim.checkers.assertions import finding_of
from benmo.sim.checkers.checker import Checker
from benmo.sim.checkers.decisions import Decisions
from benmo.sim.checkers.leaders import Leaders
from benmo.sim.checkers.words import nodes_text
from benmo.sim.machine import Machine
from benmo.sim.member_names import numbered_successor
from benmo.storage.journal import JournalRecord, NodeState, encode_record
from tests.sim.test_checkers import BALLOT, FACTS, HIGH, LOW, ONE, OTHER, QUIET, TWO, _found, fires
from tests.sim.test_faults import Small
from tests.support.replicas import received

X, Y, NEXT = ONE.block, OTHER.block, TWO.block
MINE, HIGHER = Ballot(7, 2), Ballot(8, 2)
"""Ballots of node 2, which the tests look at."""
OLD = Ballot(3, 3)


class Watched:
    """A checker, and node 2 of three that have decided nothing."""

    def __init__(self, kind: type[Checker]) -> None:
        self.machines = Small(pays_at_end=False).machines
        self.checker = kind(FACTS, self.machines.values())
        self.machine = self.machines[2]
        self._found = _found(self.machine)
        self.checker.on_start(self.machine, self.found())

    def found(self, **changes: object) -> NodeState:
        return replace(self._found, **changes)  # type: ignore[arg-type]

    def records(self, *records: JournalRecord, is_synced: bool = True) -> None:
        """Let node 2 record, and have it all on its disk."""
        for record in records:
            self.checker.on_recorded(self.machine, record)
            self.machine.disk.append("journal.jsonl", encode_record(record, 0))
        if is_synced:
            self.machine.disk.sync("journal.jsonl")

    def hears(self, sender: NodeId, *messages: Message) -> None:
        for message in messages:
            self.checker.on_arrived(self.machine, received(sender, message))

    def says(self, *messages: Message) -> None:
        for message in messages:
            self.checker.on_sent(self.machine, 1, message)


# The acceptor.


def test_a1_a_promise_never_goes_back() -> None:
    acceptor = Watched(Acceptors)
    acceptor.records(PromiseRecord(LOW), PromiseRecord(BALLOT))
    with fires(r"acceptors: node 2 promised \(5, 1\) and then promised \(4, 2\): rule A1"):
        acceptor.records(PromiseRecord(LOW))
    with fires(r"node 2 promised \(5, 1\) and then accepted slot 1 in \(4, 2\): rule A1"):
        acceptor.records(AcceptRecord(Proposal(LOW, X)))
    acceptor.records(AcceptRecord(Proposal(BALLOT, X)), AcceptRecord(Proposal(HIGH, X)))
    with fires(r"node 2 promised \(6, 3\) and then promised \(5, 1\)"):
        acceptor.records(PromiseRecord(BALLOT))


def test_a3_only_the_next_slot_is_accepted() -> None:
    acceptor = Watched(Acceptors)
    with fires(r"node 2 accepted slot 2 in \(5, 1\) while its chain ended at slot 0: rule A3"):
        acceptor.records(AcceptRecord(Proposal(BALLOT, NEXT)))
    acceptor.records(AcceptRecord(Proposal(BALLOT, X)), DecideRecord(X, BALLOT))
    with fires("rule A3"):
        acceptor.records(AcceptRecord(Proposal(BALLOT, X)))
    acceptor.records(AcceptRecord(Proposal(BALLOT, NEXT)))


def test_a4_what_is_said_is_on_disk_before() -> None:
    for ballot, said in ((BALLOT, Promise(BALLOT, 0, None)), (MINE, Prepare(MINE))):
        acceptor = Watched(Acceptors)
        name = type(said).__name__
        sentence = rf"node 2 sent {name} \({ballot.round}, .\) before its promise was on its disk"
        with fires(f"{sentence}: rule A4"):
            acceptor.says(said)
        acceptor.records(PromiseRecord(ballot), is_synced=False)
        with fires(sentence):
            acceptor.says(said)
        acceptor.records()
        acceptor.says(said)


def test_a4_a_vote_is_on_disk_before() -> None:
    acceptor = Watched(Acceptors)
    sentence = r"node 2 sent Accepted for slot 1 in \(5, 1\) before the block was on its disk"
    with fires(f"{sentence}: rule A4"):
        acceptor.says(Accepted(BALLOT, 1))
    acceptor.records(AcceptRecord(Proposal(BALLOT, X)), is_synced=False)
    with fires(sentence):
        acceptor.says(Accepted(BALLOT, 1))
    acceptor.records()
    acceptor.says(Accepted(BALLOT, 1))
    with fires("rule A4"):
        acceptor.says(Accepted(HIGH, 1))
    acceptor.machine.is_damaged = True
    acceptor.records(AcceptRecord(Proposal(HIGH, X)), is_synced=False)
    acceptor.says(Accepted(HIGH, 1))


def test_a5_promises_are_kept_over_turns_and_starts() -> None:
    acceptor = Watched(Acceptors)
    acceptor.records(PromiseRecord(BALLOT))
    acceptor.says(Promise(BALLOT, 0, None))
    for kept in (BALLOT, HIGH):
        acceptor.checker.on_start(acceptor.machine, acceptor.found(promised=kept))
    sentence = r"node 2 promised \(5, 1\), and now knows only of \(4, 2\): rule A5"
    with fires(sentence):
        acceptor.checker.on_start(acceptor.machine, acceptor.found(promised=LOW))
    engine = acceptor.machine.engine
    assert engine is not None
    engine.replica.acceptor.promised = LOW
    with fires(sentence):
        acceptor.checker.on_turn(acceptor.machine, QUIET)


def test_a5_two_members_of_a_node_are_two_acceptors() -> None:
    acceptor = Watched(Acceptors)
    acceptor.records(PromiseRecord(BALLOT))
    acceptor.says(Promise(BALLOT, 0, None))
    other = Small(pays_at_end=False).machines[2]
    other.member = numbered_successor(2, 1)
    acceptor.checker.on_start(other, acceptor.found())
    acceptor.checker.on_recorded(other, PromiseRecord(LOW))
    acceptor.checker.on_turn(other, QUIET)
    with fires(r"node 2 promised \(5, 1\), and now knows only of \(0, 0\): rule A5"):
        acceptor.checker.on_start(acceptor.machine, acceptor.found())


def test_a5_what_was_accepted_is_kept_and_reported() -> None:
    acceptor = Watched(Acceptors)
    acceptor.records(AcceptRecord(Proposal(BALLOT, X)))
    acceptor.says(Accepted(BALLOT, 1))
    acceptor.records(PromiseRecord(HIGH))
    acceptor.says(Promise(HIGH, 0, Proposal(BALLOT, X)), Promise(HIGH, 1, None))
    for report in (None, Proposal(LOW, X)):
        with fires(
            r"node 2 accepted slot 1 in \(5, 1\) and then promised \(6, 3\) without reporting that"
        ):
            acceptor.says(Promise(HIGH, 0, report))
        with fires(r"node 2 accepted slot 1 in \(5, 1\), and forgot it undecided: rule A5"):
            found = acceptor.found(promised=HIGH, accepted=report)
            acceptor.checker.on_start(acceptor.machine, found)
    for ballot in (BALLOT, HIGH):
        found = acceptor.found(promised=HIGH, accepted=Proposal(ballot, X))
        acceptor.checker.on_start(acceptor.machine, found)


# The leader.


def leader(*promises: tuple[NodeId, Promise]) -> Watched:
    """Node 2 has promised its own ballot, and heard these promises."""
    watched = Watched(Leaders)
    watched.records(PromiseRecord(MINE))
    for sender, promise in promises:
        watched.hears(sender, promise)
    return watched


def test_p1_a_node_leads_in_its_own_ballot_only() -> None:
    with fires(r"leaders: node 2 campaigns in \(5, 1\), a ballot of node 1: rule P1"):
        leader().says(Prepare(BALLOT))
    with fires(r"node 2 proposed block .* for slot 1 in \(5, 1\), a ballot of node 1: rule P1"):
        leader().says(Accept(Proposal(BALLOT, X)))


def test_p3_a_leader_proposes_with_a_quorum_of_promises_for_its_ballot() -> None:
    others = [(1, Promise(HIGHER, 0, None)), (2, Promise(MINE, 0, None))]
    for heard in ([], others):
        with fires(
            rf"node 2 proposed block {X.hash[:8]} for slot 1 in \(7, 2\) with the promises of "
            "node 2 alone, 1 of 3: rule P3"
        ):
            leader(*heard).says(Accept(Proposal(MINE, X)))
    leader((1, Promise(MINE, 0, None))).says(Accept(Proposal(MINE, X)))
    forgetful = leader((1, Promise(MINE, 0, None)))
    forgetful.checker.on_death(forgetful.machine)
    with fires("with no promise, 0 of 3: rule P3"):
        forgetful.records(AcceptRecord(Proposal(MINE, X)))


def test_p4_a_leader_catches_up_before_it_proposes() -> None:
    ahead = Promise(MINE, 1, None)
    with fires(r"in \(7, 2\), though it had heard that node 3 is at height 1: rule P4"):
        leader((3, ahead)).says(Accept(Proposal(MINE, X)))
    leader((3, ahead)).says(Accept(Proposal(MINE, NEXT)))
    leader((1, Promise(MINE, 0, None)), (3, ahead)).says(Accept(Proposal(MINE, X)))


def test_p5_a_leader_proposes_what_was_accepted_in_the_highest_ballot() -> None:
    low, high = Promise(MINE, 0, Proposal(LOW, X)), Promise(MINE, 0, Proposal(BALLOT, Y))
    with fires(rf"though node 1 had accepted block {X.hash[:8]} in \(4, 2\): rule P5"):
        leader((1, low)).says(Accept(Proposal(MINE, Y)))
    watched = Watched(Leaders)
    watched.records(AcceptRecord(Proposal(OLD, X)), PromiseRecord(MINE))
    watched.hears(3, high)
    with fires(
        rf"though node 3 had accepted block {Y.hash[:8]} in \(5, 1\) and it itself had accepted "
        rf"block {X.hash[:8]} in \(3, 3\): rule P5"
    ):
        watched.says(Accept(Proposal(MINE, X)))
    watched = Watched(Leaders)
    watched.records(AcceptRecord(Proposal(OLD, X)), PromiseRecord(MINE))
    watched.hears(3, high)
    watched.says(Accept(Proposal(MINE, Y)))
    leader((1, low)).says(Accept(Proposal(MINE, X)))
    leader((1, low)).says(Accept(Proposal(MINE, NEXT)))


# Decisions.


def counting(*votes: tuple[NodeId, Accepted]) -> Watched:
    """Node 2 has proposed and accepted a block in its ballot, and heard these votes."""
    watched = Watched(Decisions)
    watched.records(AcceptRecord(Proposal(MINE, X)))
    for sender, vote in votes:
        watched.hears(sender, vote)
    return watched


@pytest.mark.parametrize(
    "votes",
    [
        (),
        ((1, Accepted(HIGHER, 1)),),
        ((1, Accepted(MINE, 2)),),
        ((2, Accepted(MINE, 1)), (2, Accepted(MINE, 1))),
    ],
)
def test_p7_a_leader_counts_a_quorum_of_votes(votes: tuple[tuple[NodeId, Accepted], ...]) -> None:
    sentence = (
        r"decisions: node 2 decided slot 1 in \(7, 2\) with the votes of node 2 alone, 1 of 3: "
        "rule P7"
    )
    with fires(sentence):
        counting(*votes).says(Decide(1, MINE, X.hash))
    with fires(sentence):
        counting(*votes).records(DecideRecord(X, MINE))
    enough = counting(*votes, (3, Accepted(MINE, 1)))
    enough.says(Decide(1, MINE, X.hash))
    enough.records(DecideRecord(X, MINE))


def test_p7_a_leaders_own_vote_counts_once_it_is_on_disk() -> None:
    watched = Watched(Decisions)
    watched.records(AcceptRecord(Proposal(MINE, X)), is_synced=False)
    watched.hears(3, Accepted(MINE, 1))
    with fires("votes of nodes 2 and 3 alone, 2 of 3, and its own block wasn't on its disk yet"):
        watched.says(Decide(1, MINE, X.hash))
    watched.records()
    watched.says(Decide(1, MINE, X.hash))


def test_l1_a_chain_only_grows_by_the_next_block() -> None:
    watched = Watched(Decisions)
    watched.hears(1, Blocks((X, Y, NEXT), 2))
    with fires("node 2 appended block .* of slot 2 to a chain that ended .* of slot 0: rule L1"):
        watched.records(DecideRecord(NEXT, Ballot.ZERO))
    watched.records(DecideRecord(X, Ballot.ZERO))
    with fires("rule L1"):
        watched.records(DecideRecord(X, Ballot.ZERO))
    watched.records(DecideRecord(NEXT, Ballot.ZERO))


def test_l2_a_node_takes_for_decided_what_it_is_told() -> None:
    watched = Watched(Decisions)
    watched.records(AcceptRecord(Proposal(BALLOT, X)))
    with fires("node 2 took block .* for decided in slot 1, of which nobody had told it: rule L2"):
        watched.records(DecideRecord(X, BALLOT))
    watched.hears(3, Decide(1, HIGH, Y.hash))
    with fires(r"which it had accepted in \(5, 1\), when told that \(6, 3\) decided: rule L2"):
        watched.records(DecideRecord(X, BALLOT))
    for news in (Decide(1, BALLOT, X.hash), Accept(Proposal(HIGH, NEXT)), Blocks((X,), 1)):
        told = Watched(Decisions)
        told.records(AcceptRecord(Proposal(BALLOT, X)))
        told.hears(1, news)
        told.records(DecideRecord(X, BALLOT))


# The product's own assertions.


def _asserted(rule: str, replica: object) -> str:
    machine = SimpleNamespace(
        node=2, label="2", engine=SimpleNamespace(replica=cast(Replica, replica))
    )
    return str(finding_of(cast(Machine, machine), rule, HIGH))


def test_an_assertion_that_names_a_rule_is_worded() -> None:
    machine = Small(pays_at_end=False).machines[2]
    assert machine.engine is not None
    replica = machine.engine.replica
    replica.acceptor.promised, replica.acceptor.accepted = BALLOT, Proposal(HIGH, NEXT)
    replica.leader.ballot, replica.leader.proposal = LOW, Proposal(LOW, NEXT)
    for rule, did in {
        "A1": "promised (6, 3) and then promised (5, 1)",
        "A2": "promised (5, 1) and holds a block accepted in (6, 3)",
        "A3": "accepted slot 2 in (6, 3) while its chain ended at slot 0",
        "P1": "leads in (4, 2), though it has promised (5, 1) itself",
        "P2": f"proposed block {NEXT.hash[:8]} for slot 2 in (4, 2) while its chain ended at "
        "slot 0",
        "P3": "leads in (4, 2) with 0 of 3 promises",
        "L1": "made its chain shorter: it ends at slot 0 now",
        "R1": "accepted for slot 2 in (6, 3) what doesn't continue its chain, which ends with "
        "block 00000000 of slot 0",
    }.items():
        assert _asserted(rule, replica) == f"assertions: node 2 {did}: rule {rule}"
    replica.leader.ballot = BALLOT
    assert "leads in (5, 1), a ballot of node 1: rule P1" in _asserted("P1", replica)
    assert finding_of(machine, "something else", HIGH) is None


def test_nodes_are_listed() -> None:
    one, three, five = map(numbered_member, (1, 3, 5))
    assert nodes_text([three]) == "node 3"
    assert nodes_text([three, one]) == "nodes 1 and 3"
    assert nodes_text({five, one, numbered_successor(3, 1)}) == "nodes 1, 3b and 5"
