"""The tour says what was seen, and no more. No node runs here; what they said is up to the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.demo.fleet import Fleet
from benmo.demo.tour.explanations import (
    all_alike,
    explain_agreement,
    explain_duel,
    explain_half_way,
    explain_healing,
    explain_taking_over,
    last_decided,
)
from benmo.demo.tour.scene import Scene
from benmo.ledger.transfers import Transfer
from benmo.notices import SlotDecided, TransferApplied
from benmo.paxos.notices import (
    BallotGivenUp,
    BlockReported,
    Defeat,
    ProposalAccepted,
    ProposalMade,
)
from benmo.paxos.types import Ballot


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give a scene of three nodes that have said nothing yet."""
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    return Scene(Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None))


def accepted(scene: Scene, nodes: str, ballot: tuple[int, int], slot: int = 4) -> None:
    for node in map(int, nodes):
        scene.tell(node, ProposalAccepted(slot, Ballot(*ballot), 1, Ballot(*ballot)))


def decided(
    scene: Scene, nodes: str, ballot: tuple[int, int], slot: int = 4, own: Transfer | None = None
) -> None:
    for node in map(int, nodes):
        scene.tell(node, SlotDecided(slot, Ballot(*ballot), Ballot.ZERO, 1))
        if own is not None:
            scene.tell(node, TransferApplied(slot, own))


def test_what_a_node_accepted_before_the_mark_counts_too(scene: Scene) -> None:
    accepted(scene, "1", (2, 1))
    scene.mark()
    accepted(scene, "3", (2, 1))
    decided(scene, "123", (2, 1))
    assert last_decided(scene) == "Slot 4 is decided: nodes 1 and 3 accepted it in ballot (2, 1)."


def test_less_than_a_majority_is_not_told_as_the_reason(scene: Scene) -> None:
    accepted(scene, "3", (2, 1))
    accepted(scene, "2", (1, 2))
    decided(scene, "123", (2, 1))
    assert last_decided(scene) == "Slot 4 is decided."
    assert explain_agreement(scene)[0] == "Slot 4 is decided."


def test_a_block_that_was_proposed_again_was_decided_in_the_later_ballot(scene: Scene) -> None:
    accepted(scene, "1", (2, 1))
    accepted(scene, "23", (3, 2))
    decided(scene, "123", (2, 1))
    assert last_decided(scene) == (
        "Slot 4 is decided: nodes 2 and 3 accepted it in ballot (3, 2). "
        "It is the block that was proposed in ballot (2, 1) at first."
    )


def test_what_was_decided_before_the_mark_is_not_told_again(scene: Scene) -> None:
    accepted(scene, "123", (2, 1))
    decided(scene, "123", (2, 1))
    scene.mark()
    assert last_decided(scene) == ""


def test_who_led_is_who_was_seen_to(scene: Scene) -> None:
    accepted(scene, "123", (3, 2))
    decided(scene, "1", (3, 2), own=Transfer(1, 4, 2, 1))
    decided(scene, "23", (3, 2))
    assert explain_agreement(scene)[0].startswith("Node 2 led already. Slot 4 is decided")
    assert "transfer of node 1 decided, and node 2 led" in explain_healing(scene, payer=1)


def test_the_slot_of_the_transfer_that_waited_is_told_and_not_a_later_one(scene: Scene) -> None:
    accepted(scene, "12", (3, 2))
    decided(scene, "1", (3, 2), own=Transfer(1, 4, 2, 1))
    accepted(scene, "13", (4, 3), slot=5)
    decided(scene, "123", (4, 3), slot=5)
    assert "Slot 4 is decided: nodes 1 and 2" in explain_healing(scene, payer=1)


def test_without_a_clash_nothing_is_told_of_one(scene: Scene) -> None:
    assert explain_duel(scene)[0] == "No node had to give a ballot up: no clash this time."
    scene.tell(1, BallotGivenUp(Ballot(6, 1), Defeat.NACK, Ballot(6, 3), 2))
    assert explain_duel(scene)[0].startswith(
        "Node 1 had ballot (6, 1) and gave it up: node 2 refused it, having promised (6, 3)."
    )


def test_a_block_that_was_taken_over_in_a_duel_is_told_as_such(scene: Scene) -> None:
    accepted(scene, "1", (6, 1))
    accepted(scene, "123", (7, 3))
    decided(scene, "123", (6, 1))
    accepted(scene, "123", (8, 3), slot=5)
    decided(scene, "123", (8, 3), slot=5)
    assert explain_duel(scene)[1].startswith(
        "Decided: slot 4 in ballot (7, 3) (the block of node 1, which had been accepted somewhere "
        "already: node 3 had to take it over) and slot 5 in ballot (8, 3)."
    )


def test_nodes_that_do_not_answer_are_not_told_to_be_alike(scene: Scene) -> None:
    assert "height" not in all_alike(scene)


def taken_over(scene: Scene, leader: int, ballot: tuple[int, int], first: tuple[int, int]) -> None:
    scene.tell(leader, BlockReported(4, Ballot(*first), Ballot(*first), (1, leader)))
    scene.tell(leader, ProposalMade(4, Ballot(*ballot), Ballot(*first)))


def test_of_a_leader_that_dies_half_way_it_is_told_how_far_its_block_had_come(scene: Scene) -> None:
    assert explain_half_way(scene, 1) == ["Node 1 is gone."]
    scene.tell(2, ProposalAccepted(4, Ballot(2, 1), 1, Ballot(2, 1)))
    assert explain_half_way(scene, 1)[0].endswith("Node 2 had accepted it: no majority.")
    scene.tell(1, ProposalAccepted(4, Ballot(2, 1), 1, Ballot(2, 1)))
    (told,) = explain_half_way(scene, 1)
    assert "Nodes 1 and 2 had accepted it: a majority, so it is decided." in told


def test_of_a_takeover_it_is_told_whose_block_it_is_who_reported_it_and_that_it_must_be(
    scene: Scene,
) -> None:
    accepted(scene, "2", (2, 1))
    scene.mark()
    taken_over(scene, 2, (3, 2), (2, 1))
    accepted(scene, "23", (3, 2))
    decided(scene, "23", (2, 1))
    rule, outcome = explain_taking_over(scene, 1)
    assert "nodes 1 and 2 had reported the block of node 1" in rule
    assert "must propose that block" in rule
    assert outcome.startswith("Slot 4 is decided: nodes 2 and 3 accepted it in ballot (3, 2).")


def test_of_a_block_that_was_decided_before_its_leader_died_that_is_told(scene: Scene) -> None:
    accepted(scene, "12", (2, 1))
    scene.mark()
    taken_over(scene, 2, (3, 2), (2, 1))
    accepted(scene, "23", (3, 2))
    decided(scene, "23", (2, 1))
    assert explain_taking_over(scene, 1)[1].startswith(
        "Here it was: nodes 1 and 2 had accepted it in ballot (2, 1), before node 1 died."
    )


def test_without_a_takeover_none_is_told(scene: Scene) -> None:
    decided(scene, "23", (2, 1))
    assert "no leader had to take it over" in explain_taking_over(scene, 1)[0]
