"""What the exploration leaves out loses nothing: another one that leaves it in finds no more."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from benmo.paxos.leader import Phase
from benmo.paxos.messages import Promise
from benmo.paxos.types import Ballot, ChangeKind, Tenure
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.reductions import KnownMoment, is_spent
from benmo.sim.explore.search import Place, Search, SearchResult
from benmo.sim.explore.system import System
from benmo.sim.planted import plant

SMALL = Bounds(slots=1, crashes=0, forwarding=False)
ONE_LEADER = Bounds(leaders=1, crashes=0, campaigns=2, tenure=Tenure.BLOCK, forwarding=False)
REPLACED = replace(ONE_LEADER, changes=1, changed=1)

SYSTEMS = {
    "one slot": SMALL,
    "a crash": Bounds(leaders=1, crashes=1, forwarding=False),
    "a crash and a second campaign": replace(ONE_LEADER, slots=1, crashes=1),
    "two slots": Bounds(slots=2, crashes=0, forwarding=False),
    "two slots and forwarding": Bounds(leaders=1, crashes=0),
    "the leader replaced": REPLACED,
    "the leader replaced, and a crash": replace(REPLACED, campaigns=1, crashes=1),
    "another node removed": replace(REPLACED, kind=ChangeKind.REMOVE),
    "a stable leader replaced": replace(REPLACED, campaigns=1, tenure=Tenure.STABLE),
}

View = tuple[object, ...]
"""For each actor its chain, its promise and its vote."""


@pytest.mark.parametrize("bounds", list(SYSTEMS.values()), ids=list(SYSTEMS))
def test_the_reduced_search_reaches_what_the_unreduced_one_reaches(bounds: Bounds) -> None:
    reduced, few = explored(bounds)
    unreduced, many = explored(replace(bounds, reduces=False))
    assert few.is_whole
    assert many.is_whole
    assert few.states < many.states
    assert reduced == unreduced


@pytest.mark.parametrize(
    ("mistake", "bounds"),
    [
        ("goes-on-after-nack", SMALL),
        ("one-promise-too-few", SMALL),
        ("reported-value-ignored", SMALL),
        ("accepted-not-confirmed", SMALL),
        ("promise-to-any-ballot", SMALL),
        ("any-decision-clears-accepted", SYSTEMS["two slots"]),
        ("old-slot-adopted", SYSTEMS["two slots"]),
        ("stale-vote-counted", SYSTEMS["two slots"]),
        ("promise-not-saved", SYSTEMS["a crash"]),
        ("vote-not-durable", SYSTEMS["a crash"]),
    ],
)
def test_a_mistake_is_found_as_soon_as_by_the_unreduced_search(
    mistake: str, bounds: Bounds
) -> None:
    with plant(mistake):
        found = explored(bounds)[1], explored(replace(bounds, reduces=False))[1]
    assert found[0].counterexample is not None
    assert found[1].counterexample is not None
    assert found[0].depth <= found[1].depth


@pytest.mark.parametrize("phase", [Phase.PREPARE, Phase.CATCH_UP])
def test_a_promise_is_kept_that_a_change_may_make_needed(phase: Phase) -> None:
    """A leader that learns of a change while it catches up waits for more promises again."""
    ballot = Ballot(1, 1)
    leader = SimpleNamespace(phase=phase, ballot=ballot, is_active=True)
    replica = SimpleNamespace(leader=leader, acceptor=SimpleNamespace(promised=ballot))
    for bounds, is_kept in ((REPLACED, True), (ONE_LEADER, phase is Phase.PREPARE)):
        moment = SimpleNamespace(bounds=bounds, replica=replica, campaigns=0)
        assert is_spent(cast(KnownMoment, moment), Promise(ballot, 0, None)) is not is_kept


def explored(bounds: Bounds) -> tuple[set[View], SearchResult]:
    system = System(bounds)
    search = Search(system)
    result = search.run()
    return {view(search, nodes, len(bounds.actors)) for nodes in search.reached}, result


def view(search: Search, nodes: int, actors: int) -> View:
    moments = [search.local(Place(nodes, 0), index).moment for index in range(actors)]
    roles = [(each.chain, each.replica.acceptor) for each in moments]
    return tuple((chain, acceptor.promised, acceptor.accepted) for chain, acceptor in roles)
