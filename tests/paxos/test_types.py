"""Ballots, proposals and settings: what must hold of them before any message is sent."""

from __future__ import annotations

from math import nan

import pytest

from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Ballot, Proposal, Settings
from tests.support.replicas import block, settings


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        (Ballot(1, 1), Ballot(1, 2)),
        (Ballot(1, 5), Ballot(2, 1)),
        (Ballot(2, 1), Ballot(10, 1)),
        (Ballot(9, 9), Ballot(10, 0)),
    ],
)
def test_ballots_are_ordered_by_round_and_then_by_node(lower: Ballot, higher: Ballot) -> None:
    assert lower < higher
    assert not higher <= lower


@pytest.mark.parametrize("node", [1, 2, 99])
def test_zero_is_below_every_ballot_that_a_node_can_take(node: int) -> None:
    assert Ballot(1, node) > Ballot.ZERO


def test_different_nodes_never_have_the_same_ballot() -> None:
    """*Paxos Made Simple*, section 2.2: "different proposals have different numbers"."""
    ballots = {Ballot(round, node) for round in range(1, 4) for node in range(1, 6)}
    assert len(ballots) == 3 * 5


def test_a_ballot_is_written_as_people_say_it() -> None:
    assert str(Ballot(3, 1)) == "(3, 1)"


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (Proposal(Ballot(1, 1), block(1, "a")), True),
        (Proposal(Ballot(2, 1), block(1, "a")), False),
        (Proposal(Ballot(1, 1), block(1, "b")), False),
        (Proposal(Ballot(1, 1), block(2, "a")), False),
        (None, False),
    ],
)
def test_a_proposal_is_the_same_in_ballot_and_block(other: Proposal | None, is_same: bool) -> None:
    assert Proposal(Ballot(1, 1), block(1, "a")).is_same_as(other) is is_same


def test_a_peer_may_be_silent_for_three_heartbeats() -> None:
    assert Settings(1, numbered_member(1), heartbeat_s=0.5).silence_s == 1.5


@pytest.mark.parametrize("delay", [(60.0, 20.0), (-1.0, 20.0), (nan, 20.0), (0.0, nan)])
def test_an_election_delay_is_a_range_from_zero_up(delay: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        settings(election_delay_s=delay)


@pytest.mark.parametrize("delay", [(0.0, 0.0), (5.0, 5.0), (20.0, 60.0)])
def test_an_election_delay_may_be_zero_or_always_the_same(delay: tuple[float, float]) -> None:
    assert settings(election_delay_s=delay).election_delay_s == delay
