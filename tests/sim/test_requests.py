"""What users do but pay: they pay under keys and ask again, ask how far the chain may be, hurry."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from benmo.ledger.payment_keys import KeyUse, MemoryKeyIndex
from benmo.paxos.messages import Confirm, Heartbeat
from benmo.paxos.types import GENESIS_HASH, Ballot, Tenure
from benmo.sim.disk import PowerCut
from benmo.sim.draw import draw_plan
from benmo.sim.happenings import Happening, Mute, UserAsks, UserHurries, UserPays
from benmo.sim.keys import MachineKeyIndex
from benmo.sim.machine import Fuse
from benmo.sim.network import Network
from benmo.sim.plan import CALM, Weather
from benmo.sim.planted import plant
from benmo.sim.run import run
from benmo.sim.shrink import size_of
from benmo.sim.violation import Violation
from tests.sim.test_faults import Small, a_crash, a_cut

HASH = "a" * 64


class Fixed(Random):
    """Chance that is none: these numbers, in this order."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self._numbers = list(numbers)

    def random(self) -> float:
        return self._numbers.pop(0)


ALL, ONE_BACK, NOTHING, FOREIGN = (0.99,), (0.5, 0.3, 0.5), (0.7,), (0.8,)
"""What a power cut leaves of an index of keys."""

# Keys.


def _keyed() -> Small:
    """A happening with a key makes an index that counts as something in which a node may die."""
    pay = UserPays(1000.0, 1, ((2, 1),), keys=("z",))
    return Small(happenings=(pay,))


def test_a_payment_is_known_when_it_is_asked_for_again() -> None:
    small = _keyed()
    small.pay(1, 2, 10, key="a")
    small.pay(1, 2, 10, key="a")
    small.wait(2.0)
    small.pay(1, 2, 10, key="a")
    small.pay(1, 2, 11, key="a")
    small.pay(2, 1, 10, key="a")
    small.wait(2.0)
    assert small.heights() == [2, 2, 2]
    assert small.found(1).ledger.last == {1: 1, 2: 1, 3: 0}
    assert small.has_line("= 1 knows 1-1 (queued)")
    assert small.has_line("= 1 knows 1-1 (applied)")
    assert small.has_line(
        "= 1 refuses: the key a was used for another payment, 1-1 (10 from node 1 to node 2)"
    )
    assert small.world.counts["transfers known by their keys"] == 2


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("left", [ALL, ONE_BACK, NOTHING, FOREIGN])
def test_a_payment_is_known_after_a_crash_whatever_is_left_of_the_index(
    power: bool, left: tuple[float, ...]
) -> None:
    small = _keyed()
    small.pay(1, 2, 10, key="a")
    small.wait(2.0)
    engine = small.machines[1].engine
    assert engine is not None
    engine.checkpoint()
    small.machines[1].keys_chance = Fixed(*left)
    small.happen(a_crash(1, power=power, down_s=1.0))
    small.wait(2.0)
    small.pay(1, 2, 10, key="a")
    small.wait(2.0)
    assert small.has_line("= 1 knows 1-1 (applied)")
    small.world.watchers.at_end(small.of(1, 2, 3))


def _operations_of_a_checkpoint(small: Small) -> int:
    machine = small.machines[1]
    assert machine.engine is not None
    machine.fuse = Fuse(1000, False, 0.0)
    machine.engine.checkpoint()
    return 1000 - machine.fuse.left


def test_a_node_may_die_where_it_would_change_its_index_of_keys() -> None:
    small = _keyed()
    operations = _operations_of_a_checkpoint(small)
    assert operations == _operations_of_a_checkpoint(Small()) + 1
    small.pay(1, 2, 10, key="a")
    small.wait(2.0)
    machine = small.machines[1]
    assert machine.engine is not None
    machine.fuse = Fuse(operations, False, 0.0)
    small.world.guarded(machine, machine.engine.checkpoint)
    assert not small.is_alive(1)
    assert machine.whole_chain()[0].block.slot == 1
    assert machine.keys.height == 0
    small.wait(25.0)
    small.pay(1, 2, 10, key="a")
    small.wait(2.0)
    assert machine.keys.height == 1
    assert small.has_line("= 1 knows 1-1 (applied)")


def test_an_index_that_says_what_it_hasnt_is_found() -> None:
    with plant("index-ahead-of-its-keys"):
        small = _keyed()
        small.pay(1, 2, 10, key="a")
        small.wait(2.0)
        engine = small.machines[1].engine
        assert engine is not None
        engine.checkpoint()
        small.machines[1].keys_chance = Fixed(*ONE_BACK)
        small.happen(a_crash(1, power=True, down_s=1.0))
        small.wait(2.0)
        small.pay(1, 2, 10, key="a")
        with pytest.raises(Violation, match="keys: node 1 forgot that 'a' stands for 1-1 "):
            small.wait(2.0)


def _filled() -> MachineKeyIndex:
    index = MachineKeyIndex(lambda: None)
    index.extend([KeyUse("a", 1, 1)], 1, HASH)
    index.extend([KeyUse("b", 2, 2)], 2, HASH)
    return index


def _found(index: MemoryKeyIndex) -> tuple[int, str, KeyUse | None, KeyUse | None]:
    uses = index.find(["a", "b"])
    return (index.height, index.head, uses.get("a"), uses.get("b"))


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (ALL, (2, HASH, KeyUse("a", 1, 1), KeyUse("b", 2, 2))),
        (ONE_BACK, (1, HASH, KeyUse("a", 1, 1), None)),
        (NOTHING, (0, GENESIS_HASH, None, None)),
        (FOREIGN, (2, "e" * 64, KeyUse("a", 2, 1), KeyUse("b", 3, 1))),
    ],
    ids=["all", "what was there before", "nothing", "another chain's"],
)
def test_a_power_cut_leaves_one_of_the_states_of_an_index(
    left: tuple[float, ...], found: tuple[int, str, KeyUse | None, KeyUse | None]
) -> None:
    index = _filled()
    index.lose_power(Fixed(*left))
    assert _found(index) == found
    index.lose_power(Fixed(0.5, 0.99, 0.9))
    assert _found(index) == found, "what is older is gone for good"


def test_an_index_is_changed_wholly_or_not_at_all() -> None:
    may_go_on = True

    def before() -> None:
        if not may_go_on:
            raise PowerCut

    index = MachineKeyIndex(before)
    index.extend([KeyUse("a", 1, 1)], 1, HASH)
    may_go_on = False
    with pytest.raises(PowerCut):
        index.extend([KeyUse("b", 2, 2)], 2, HASH)
    assert _found(index) == (1, HASH, KeyUse("a", 1, 1), None)
    with pytest.raises(PowerCut):
        index.clear()
    assert _found(index) == (1, HASH, KeyUse("a", 1, 1), None)


# Questions.


def test_a_question_is_answered_by_a_quorum() -> None:
    small = Small()
    small.pay(1, 2)
    small.wait(2.0)
    small.happen(UserAsks(0.0, 3))
    small.wait(0.1)
    assert small.has_line("= 3 is told that the chain may be at 1")
    assert small.world.counts["questions answered"] == small.world.counts["questions asked"] == 1


def test_a_question_in_a_minority_is_not_answered() -> None:
    small = Small()
    small.happen(a_cut((1, 2), (1, 3), (2, 1), (3, 1), period_s=100.0))
    small.happen(UserAsks(0.0, 1))
    small.wait(20.0)
    assert small.world.counts["questions asked"] == 1
    assert small.world.counts["questions answered"] == 0


def test_nobody_asks_a_node_that_is_down() -> None:
    small = Small()
    small.happen(a_crash(3, down_s=50.0))
    small.happen(UserAsks(0.0, 3))
    small.wait(1.0)
    assert small.world.counts["questions asked"] == 0


def test_a_question_may_come_at_the_very_moment_of_a_message() -> None:
    small = Small()
    small.happen(UserAsks(0.0, 3, "Decide"))
    small.wait(1.0)
    assert small.world.counts["questions asked"] == 0
    small.pay(1, 2)
    small.wait(1.0)
    lines = small.lines.getvalue().splitlines()
    asked = next(
        i for i, line in enumerate(lines) if line.endswith("asks how far the chain may be")
    )
    assert " > 1->2 Decide slot 1 in " in lines[asked + 1], "just before it is sent"
    assert small.has_line("= 3 is told that the chain may be at 1")


def test_what_was_accepted_and_not_decided_may_be_the_chains_end() -> None:
    small = Small()
    small.happen(Mute(0.0, ("Accepted",), 1.0, 0.4))
    small.pay(1, 2)
    small.wait(0.3)
    assert small.heights() == [0, 0, 0]
    small.happen(UserAsks(0.0, 3))
    small.wait(0.05)
    assert not small.has_line("= 3 is told that the chain may be at 0")
    small.wait(5.0)
    assert small.has_line("= 3 is told that the chain may be at 1")


def test_after_the_end_of_all_faults_each_survivor_is_asked() -> None:
    plan = draw_plan(0, 3, Tenure.BLOCK)
    calm_plan = replace(
        plan, faults_s=1.0, weather=CALM, survivors=(1, 2), happenings=(UserAsks(0.5, 3),)
    )
    outcome = run(calm_plan)
    assert outcome.violation is None
    assert outcome.counts["questions answered"] == 3
    assert run(replace(calm_plan, happenings=())).counts["questions asked"] == 0


def test_questions_leave_all_else_as_it_would_be() -> None:
    asked, silent = (Network(1, Weather(loss=0.5, slow=0.5, slow_s=9.0)) for _ in range(2))
    heartbeat = Heartbeat(0, Ballot.ZERO)
    for now in range(50):
        asked.arrivals(1, 2, Confirm(now), float(now))
        expected = silent.arrivals(1, 2, heartbeat, float(now))
        assert asked.arrivals(1, 2, heartbeat, float(now)) == expected


# UserHurries.


def test_whoever_hurries_a_node_makes_it_campaign_at_once() -> None:
    small = Small(election_delay_s=(500.0, 500.0))
    small.pay(1, 2)
    small.wait(5.0)
    assert small.heights() == [0, 0, 0]
    small.happen(UserHurries(0.0, 1))
    small.wait(1.0)
    assert small.heights() == [1, 1, 1]


def test_a_node_without_a_reason_to_campaign_is_not_hurried() -> None:
    small = Small()
    small.happen(UserHurries(0.0, 1))
    small.wait(5.0)
    assert "Prepare" not in small.lines.getvalue()


# What seeds draw.

PLANS = [draw_plan(seed, 5, Tenure.STABLE) for seed in range(200)]


def _is_request(happening: Happening) -> bool:
    return isinstance(happening, UserAsks | UserHurries) or (
        isinstance(happening, UserPays) and bool(happening.keys)
    )


def test_most_seeds_have_plain_payments_only() -> None:
    with_requests = [plan for plan in PLANS if any(map(_is_request, plan.happenings))]
    assert 40 < len(with_requests) < 80


def test_requests_leave_all_else_of_a_plan_as_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = next(plan for plan in PLANS if plan.has_questions and not plan.has_keys)
    monkeypatch.setattr("benmo.sim.draw.draw_requests", lambda seed, ids, faults_s, has_long: [])
    without = draw_plan(plan.seed, 5, Tenure.STABLE).happenings
    assert tuple(each for each in plan.happenings if not _is_request(each)) == without


def test_payments_under_keys_are_asked_for_again_and_some_are_altered() -> None:
    plan = max(PLANS, key=lambda plan: sum(map(_is_request, plan.happenings)) * plan.has_keys)
    asked: dict[tuple[int, str], list[object]] = {}
    for each in plan.happenings:
        if isinstance(each, UserPays):
            columns = zip(each.payments, each.memos, each.keys, strict=False)
            for payment, memo, key in columns:
                asked.setdefault((each.node, key), []).append((payment, memo))
    again = [payments for payments in asked.values() if len(payments) > 1]
    assert any(len(set(payments)) == 1 for payments in again)
    assert any(len(set(payments)) > 1 for payments in again)


def test_memos_are_long_and_of_all_kinds() -> None:
    memos = {
        memo
        for plan in PLANS
        for each in plan.happenings
        if isinstance(each, UserPays)
        for memo in each.memos
    }
    assert any(len(memo) == 140 and len(memo.encode()) == 560 for memo in memos)
    assert any(len(memo) > 140 for memo in memos), "which is refused"


def test_questions_count_as_such_when_a_run_is_cut_down() -> None:
    plan = replace(PLANS[0], weather=CALM, happenings=(UserAsks(1.0, 1), UserHurries(1.0, 2)))
    assert str(size_of(plan)) == "5 nodes, 1 fault, 0 transfers, 1 question"


def test_happenings_say_what_they_are() -> None:
    assert str(UserPays(0.0, 1, ((2, 5),), ("",), ("a",))) == (
        "at node 1 somebody pays 5 to 2, under the keys 'a'"
    )
    assert str(UserAsks(0.0, 1, "Decide")) == (
        "at node 1 somebody asks how far the chain may be, at the next Decide of any node"
    )
    assert str(UserHurries(0.0, 2)) == "at node 2 somebody hurries"
