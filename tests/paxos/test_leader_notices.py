"""What people are told of a leader's choice."""

from __future__ import annotations

from dataclasses import replace

from benmo.paxos.notices import BlockReported, ProposalMade
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, Proposal
from tests.paxos.leaders import MINE, promised, propose
from tests.support.replicas import (
    block,
    proposal,
)

X, Y = proposal(1, 2, 3, "x"), proposal(3, 4, 3, "y")


def told(step: Step) -> list[object]:
    return list(step.notices)


def test_of_a_new_block_it_is_told_that_no_promise_reported_one() -> None:
    leader = promised((1, 2, None), (2, 1, proposal(4, 4, 2, "old")), (3, 2, None))
    assert told(propose(leader, 2)) == [ProposalMade(3, MINE)]


def test_of_a_block_that_is_taken_over_it_is_told_whose_it_is_and_which_nodes_reported_it() -> None:
    leader = promised((1, 2, None), (2, 2, X), (3, 2, X))
    assert told(propose(leader, 2)) == [
        BlockReported(3, X.ballot, X.block.ballot, (2, 3)),
        ProposalMade(3, MINE, X.block.ballot),
    ]


def test_of_several_reported_blocks_all_are_told_and_that_the_highest_ballot_wins() -> None:
    other = Proposal(Y.ballot, replace(block(3, "y"), ballot=Y.ballot))
    leader = promised((1, 2, other), (2, 2, X), (3, 2, X))
    assert told(propose(leader, 2)) == [
        BlockReported(3, X.ballot, X.block.ballot, (2, 3)),
        BlockReported(3, Y.ballot, Y.ballot, (1,)),
        ProposalMade(3, MINE, Y.ballot, is_choice=True),
    ]


def test_the_same_block_reported_in_two_ballots_is_no_choice_between_blocks() -> None:
    again = Proposal(Ballot(4, 5), X.block)
    leader = promised((1, 2, again), (2, 2, X), (3, 2, None))
    step = propose(leader, 2)
    assert told(step)[-1] == ProposalMade(3, MINE, X.block.ballot)
    assert len(told(step)) == 3
