"""When the tour's duel is over. No node runs here; how they are is up to the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.commands.node_status import NodeSnapshot
from benmo.demo.fleet import Fleet
from benmo.demo.tour.beats import walk
from benmo.demo.tour.cast import cast
from benmo.demo.tour.scene import Scene
from benmo.demo.tour.tour import Beat
from benmo.paxos.types import GENESIS_HASH, Ballot, NodeId, Tenure

NODES = (1, 2, 3)


@dataclass
class State:
    """A node, as it shows itself and as it is."""

    height: int = 7
    shown_queue: int = 0
    queue: list[str] = field(default_factory=list)


class StillFleet(Fleet):
    """Nodes in which nothing happens by itself."""

    def __init__(self, directory: Path) -> None:
        cluster = new_cluster(addresses(len(NODES), 9001), ClusterSettings())
        super().__init__(StateDirectory(directory), cluster, lambda *_: None, lambda *_: None)
        self.states = {node: State() for node in NODES}

    def snapshot(self, node: NodeId) -> NodeSnapshot:
        state = self.states[node]
        shown = state.shown_queue
        return NodeSnapshot(
            node=node,
            role="acceptor",
            leader=1,
            ballot=Ballot(3, 1),
            promised=Ballot(3, 1),
            accepted=None,
            height=state.height,
            head=GENESIS_HASH,
            queue=shown,
            quorum=True,
            peers=(),
            balance=100,
            available=100,
            countdown_s=None,
        )

    def value(self, node: NodeId, line: str) -> object:
        assert line == "printQueue"
        return self.states[node].queue


@pytest.fixture
def fleet(tmp_path: Path) -> StillFleet:
    return StillFleet(tmp_path)


@pytest.fixture
def scene(fleet: StillFleet) -> Scene:
    marked = Scene(fleet)
    marked.mark()
    return marked


@pytest.fixture
def duel() -> Beat:
    beats = walk(cast(dict.fromkeys(NODES, 100)), Tenure.BLOCK)
    (found,) = [beat for beat in beats if "duel" in beat.command]
    assert found.command == "duel 1 2"
    return found


def decide(fleet: StillFleet) -> None:
    for state in fleet.states.values():
        state.height += 1


def test_it_is_over_once_both_were_let_loose_and_nothing_waits_any_more(
    fleet: StillFleet, scene: Scene, duel: Beat
) -> None:
    fleet.hurried.update((1, 2))
    assert not duel.has_happened(scene)
    decide(fleet)
    assert duel.has_happened(scene)


def test_what_is_decided_before_it_began_does_not_end_it(
    fleet: StillFleet, scene: Scene, duel: Beat
) -> None:
    decide(fleet)
    assert not duel.has_happened(scene)
    fleet.hurried.update((1,))
    assert not duel.has_happened(scene)


def test_one_before_the_mark_is_another_one(fleet: StillFleet, duel: Beat) -> None:
    fleet.hurried.update((1, 2))
    scene = Scene(fleet)
    scene.mark()
    decide(fleet)
    assert not duel.has_happened(scene)


@pytest.mark.parametrize("node", [1, 2])
def test_it_goes_on_while_a_node_has_something_queued_though_it_shows_that_late(
    fleet: StillFleet, scene: Scene, duel: Beat, node: NodeId
) -> None:
    fleet.hurried.update((1, 2))
    decide(fleet)
    fleet.states[node].queue = [f"{node}-1"]
    assert not duel.has_happened(scene)
    fleet.states[node].shown_queue, fleet.states[node].queue = 1, []
    assert not duel.has_happened(scene)


def test_it_goes_on_until_all_nodes_are_level(fleet: StillFleet, scene: Scene, duel: Beat) -> None:
    fleet.hurried.update((1, 2))
    decide(fleet)
    fleet.states[3].height -= 1
    assert not duel.has_happened(scene)
