"""Operators change the membership of a small cluster; old members come back; disks are lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from benmo.paxos.types import ChangeKind, NodeId, Tenure
from benmo.sim import draw, draw_members
from benmo.sim.calm import calm, survivors_of
from benmo.sim.draw import draw_plan
from benmo.sim.happenings import ChangeMembers, DamageDisk, DamageKind
from benmo.sim.machine import Machine
from benmo.sim.operators import lose, may_lose
from benmo.sim.run import run
from benmo.sim.trace import Trace
from benmo.sim.violation import Violation
from tests.sim.test_faults import Small


def a_change(kind: ChangeKind, node: NodeId, **changes: Any) -> ChangeMembers:
    """A change that one program asks for every second, of a node that is killed for good."""
    change = ChangeMembers(
        0.0,
        kind,
        node,
        is_newest=False,
        is_lost=False,
        is_killed=True,
        back_s=500.0,
        start_s=0.5,
        is_emptied=False,
        is_stale=False,
        askers=1,
        late=0,
        period_s=1.0,
    )
    return replace(change, **changes)


def voters(small: Small) -> list[str]:
    """The names of the members that vote now."""
    by_id = {each.member: each.label for each in small.world.roster.machines.values()}
    return sorted(by_id[member] for member in small.world.watchers.history.latest.ids.values())


def named(small: Small, label: str) -> Machine:
    return next(each for each in small.world.roster.machines.values() if each.label == label)


# Replaced.


@pytest.mark.parametrize("tenure", list(Tenure))
def test_a_lost_disk_is_replaced_and_the_new_member_votes(tenure: Tenure) -> None:
    small = Small(tenure=tenure)
    small.pay(1, 2)
    small.wait(2.0)
    small.happen(a_change(ChangeKind.REPLACE, 2, is_lost=True))
    assert named(small, "2").disk.names() == []
    small.wait(10.0)
    assert voters(small) == ["1", "2b", "3"]
    assert small.has_line("decided slot 2: replace node 2 by 2b")
    named(small, "3").is_out = True
    small.world.die(named(small, "3"), True, "dies")
    small.pay(1, 2)
    small.wait(20.0)
    engine = named(small, "2b").engine
    assert engine is not None and engine.ledger.height == 3, "decided by nodes 1 and 2b"


def test_an_old_member_comes_back_and_ends_once_it_knows() -> None:
    small = Small()
    small.happen(a_change(ChangeKind.REPLACE, 2, back_s=5.0))
    old = named(small, "2")
    assert old.engine is None
    small.wait(4.0)
    assert voters(small) == ["1", "2b", "3"]
    small.wait(1.1)
    assert small.world.roster.living(2)[0] is old
    assert small.world.counts["old members that came back"] == 1
    small.wait(60.0)
    assert old not in small.world.roster.living(2)
    assert old.is_out
    assert small.has_line("node 2 is retired, and ends")


def test_an_old_member_that_goes_on_has_no_vote() -> None:
    small = Small()
    small.world.network.cut(7, ((2, 1), (2, 3), (1, 2), (3, 2)))
    small.happen(a_change(ChangeKind.REPLACE, 2, is_killed=False, start_s=50.0))
    small.wait(5.0)
    old = named(small, "2").engine
    assert old is not None and old.replica.is_voter, "it has not heard of anything"
    assert voters(small) == ["1", "2b", "3"]


# Added, removed, moved.


def test_a_node_is_added_and_another_takes_its_number_once_it_is_removed() -> None:
    small = Small()
    small.happen(a_change(ChangeKind.ADD, 1))
    small.wait(8.0)
    assert voters(small) == ["1", "2", "3", "4"]
    small.happen(a_change(ChangeKind.REMOVE, 1, is_newest=True))
    small.wait(8.0)
    assert voters(small) == ["1", "2", "3"]
    assert named(small, "4").engine is None
    small.happen(a_change(ChangeKind.ADD, 1, is_newest=True))
    small.wait(8.0)
    assert voters(small) == ["1", "2", "3", "4b"]


def test_a_node_is_removed_only_once_its_account_is_empty() -> None:
    small = Small()
    small.happen(a_change(ChangeKind.ADD, 1))
    small.wait(8.0)
    small.happen(a_change(ChangeKind.REMOVE, 3))
    small.wait(8.0)
    assert voters(small) == ["1", "2", "3", "4"]
    assert small.has_line("refuses to change the members: node 3 has 100 on its account")
    small.pay(3, 1, 100)
    small.wait(8.0)
    assert voters(small) == ["1", "2", "4"]


def test_a_node_moves_once() -> None:
    small = Small()
    small.happen(a_change(ChangeKind.MOVE, 2, late=2))
    small.wait(20.0)
    assert voters(small) == ["1", "2", "3"]
    engine = named(small, "1").engine
    assert engine is not None and engine.membership.voters[2].host == "moved"
    assert small.world.counts["changes asked for"] >= 3


def test_a_change_that_names_a_wrong_member_does_nothing() -> None:
    small = Small()
    small.happen(a_change(ChangeKind.REPLACE, 2, is_stale=True, late=3))
    small.wait(10.0)
    assert voters(small) == ["1", "2", "3"]
    assert small.world.counts["changes asked for"] == 3


# What is held back.


def test_no_more_disks_are_lost_than_a_majority_can_bear() -> None:
    small = Small()
    one, two, three = small.of(1, 2, 3)
    assert may_lose(small.world, one)
    lose(small.world, one)
    assert not may_lose(small.world, two)
    small.happen(DamageDisk(0.0, 2, DamageKind.LOSS, 0.0, False))
    assert small.is_alive(2) and not two.is_damaged
    small.happen(a_change(ChangeKind.REPLACE, 1))
    small.wait(10.0)
    assert voters(small) == ["1b", "2", "3"]
    assert may_lose(small.world, two), "now that another disk is in the place of the first"
    assert may_lose(small.world, three)


def test_a_change_is_held_back_that_would_cost_the_majority() -> None:
    small = Small()
    lose(small.world, small.machines[1])
    small.happen(a_change(ChangeKind.ADD, 4))
    assert small.world.counts["changes held back"] == 0, "three of four are a majority"
    small.wait(10.0)
    assert voters(small) == ["1", "2", "3", "4"]
    small.happen(a_change(ChangeKind.REMOVE, 4))
    assert small.world.counts["changes held back"] == 0, "two of three, too"
    small.wait(10.0)
    assert voters(small) == ["1", "2", "3"]


def test_the_survivors_are_a_majority_before_and_after_each_change() -> None:
    small = Small(survivors=(1, 2))
    small.world.network.mute(7, ("Prepare",), 1.0)
    small.happen(a_change(ChangeKind.REPLACE, 2, is_lost=True))
    small.wait(2.0)
    assert voters(small) == ["1", "2", "3"], "nothing is decided"
    labels = [machine.label for machine in survivors_of(small.world)]
    assert labels == ["1", "2b", "3"]
    calm(small.world)
    small.wait(20.0)
    assert voters(small) == ["1", "2b", "3"]
    assert not small.world.watchers.liveness.why_not(survivors_of(small.world))


# Drawn.


def _hash_without(seed: int) -> str:
    """The hash of a seed's trace without its changes."""
    plan = draw_plan(seed, 5, Tenure.STABLE)
    changes = draw_members.draw_changes(seed, plan.nodes, plan.faults_s)
    kept = tuple(each for each in plan.happenings if each not in changes)
    trace = Trace(whole=True)
    run(replace(plan, happenings=kept), trace)
    return trace.hash


def test_changes_have_a_chance_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(12)
    plans = {seed: draw_plan(seed, 5, Tenure.STABLE) for seed in seeds}
    with_changes = [
        seed
        for seed, plan in plans.items()
        if any(isinstance(each, ChangeMembers) for each in plan.happenings)
    ]
    assert 2 <= len(with_changes) <= 8
    before = [_hash_without(seed) for seed in with_changes[:2]]
    monkeypatch.setattr(draw, "draw_changes", lambda *_: [])
    for seed, known in zip(with_changes, before, strict=False):
        trace = Trace(whole=True)
        run(draw_plan(seed, 5, Tenure.STABLE), trace)
        assert trace.hash == known


def test_a_retired_member_leaves_once_a_majority_has_the_block_that_retires_it() -> None:
    small = Small()
    small.pay(1, 2)
    small.wait(2.0)
    early = {node: machine.disk.copy() for node, machine in small.machines.items()}
    small.world._retire = lambda machine: None  # type: ignore[method-assign]
    small.happen(a_change(ChangeKind.REPLACE, 3, is_killed=False))
    small.wait(10.0)
    assert voters(small) == ["1", "2", "3b"]
    old = named(small, "3")
    assert old.engine is not None and old.engine.retired_in == 2
    on_left = small.world.watchers.on_left
    one, two, _ = small.of(1, 2, 3)
    one.disk = early[1]
    on_left(old)
    two.disk = early[2]
    sentence = "node 3, which slot 2 retires, ends while 1 of 3 nodes have that slot's block"
    with pytest.raises(Violation, match=sentence):
        on_left(old)
    two.is_damaged = True
    on_left(old)


def test_a_member_goes_on_though_one_node_has_told_it_that_it_is_retired() -> None:
    """That node, which alone has the block, may lose its disk; the others still need the vote."""
    small = Small()
    world = small.world
    small.pay(1, 2)
    small.wait(3.0)
    world.network.cut(50, ((1, 2), (2, 1), (3, 2), (2, 3)))
    world.network.mute(51, ("Decide", "Blocks"), 1.0)
    small.happen(a_change(ChangeKind.REPLACE, 3, is_killed=False))
    small.wait(10.0)
    old = named(small, "3")
    assert voters(small) == ["1", "2", "3b"]
    assert old.told_by == {1}
    assert old.engine is not None
    world.network.unmute(51)
    lose(world, named(small, "1"))
    world.network.heal(50)
    for one, other in permutations((1, 2, 3), 2):
        world.link_news.spread_news(one, other)
    small.pay(2, 1)
    small.wait(200.0)
    survivors = [named(small, "2").engine, named(small, "3b").engine]
    assert [engine and engine.ledger.height for engine in survivors] == [3, 3]
    assert old.is_out
