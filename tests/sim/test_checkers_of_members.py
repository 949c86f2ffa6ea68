"""Whoever counts, counts the members of the slot: each checker fires where one doesn't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benmo.engine.events import ChangeRequested, ReadRequested, Report
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.messages import Accepted, Confirm, Confirmed, Decide, Promise
from benmo.paxos.step import AcceptRecord, Confirmation, PromiseRecord
from benmo.paxos.types import GENESIS_HASH, Change, ChangeKind, NodeId, Proposal
from benmo.sim.checkers.decisions import Decisions
from benmo.sim.checkers.durable_answers import DurableAnswers
from benmo.sim.checkers.history import History, Voters
from benmo.sim.checkers.leaders import Leaders
from benmo.sim.checkers.linearizable import Linearizable
from benmo.sim.checkers.members import Members
from benmo.sim.checkers.money import Money
from benmo.sim.machine import Turn
from benmo.sim.member_names import change_text, label_of, numbered_successor
from benmo.storage.journal import QueueRecord
from tests.sim.test_checkers import BALLOT, FACTS, QUIET, a_run, fires, new_machines
from tests.sim.test_checkers_of_the_protocol import MINE, Watched
from tests.support.replicas import received

THREE_B = numbered_successor(3, 1)
FOUR = numbered_member(4)
REPLACE = Change(ChangeKind.REPLACE, 3, numbered_member(3), THREE_B, "new", 3)
ADD = Change(ChangeKind.ADD, 4, "", FOUR, "added", 4)
REMOVE = Change(ChangeKind.REMOVE, 3, numbered_member(3))


def a_block(
    *runs: Run, slot: int = 1, change: Change | None = None, is_void: bool = False
) -> AppliedBlock:
    block = encode_block(slot, BALLOT, GENESIS_HASH, 0.0, runs, change)
    return AppliedBlock(block, is_change_void=is_void)


def after(*blocks: AppliedBlock) -> History:
    history = History(FACTS.nodes, FACTS.balance)
    for each in blocks:
        history.add(each)
    return history


# Who votes.


def test_members_are_counted_from_the_chain() -> None:
    history = after(a_block(change=REPLACE), a_block(a_run(1, 1, (2, 5)), slot=2))
    one, two, three = map(numbered_member, (1, 2, 3))
    assert [dict(each.ids) for each in history.voters] == [
        {1: one, 2: two, 3: three},
        {1: one, 2: two, 3: THREE_B},
        {1: one, 2: two, 3: THREE_B},
    ]
    assert not history.latest.has_quorum([one, three])
    assert history.latest.has_quorum([one, THREE_B])
    assert history.is_over(REPLACE) and not history.is_over(ADD)
    assert history.balances == {1: 95, 2: 105, 3: 100}


MOVE = Change(ChangeKind.MOVE, 3, numbered_member(3), numbered_member(3), "other", 3)


@pytest.mark.parametrize("change", [REPLACE, ADD, REMOVE, MOVE])
def test_a_doubled_change_is_void(change: Change) -> None:
    paid = a_block(a_run(3, 1, (1, 100)))
    history = after(paid, a_block(slot=2, change=change), a_block(slot=3, change=change))
    assert history.is_void == [False, False, True]


def test_a_change_that_names_a_wrong_member_is_void() -> None:
    voters = Voters({1: numbered_member(1), 3: THREE_B}, (THREE_B,))
    assert voters.is_void(REPLACE) and voters.is_void(REMOVE)
    assert voters.is_void(replace(ADD, member=THREE_B))
    assert voters.is_void(replace(REMOVE, replaces=THREE_B), balance=1)
    assert not voters.is_void(replace(REMOVE, replaces=THREE_B))


def test_members_have_short_names() -> None:
    assert [label_of(each) for each in (numbered_member(3), THREE_B)] == ["3", "3b"]
    texts = [change_text(each) for each in (REPLACE, ADD, REMOVE)]
    assert texts == ["replace node 3 by 3b", "add node 4", "remove node 3"]


# The checker of members.


def test_members_wants_each_ledger_to_have_the_chains_members() -> None:
    machines = new_machines()
    history = after(a_block(change=REPLACE))
    checker = Members(FACTS, machines.values(), history)
    with fires("members: for slot 2, node 2 counts on 1, 2, 3, where 1, 2, 3b vote: promise 3"):
        checker.on_turn(machines[2], QUIET)
    Members(FACTS, machines.values(), after(a_block())).on_turn(machines[2], QUIET)


@pytest.mark.parametrize("is_void", [False, True])
def test_members_wants_void_changes_to_have_no_effect(is_void: bool) -> None:
    change = REPLACE if is_void else replace(REPLACE, replaces=THREE_B)
    wrong = a_block(change=change, is_void=is_void)
    checker = Members(FACTS, (), after(wrong))
    what = "was taken for void" if is_void else "is void, and was carried out"
    with fires(f"members: the change in slot 1, .*, {what}"):
        checker.on_decided(new_machines()[1], wrong)
    right = replace(wrong, is_change_void=not is_void)
    checker.on_decided(new_machines()[1], right)


def test_members_wants_what_is_paid_to_be_queued_by_the_nodes_member() -> None:
    machine, run = new_machines()[1], a_run(1, 1, (2, 10))
    paid = a_block(run)
    checker = Members(FACTS, (), after(paid))
    with fires("1-1 .* is applied in slot 1, where node 1 pays; nobody queued it: promise 2"):
        checker.on_decided(machine, paid)
    checker.on_recorded(machine, QueueRecord(run))
    checker.on_decided(machine, paid)
    new = Change(ChangeKind.REPLACE, 1, numbered_member(1), numbered_successor(1, 1), "new", 1)
    late = a_block(run, slot=2)
    checker = Members(FACTS, (), after(a_block(change=new), late))
    checker.on_recorded(machine, QueueRecord(run))
    with fires("1-1 .* is applied in slot 2, where node 1b pays; node 1 queued it: promise 2"):
        checker.on_decided(machine, late)
    checker.on_decided(machine, replace(late, skipped=(0,)))


def test_members_wants_an_answer_for_each_operator() -> None:
    machines = new_machines()
    checker = Members(FACTS, machines.values(), after(a_block()))
    with fires("node 2 leaves an operator without an answer"):
        checker.on_turn(machines[2], Turn((ChangeRequested(5, ADD),), Report()))


def test_members_wants_a_new_member_to_know_that_it_votes() -> None:
    machines = new_machines()
    machines[3].member = THREE_B
    checker = Members(FACTS, machines.values(), after(a_block(change=REPLACE)))
    assert machines[3].engine is not None
    checker.at_end([machines[1]])
    machines[3].engine.replica._membership = numbered((1, 2))
    with fires("node 3b doesn't know that it votes"):
        checker.at_end([machines[3]])


# Those who count.


class Replaced(Watched):
    """Node 2 of three, of which node 3 was replaced in slot 1; it works on slot 2."""

    def __init__(self, kind: type) -> None:
        super().__init__(kind)
        self.checker.history.add(a_block(change=REPLACE))
        self.block = encode_block(2, MINE, "f" * 64, 0.0, (a_run(1, 1, (2, 1)),))

    def hears_of(self, sender: NodeId, member: str, message: object) -> None:
        event = replace(received(sender, message), member=member)  # type: ignore[arg-type]
        self.checker.on_arrived(self.machine, event)


def test_p3_only_promises_of_the_slots_members_count() -> None:
    leader = Replaced(Leaders)
    leader.records(PromiseRecord(MINE))
    leader.hears(3, Promise(MINE, 1, None))
    sentence = "with the promises of node 2 alone, 1 of 3, besides node 3 without a vote: rule P3"
    with fires(sentence):
        leader.records(AcceptRecord(Proposal(MINE, leader.block)))
    leader = Replaced(Leaders)
    leader.records(PromiseRecord(MINE))
    leader.hears_of(3, THREE_B, Promise(MINE, 1, None))
    leader.records(AcceptRecord(Proposal(MINE, leader.block)))


def test_p3_only_a_member_of_the_slot_proposes() -> None:
    leader = Replaced(Leaders)
    leader.machine.member = numbered_successor(2, 1)
    leader.records(PromiseRecord(MINE))
    leader.hears(1, Promise(MINE, 1, None))
    leader.hears_of(3, THREE_B, Promise(MINE, 1, None))
    with fires("node 2b proposed block .*, in which those of nodes 1, 2 and 3b vote: rule P3"):
        leader.records(AcceptRecord(Proposal(MINE, leader.block)))


def test_p7_only_votes_of_the_slots_members_count() -> None:
    leader = Replaced(Decisions)
    leader.records(AcceptRecord(Proposal(MINE, leader.block)))
    leader.hears(3, Accepted(MINE, 2))
    with fires("node 2 decided slot 2 in .* with the votes of node 2 alone, 1 of 3: rule P7"):
        leader.says(Decide(2, MINE, leader.block.hash))
    leader.hears_of(3, THREE_B, Accepted(MINE, 2))
    leader.says(Decide(2, MINE, leader.block.hash))


def test_durable_answers_wants_the_disks_of_the_slots_members() -> None:
    machines = new_machines()
    block = a_block(a_run(1, 1, (2, 20)), slot=2)
    for node in (2, 3):
        machines[node].disk.append("journal.jsonl", block.block.data)
        machines[node].disk.sync("journal.jsonl")
    DurableAnswers(FACTS, machines.values()).on_decided(machines[1], block)
    checker = DurableAnswers(FACTS, machines.values(), after(a_block(change=REPLACE)))
    with fires("node 1 shows slot 2 as decided, but only node 2 holds it for certain"):
        checker.on_decided(machines[1], block)


def test_linearizable_wants_the_answers_of_those_that_vote_above() -> None:
    machines = new_machines()
    told = Turn((), Report(confirmations=[Confirmation(7, 1)]))
    for member, is_enough in ((numbered_member(3), False), (THREE_B, True)):
        checker = Linearizable(FACTS, machines.values(), after(a_block(change=REPLACE)))
        checker._asked[7] = (machines[2].member, 0, 0)
        checker.on_sent(machines[2], 3, Confirm(5))
        checker.on_arrived(machines[2], replace(received(3, Confirmed(5, 1)), member=member))
        if is_enough:
            checker.on_turn(machines[2], told)
            continue
        sentence = "takes height 1 for confirmed by nodes 2 and 3, where those of nodes 1, 2 and 3b"
        with fires(sentence):
            checker.on_turn(machines[2], told)


def test_linearizable_wants_answers_to_the_question_itself() -> None:
    machines = new_machines()
    checker = Linearizable(FACTS, machines.values())
    checker.on_sent(machines[2], 3, Confirm(5))
    checker.on_asked(machines[2], ReadRequested(7))
    checker.on_sent(machines[2], 3, Confirm(6))
    checker.on_arrived(machines[2], received(3, Confirmed(5, 1)))
    told = Turn((), Report(confirmations=[Confirmation(7, 1)]))
    with fires("node 2 takes height 1 for confirmed by node 2, where those of nodes 1, 2 and 3"):
        checker.on_turn(machines[2], told)


def test_money_wants_a_node_to_leave_without_any() -> None:
    machine, checker = new_machines()[1], Money(FACTS, ())
    with fires("money: node 3 is removed, and 100 with it: promise 5"):
        checker.on_decided(machine, a_block(change=REMOVE))
    checker = Money(FACTS, ())
    checker.on_decided(machine, a_block(a_run(3, 1, (1, 100)), change=REMOVE))
    checker.on_decided(machine, a_block(slot=2, change=ADD))
    assert checker._balances[-1] == {1: 200, 2: 100, 4: 0}
