"""Each kind of happening does to a small cluster what its sentence says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest

from benmo.paxos.messages import Message, Prepare
from benmo.paxos.types import Ballot, NodeId, Tenure
from benmo.sim.draw import draw_plan
from benmo.sim.faults import happen
from benmo.sim.happenings import SENDER, Crash, Cut, Happening, Jump, Mute, Pause, Sever, UserPays
from benmo.sim.machine import CLUSTER, Machine, Turn
from benmo.sim.plan import CALM
from benmo.sim.trace import Trace
from benmo.sim.world import World
from benmo.storage.journal import NodeState
from tests.support.numbered_nodes import opened
from tests.support.replicas import received

BALLOT = Ballot(5, 1)


class Small:
    """Three nodes in calm weather, linked and idle since a second ago."""

    def __init__(self, seed: int = 0, tenure: Tenure = Tenure.BLOCK, **changes: Any) -> None:
        wanted: dict[str, Any] = {
            "weather": CALM,
            "work_s": 0.0,
            "election_delay_s": (0.0, 0.1),
            "round_timeout_s": 0.5,
            "heartbeat_s": 1.0,
            "clock_rates": (1.0, 1.0, 1.0),
            "log_limit": 10,
            "journal_bytes_max": 100_000,
            "block_transfers_max": 100,
            "survivors": (1, 2, 3),
            "happenings": (),
        }
        self.lines = StringIO()
        plan = replace(draw_plan(seed, 3, tenure), **{**wanted, **changes})
        self.world = World(plan, Trace(file=self.lines))
        self.machines = {each.node: each for each in self.world.roster.machines.values()}
        self.turns: dict[NodeId, list[Turn]] = defaultdict(list)
        self._watch = self.world.watchers.on_turn
        self.world.watchers.on_turn = self._on_turn  # type: ignore[method-assign]
        for node in plan.nodes:
            self.world.start(self.machines[node])
        self.wait(1.0)

    def _on_turn(self, machine: Any, turn: Turn) -> None:
        self.turns[machine.node].append(turn)
        self._watch(machine, turn)

    def wait(self, seconds: float) -> None:
        self.world.agenda.run_until(self.world.now + seconds)

    def happen(self, happening: Happening, number: int = 0) -> None:
        happen(self.world, number, happening)

    def pay(self, node: NodeId, credit: NodeId, amount: int = 1, key: str = "") -> None:
        keys = (key,) if key else ()
        self.happen(UserPays(self.world.now, node, ((credit, amount),), keys=keys))

    def receive(self, node: NodeId, sender: NodeId, message: Message) -> None:
        self.world.happen(self.machines[node], received(sender, message))

    def send(self, node: NodeId, to: NodeId, message: Message) -> None:
        """Let a message leave of which its sender knows nothing, and that no checker sees."""
        watchers = self.world.watchers
        watch, watchers.on_sent = watchers.on_sent, lambda *_: None
        self.world._sent(self.machines[node], to, message)
        watchers.on_sent = watch

    def of(self, *nodes: NodeId) -> list[Machine]:
        return [self.machines[node] for node in nodes]

    def is_alive(self, node: NodeId) -> bool:
        return self.machines[node].engine is not None

    def found(self, node: NodeId) -> NodeState:
        """What the next start of a node would find on its disk."""
        return opened(self.machines[node].disk.copy(), CLUSTER, node)[1]

    def heights(self, *nodes: NodeId) -> list[int]:
        return [self.found(node).ledger.height for node in nodes or self.machines]

    def deaths(self) -> int:
        return self.world.counts["kills"] + self.world.counts["power cuts"]

    def has_line(self, text: str) -> bool:
        return any(line.endswith(text) for line in self.lines.getvalue().splitlines())


def a_crash(node: NodeId, *, after: int = 0, power: bool = False, **changes: Any) -> Crash:
    crash = Crash(0.0, node, power, after, 0.0, 5.0, 0, 0.0, "")
    return replace(crash, **changes)


def a_cut(*pairs: tuple[NodeId, NodeId], **changes: Any) -> Cut:
    return replace(Cut(0.0, "a cut", pairs, 1.0, 1, True, ""), **changes)


# Nothing.


def test_without_faults_what_is_paid_is_decided_everywhere() -> None:
    small = Small()
    small.pay(1, 2, 10)
    small.wait(2.0)
    assert small.heights() == [1, 1, 1]
    assert small.found(3).ledger.balances == {1: 90, 2: 110, 3: 100}


# Crashes.


@pytest.mark.parametrize("power", [False, True])
def test_a_crash_ends_the_process_at_once_and_it_starts_again_in_time(power: bool) -> None:
    small = Small()
    small.happen(a_crash(2, power=power, down_s=5.0))
    assert not small.is_alive(2)
    small.wait(4.9)
    assert not small.is_alive(2)
    small.wait(0.2)
    assert small.is_alive(2)
    assert small.world.counts["power cuts" if power else "kills"] == 1


def test_the_peers_of_a_dead_node_notice() -> None:
    small = Small()
    assert small.machines[1].told_up == {2, 3}
    small.happen(a_crash(2))
    small.wait(0.3)
    assert small.machines[1].told_up == {3}
    small.wait(6.0)
    assert small.machines[1].told_up == {2, 3}


# At a prepare, node 2 writes its promise, syncs it and sends it.
@pytest.mark.parametrize(
    ("after", "share", "power", "is_found", "is_sent"),
    [
        pytest.param(1, 0.0, False, False, False, id="before the write"),
        pytest.param(1, 0.5, False, False, False, id="in the middle of the write"),
        pytest.param(1, 1.0, False, True, False, id="after the write"),
        pytest.param(2, 0.0, False, True, False, id="between write and fsync"),
        pytest.param(3, 0.0, False, True, False, id="between fsync and send"),
        pytest.param(3, 0.0, True, True, False, id="between fsync and send, by a power cut"),
        pytest.param(4, 0.0, True, True, True, id="after the send"),
    ],
)
def test_a_crash_comes_at_the_very_operation(
    after: int, share: float, power: bool, is_found: bool, is_sent: bool
) -> None:
    small = Small()
    small.happen(a_crash(2, after=after, share=share, power=power))
    assert small.is_alive(2)
    small.receive(2, 1, Prepare(BALLOT))
    small.wait(0.01)
    assert small.is_alive(2) == is_sent
    assert (small.found(2).promised == BALLOT) == is_found
    assert small.has_line(f"> 2->1 Promise {BALLOT} height 0") == is_sent


def test_a_power_cut_between_write_and_fsync_may_lose_the_promise_or_not() -> None:
    found = set()
    for seed in range(20):
        small = Small(seed)
        small.happen(a_crash(2, after=2, power=True))
        small.receive(2, 1, Prepare(BALLOT))
        small.wait(0.01)
        assert not small.is_alive(2)
        found.add(small.found(2).promised)
    assert found == {Ballot.ZERO, BALLOT}


def test_heartbeats_are_no_operations() -> None:
    small = Small()
    small.happen(a_crash(2, after=1))
    small.turns.clear()
    small.wait(4.0)
    assert len(small.turns[2]) >= 4
    assert small.is_alive(2)


def test_a_node_dies_where_it_would_send_the_next_message_of_a_kind() -> None:
    small = Small()
    small.happen(a_crash(2, trigger="Promise"))
    small.pay(1, 3)
    small.wait(0.5)
    assert not small.is_alive(2)
    ballot = small.found(2).promised
    assert ballot.node == 1, "it had promised, durably"
    assert small.has_line(f"> 3->1 Promise {ballot} height 0"), "others aren't meant"
    assert not small.has_line(f"> 2->1 Promise {ballot} height 0")
    small.wait(10.0)
    assert small.is_alive(2)
    assert small.heights() == [1, 1, 1]


def test_a_node_that_starts_may_die_once_more_on_the_way() -> None:
    small = Small()
    small.happen(a_crash(2, again_after=3))
    small.wait(5.1)
    assert not small.is_alive(2)
    assert small.world.counts["power cuts"] == 1
    small.wait(25.0)
    assert small.is_alive(2)
    assert small.world.counts["power cuts"] == 1


def test_while_a_node_is_down_somebody_may_set_its_clock() -> None:
    small = Small()
    before = small.machines[2].clock.read(small.world.now)
    small.happen(a_crash(2, clock_shift_s=-600.0))
    small.wait(6.0)
    assert small.machines[2].clock.read(small.world.now) == pytest.approx(before + 6.0 - 600.0)


# Time.


def test_a_node_that_stands_still_finds_all_that_came_in_one_turn() -> None:
    small = Small()
    small.turns.clear()
    small.happen(Pause(0.0, 2, 5.0))
    small.wait(4.9)
    assert small.turns[2] == []
    waiting = list(small.machines[2].inbox)
    assert len(waiting) >= 8, "about a heartbeat a second of each peer"
    small.wait(0.2)
    assert list(small.turns[2][0].events[: len(waiting)]) == waiting
    assert len(small.turns[1]) > 4


def test_a_clock_that_jumps_brings_forward_what_is_due() -> None:
    small = Small()
    small.wait(0.3)
    shown, count = small.machines[2].clock.read(small.world.now), len(small.turns[2])
    engine = small.machines[2].engine
    assert engine is not None and engine.deadline > shown
    small.happen(Jump(0.0, 2, 60.0))
    small.world.agenda.run_until(small.world.now)
    assert len(small.turns[2]) == count + 1
    assert small.machines[2].clock.read(small.world.now) == pytest.approx(shown + 60.0)
    assert engine.deadline > shown + 60.0


# The network.


def test_a_one_way_cut_lets_the_other_way_through() -> None:
    small = Small()
    small.happen(a_cut((1, 2), is_noticed=False))
    small.receive(1, 2, Prepare(Ballot(5, 2)))
    small.receive(2, 1, Prepare(Ballot(6, 1)))
    small.wait(0.1)
    assert small.has_line("> 1->2 Promise (5, 2) height 0")
    assert not small.has_line("< 1->2 Promise (5, 2) height 0")
    assert small.has_line("< 2->1 Promise (6, 1) height 0")


def test_what_is_on_its_way_is_lost_when_its_link_is_cut() -> None:
    small = Small()
    small.send(1, 2, Prepare(BALLOT))
    small.happen(a_cut((1, 2)))
    small.wait(0.1)
    assert not small.has_line(f"< 1->2 Prepare {BALLOT}")
    assert small.world.counts["messages cut off"] >= 1


@pytest.mark.parametrize("is_noticed", [True, False])
def test_the_ends_of_a_cut_notice_or_dont(is_noticed: bool) -> None:
    small = Small()
    small.happen(a_cut((1, 2), is_noticed=is_noticed))
    small.wait(0.3)
    assert small.machines[1].told_up == ({3} if is_noticed else {2, 3})
    assert small.machines[2].told_up == ({3} if is_noticed else {1, 3})
    small.wait(1.0)
    assert small.machines[1].told_up == {2, 3}


def test_a_link_that_flaps_is_cut_and_healed_by_turns() -> None:
    small = Small()
    small.happen(a_cut((1, 2), times=3))
    passes = []
    for _ in range(8):
        small.wait(0.5)
        passes.append(small.world.network.passes(1, 2))
        small.wait(0.5)
    assert passes == [False, True, False, True, False, True, True, True]


def test_a_cut_around_the_sender_begins_with_the_message_that_it_waits_for() -> None:
    small = Small()
    small.happen(a_cut((SENDER, 2), (SENDER, 3), (2, SENDER), trigger="Accept"))
    small.wait(1.0)
    assert all(small.world.network.passes(1, peer) for peer in (2, 3))
    small.pay(1, 2)
    small.wait(0.5)
    assert small.has_line("> 2->1 Promise (1, 1) height 0")
    assert small.world.counts["messages cut off"] >= 2
    assert not small.has_line("< 1->2 Accept slot 1 in (1, 1): 1-1")
    assert not small.has_line("< 1->3 Accept slot 1 in (1, 1): 1-1")
    assert [small.world.network.passes(*pair) for pair in [(2, 1), (3, 1)]] == [False, True]


def test_muted_messages_are_lost_for_their_time() -> None:
    small = Small()
    small.happen(Mute(0.0, ("Prepare",), 1.0, 5.0))
    small.pay(1, 2)
    small.wait(4.9)
    assert small.has_line("> 1->2 Prepare (1, 1)")
    assert not small.has_line("< 1->2 Prepare (1, 1)")
    assert small.heights() == [0, 0, 0]
    small.wait(8.0)
    assert small.heights() == [1, 1, 1]


@pytest.mark.parametrize("is_one_way", [True, False])
def test_a_severed_link_is_down_until_it_is_restored(is_one_way: bool) -> None:
    small = Small()
    small.happen(Sever(0.0, 1, 2, is_one_way, 3.0))
    small.send(2, 1, Prepare(Ballot(5, 2)))
    small.wait(0.3)
    assert [small.machines[node].told_up for node in (1, 2)] == [{3}, {3}]
    assert ("= 1 promised ballot (5, 2) to node 2," in small.lines.getvalue()) == is_one_way
    assert not small.has_line("> 1->2 Promise (5, 2) height 0")
    small.wait(3.0)
    assert small.machines[1].told_up == {2, 3}
    assert small.machines[2].told_up == {1, 3}
