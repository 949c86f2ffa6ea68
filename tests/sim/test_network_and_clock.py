"""The simulated clock and network."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.messages import Accept, Decide, Forward, Heartbeat, Message, Nack, Prepare, Promise
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from benmo.sim.clock import NodeClock
from benmo.sim.network import Network, WireCache
from benmo.sim.plan import CALM, Weather

NODES = (1, 2, 3)
BALLOT = Ballot(1, 1)

# Clocks.


def test_a_clock_shows_its_offset_and_runs_at_its_rate() -> None:
    clock = NodeClock(rate=2.0, offset_s=1000.0)
    assert [clock.read(true_s) for true_s in (0.0, 1.0, 2.5)] == [1000.0, 1002.0, 1005.0]


def test_a_clock_never_goes_back_while_the_node_lives() -> None:
    clock = NodeClock(rate=1.0, offset_s=1000.0)
    clock.read(10.0)
    clock.jump(-5.0)
    assert [clock.read(true_s) for true_s in (11.0, 14.0, 16.0)] == [1010.0, 1010.0, 1011.0]


def test_a_clock_jumps_ahead() -> None:
    clock = NodeClock(rate=0.5, offset_s=1000.0)
    assert clock.read(10.0) == 1005.0
    clock.jump(60.0)
    assert clock.read(10.0) == 1065.0
    assert clock.read(12.0) == 1066.0


@pytest.mark.parametrize("shift_s", [-500.0, 500.0])
def test_over_a_restart_a_clock_may_be_set_either_way(shift_s: float) -> None:
    clock = NodeClock(rate=1.0, offset_s=1000.0)
    assert clock.read(10.0) == 1010.0
    clock.restart(shift_s)
    assert clock.read(11.0) == 1011.0 + shift_s


@pytest.mark.parametrize("rate", [0.5, 0.98, 1.0, 1.3, 2.0])
def test_when_is_the_moment_at_which_the_clock_shows_that(rate: float) -> None:
    clock = NodeClock(rate, offset_s=1000.0)
    clock.jump(12.0)
    for shown_s in (1012.0, 1012.5, 1100.0):
        true_s = clock.when(shown_s, true_s=0.0)
        assert clock.read(true_s) == pytest.approx(shown_s, abs=1e-9)


def test_when_is_now_for_what_the_clock_has_shown_already() -> None:
    clock = NodeClock(rate=1.0, offset_s=1000.0)
    assert clock.when(900.0, true_s=7.0) == 7.0
    assert clock.when(float("-inf"), true_s=7.0) == 7.0
    assert clock.when(1007.0, true_s=7.0) == 7.0


# The network.


def _network(weather: Weather = CALM, seed: int = 1) -> Network:
    return Network(seed, weather)


HEARTBEAT = Heartbeat(0, Ballot.ZERO)


def _arrivals(weather: Weather, count: int = 2000) -> list[list[float]]:
    """When messages arrive that leave a second apart, counted from when they left."""
    network = _network(weather)
    return [
        [at - now for at in network.arrivals(1, 2, HEARTBEAT, float(now))]
        for now in range(1, count + 1)
    ]


def test_in_calm_weather_every_message_arrives_once_and_soon() -> None:
    for each in _arrivals(CALM):
        assert len(each) == 1
        assert 0.0005 <= each[0] <= 0.002 + 1e-9


def test_ordered_links_keep_the_order_and_others_dont() -> None:
    def sequence(is_ordered: bool) -> list[float]:
        weather = Weather(slow=0.3, slow_s=5.0, delay_s=(0.0, 0.05), is_ordered=is_ordered)
        network = _network(weather)
        return [network.arrivals(1, 2, HEARTBEAT, now / 100)[0] for now in range(500)]

    ordered, unordered = sequence(True), sequence(False)
    assert ordered == sorted(ordered)
    assert unordered != sorted(unordered)


def test_each_link_has_an_order_of_its_own() -> None:
    network = _network(Weather(delay_s=(10.0, 10.0)))
    assert network.arrivals(1, 2, HEARTBEAT, 0.0) == [10.0]
    network.calm()
    assert network.arrivals(1, 2, HEARTBEAT, 1.0) == [10.0], "behind what left before it"
    assert network.arrivals(2, 1, HEARTBEAT, 1.0)[0] < 1.01
    assert network.arrivals(1, 3, HEARTBEAT, 1.0)[0] < 1.01


@pytest.mark.parametrize("loss", [0.0, 0.2, 0.6, 1.0])
def test_a_share_of_the_messages_is_lost(loss: float) -> None:
    arrivals = _arrivals(Weather(loss=loss))
    lost = sum(not each for each in arrivals)
    assert lost == pytest.approx(loss * len(arrivals), abs=80)
    assert (lost == 0) == (loss == 0.0)
    assert (lost == len(arrivals)) == (loss == 1.0)


def test_a_share_of_the_messages_arrives_twice_and_soon() -> None:
    arrivals = _arrivals(Weather(doubled=0.3))
    doubled = [each for each in arrivals if len(each) == 2]
    assert len(doubled) == pytest.approx(600, abs=80)
    assert all(first <= second <= first + 0.002 + 1e-9 for first, second in doubled)
    assert all(len(each) in (1, 2) for each in arrivals)


def test_a_share_of_the_messages_comes_again_much_later() -> None:
    arrivals = _arrivals(Weather(doubled_late=0.3, late_s=60.0))
    again = [second - first for first, second in (each for each in arrivals if len(each) == 2)]
    assert len(again) == pytest.approx(600, abs=80)
    assert 0.0 <= min(again) < 5.0
    assert 55.0 < max(again) <= 60.0


def test_a_share_of_the_messages_is_slow() -> None:
    (times,) = zip(*_arrivals(Weather(slow=0.3, slow_s=10.0, is_ordered=False)), strict=True)
    slow = [each for each in times if each > 0.0021]
    assert len(slow) == pytest.approx(600, abs=80)
    assert 9.0 < max(slow) <= 10.002 + 1e-9


def test_a_seed_has_one_network_and_each_link_its_own_chance() -> None:
    weather = Weather(loss=0.5, doubled=0.5)

    def sequence(seed: int, one: int, other: int) -> list[list[float]]:
        network = _network(weather, seed)
        return [network.arrivals(one, other, HEARTBEAT, float(now)) for now in range(50)]

    assert sequence(1, 1, 2) == sequence(1, 1, 2)
    sequences = [sequence(1, 1, 2), sequence(1, 2, 1), sequence(1, 1, 3), sequence(2, 1, 2)]
    assert all(one != other for index, one in enumerate(sequences) for other in sequences[:index])


def test_a_cut_is_one_way_unless_it_names_both() -> None:
    network = _network()
    network.cut(1, ((1, 2),))
    assert not network.passes(1, 2)
    assert network.passes(2, 1)
    assert network.passes(1, 3)


def test_a_pair_passes_again_when_the_last_of_its_cuts_is_healed() -> None:
    network = _network()
    network.cut(1, ((1, 2), (2, 1)))
    network.cut(2, ((1, 2),))
    network.heal(1)
    assert not network.passes(1, 2)
    assert network.passes(2, 1)
    network.heal(1)
    assert not network.passes(1, 2), "healed twice is healed once"
    network.heal(2)
    assert network.passes(1, 2)


def test_a_number_that_cuts_again_has_one_cut() -> None:
    network = _network()
    network.cut(1, ((1, 2),))
    network.cut(1, ((1, 3),))
    assert network.passes(1, 2)
    network.heal(1)
    assert network.passes(1, 3)


def _lost(network: Network, message: Message, count: int = 1000) -> int:
    return sum(network.loses(1, 2, message) for _ in range(count))


def test_only_messages_of_a_muted_kind_are_lost() -> None:
    network = _network()
    network.mute(1, ("Prepare", "Promise"), 1.0)
    assert _lost(network, Prepare(BALLOT)) == 1000
    assert _lost(network, Promise(BALLOT, 0, None)) == 1000
    assert _lost(network, Heartbeat(0, BALLOT)) == 0
    network.unmute(1)
    network.unmute(1)
    assert _lost(network, Prepare(BALLOT)) == 0


def test_a_share_of_a_muted_kind_is_lost_and_shares_add_to_one_another() -> None:
    network = _network()
    network.mute(1, ("Prepare",), 0.5)
    assert _lost(network, Prepare(BALLOT)) == pytest.approx(500, abs=60)
    network.mute(2, ("Prepare",), 0.5)
    assert _lost(network, Prepare(BALLOT)) == pytest.approx(750, abs=60)
    network.unmute(1)
    assert _lost(network, Prepare(BALLOT)) == pytest.approx(500, abs=60)


def test_calm_ends_cuts_mutes_and_weather() -> None:
    network = _network(Weather(loss=1.0))
    network.cut(1, ((1, 2), (2, 3)))
    network.cut(2, ((1, 2),))
    network.mute(3, ("Prepare",), 1.0)
    network.calm()
    assert network.passes(1, 2)
    assert network.passes(2, 3)
    assert _lost(network, Prepare(BALLOT)) == 0
    assert all(len(network.arrivals(1, 2, HEARTBEAT, float(now))) == 1 for now in range(100))
    network.cut(1, ((1, 2),))
    network.heal(1)
    assert network.passes(1, 2), "nothing of the earlier cuts is left"


# The wire.


def _messages() -> list[Message]:
    block = encode_block(1, BALLOT, GENESIS_HASH, 1.5, (Run(1, 1, (2,), (10,)),))
    return [
        Prepare(BALLOT),
        Promise(Ballot(2, 2), 0, Proposal(BALLOT, block)),
        Accept(Proposal(BALLOT, block)),
        Nack(BALLOT, Ballot(2, 2)),
        Decide(1, BALLOT, block.hash),
        Forward(Run(1, 1, (2,), (10,))),
    ]


def test_messages_cross_the_wire_as_bytes_and_unchanged() -> None:
    wire = WireCache()
    for message in _messages():
        data = wire.encode(message)
        assert isinstance(data, bytes)
        assert wire.decode(data) == message


def test_what_the_wire_remembers_belongs_to_the_very_message_or_bytes() -> None:
    wire = WireCache()
    chance = Random(1)
    messages: list[Callable[[], Message]] = [lambda: Prepare(BALLOT), lambda: Heartbeat(3, BALLOT)]
    for round_ in range(1, 2500):
        message = messages[chance.random() < 0.5]()
        other = Prepare(Ballot(round_, 2))
        assert wire.decode(wire.encode(message)) == message
        assert wire.decode(wire.encode(other)) == other
