"""Failing, full and damaged disks, void forwards, and the end of all faults."""

from __future__ import annotations

import pytest

from benmo.paxos.messages import Prepare
from benmo.paxos.types import Ballot, Tenure
from benmo.sim.calm import calm, survivors_of
from benmo.sim.happenings import (
    SENDER,
    DamageDisk,
    DamageKind,
    FailDisk,
    FillDisk,
    Happening,
    Mute,
    Pause,
    Rogue,
    Sever,
)
from benmo.storage.node_storage import JOURNAL
from tests.sim.test_faults import BALLOT, Small, a_crash, a_cut

# Disks.


@pytest.mark.parametrize("operation", ["append", "sync"])
def test_a_failed_operation_ends_the_process_and_it_starts_again(operation: str) -> None:
    small = Small()
    small.happen(FailDisk(0.0, 2, operation, 2, 0.5))
    small.receive(2, 1, Prepare(BALLOT))
    small.wait(0.01)
    assert small.is_alive(2), "it is the second one that fails"
    small.receive(2, 1, Prepare(Ballot(6, 1)))
    small.wait(0.01)
    assert not small.is_alive(2)
    assert small.has_line("node 2 stops: Input/output error")
    assert not small.has_line("> 2->1 Promise (6, 1) height 0")
    small.wait(1.0)
    assert small.is_alive(2)
    assert small.found(2).promised >= BALLOT


def test_a_process_doesnt_last_while_its_disk_is_full() -> None:
    small = Small()
    small.happen(FillDisk(0.0, 2, 0.5, 3.5))
    small.receive(2, 1, Prepare(BALLOT))
    small.wait(3.4)
    assert not small.is_alive(2)
    assert small.world.counts["stops by a failed disk"] == 4, "once, and at each start"
    assert small.found(2).promised == Ballot.ZERO
    small.wait(1.0)
    assert small.is_alive(2)


@pytest.mark.parametrize("where", [0.1, 0.4, 0.9])
def test_a_node_that_finds_a_bit_turned_over_stops_for_good(where: float) -> None:
    small = Small()
    small.pay(1, 2)
    small.wait(2.0)
    small.happen(a_crash(2, down_s=1.0))
    small.wait(2.0)
    small.happen(DamageDisk(0.0, 2, DamageKind.BIT, where, False))
    assert small.is_alive(2), "it doesn't look at its files while it runs"
    small.happen(a_crash(2, down_s=1.0))
    small.wait(60.0)
    assert not small.is_alive(2)
    assert small.machines[2].is_out
    assert small.world.counts["damage found"] == 1


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (DamageKind.CUT, 0.1),
        (DamageKind.CUT, 0.5),
        (DamageKind.CUT, 0.75),
        (DamageKind.SECTOR, 0.5),
        (DamageKind.SECTOR, 0.75),
    ],
)
def test_a_node_that_finds_a_file_spoiled_stops_for_good(kind: DamageKind, where: float) -> None:
    small = Small()
    for _ in range(2):
        for _ in range(4):
            small.pay(1, 2)
            small.wait(2.0)
        small.happen(a_crash(2, down_s=1.0))
        small.wait(2.0)
    for _ in range(4):
        small.pay(1, 2)
        small.wait(4.0)
    small.happen(DamageDisk(0.0, 2, kind, where, True))
    assert not small.is_alive(2)
    assert small.has_line(f"node 2's disk {kind}, and it is killed")
    small.wait(60.0)
    assert not small.is_alive(2)
    assert small.world.counts["damage found"] == 1


@pytest.mark.parametrize("kind", [DamageKind.SECTOR, DamageKind.CUT])
def test_a_journal_is_not_spoiled_where_no_node_can_tell(kind: DamageKind) -> None:
    small = Small()
    small.pay(1, 2)
    small.wait(0.5)
    disk = small.machines[2].disk
    before = disk.read(JOURNAL)
    small.happen(DamageDisk(0.0, 2, kind, 0.9, False))
    assert disk.read(JOURNAL) == before, "the node hasn't rested yet, nor filled a sector"


def test_a_node_that_loses_its_disk_stops_for_good() -> None:
    small = Small()
    small.happen(DamageDisk(0.0, 2, DamageKind.LOSS, 0.0, False))
    assert not small.is_alive(2)
    small.wait(60.0)
    assert small.machines[2].disk.names() == []
    assert small.machines[2].is_out
    assert small.world.counts["damage found"] == 1


# Void forwards.


def test_what_a_rogue_forwards_is_refused_on_every_node() -> None:
    rogue = Rogue(0.0, 3, ((1, 10**6), (2, -50), (2, 0), (3, 5), (0, 5)))
    small = Small(tenure=Tenure.STABLE, happenings=(rogue,))
    small.pay(1, 2)
    small.wait(2.0)
    small.happen(rogue)
    small.wait(2.0)
    assert small.has_line(f"decided slot 2: {' '.join(f'3-{n} (refused)' for n in range(1, 6))}")
    for node in small.machines:
        found = small.found(node).ledger
        assert (found.balances, found.last[3]) == ({1: 99, 2: 101, 3: 100}, 5)


# The end of all faults.

TROUBLE: list[Happening] = [
    a_crash(1, down_s=500.0),
    a_crash(1, after=2),
    a_crash(1, trigger="Promise"),
    Pause(0.0, 1, 500.0),
    a_cut((1, 2), (3, 1), (1, 3), period_s=500.0),
    a_cut((SENDER, 2), (SENDER, 3), period_s=500.0, trigger="Prepare"),
    Mute(0.0, ("Prepare", "Accepted"), 1.0, 500.0),
    Sever(0.0, 1, 2, False, 500.0),
    FailDisk(0.0, 1, "sync", 1, 0.0),
    FillDisk(0.0, 1, 0.5, 500.0),
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
def test_after_the_end_of_all_faults_a_majority_decides(trouble: Happening) -> None:
    small = Small(survivors=(1, 2), is_rest_down=True)
    small.happen(trouble)
    deaths = small.deaths()
    calm(small.world)
    small.wait(1.0)
    assert [small.is_alive(node) for node in (1, 2, 3)] == [True, True, False]
    small.pay(1, 2)
    small.pay(2, 1)
    small.wait(10.0)
    assert small.heights() == [2, 2, 0]
    assert small.world.watchers.liveness.why_not(small.of(1, 2)) == ""
    assert small.deaths() == deaths + 1, "but for the node that stays down, none dies any more"


def test_those_who_are_left_behind_are_cut_off_or_down_for_good() -> None:
    for is_rest_down in (True, False):
        small = Small(survivors=(1, 2), is_rest_down=is_rest_down)
        calm(small.world)
        small.wait(60.0)
        assert small.is_alive(3) != is_rest_down
        assert small.machines[1].told_up == {2}
        assert [small.world.network.passes(*pair) for pair in [(1, 3), (3, 2)]] == [False, False]
        assert small.world.network.passes(1, 2)


def test_whoever_isnt_lost_takes_the_place_of_a_survivor_that_is() -> None:
    small = Small(survivors=(1, 2))
    assert survivors_of(small.world) == tuple(small.of(1, 2))
    small.happen(DamageDisk(0.0, 2, DamageKind.LOSS, 0.0, False))
    assert survivors_of(small.world) == tuple(small.of(1, 3))
    calm(small.world)
    small.pay(1, 3)
    small.wait(10.0)
    assert small.heights(1, 3) == [1, 1]
