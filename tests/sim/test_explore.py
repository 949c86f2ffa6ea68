"""The exploration goes to its end, loses nothing on the way, and finds what is wrong."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from benmo.paxos.messages import Behind
from benmo.paxos.types import Change, Tenure
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.node import EventResult, Moment
from benmo.sim.explore.path import PathStep, lines_of, steps_of
from benmo.sim.explore.search import STATE_BITS, Move, Place, Search
from benmo.sim.explore.system import Cause, Envelope, System
from benmo.sim.planted import plant
from benmo.sim.violation import Violation

SMALL = Bounds(slots=1, crashes=0, forwarding=False)
WITH_A_CRASH = Bounds(slots=1, crashes=1)
TWO_SLOTS = Bounds(slots=2, crashes=0, forwarding=False)
THREE_LEADERS = Bounds(leaders=3, slots=1, crashes=0, forwarding=False)
FIVE_NODES = Bounds(nodes=5, leaders=1, slots=1, crashes=0)

MISTAKES: list[tuple[str, Bounds, str]] = [
    ("goes-on-after-nack", SMALL, "quorums have accepted different blocks for slot 1"),
    ("one-promise-too-few", SMALL, "quorums have accepted different blocks for slot 1"),
    (
        "reported-value-ignored",
        SMALL,
        "quorums have accepted different blocks for slot 1",
    ),
    (
        "lowest-ballot-wins",
        THREE_LEADERS,
        "quorums have accepted different blocks for slot 1",
    ),
    ("accepted-not-confirmed", SMALL, "node 1 answers 0, and has accepted slot 1"),
    (
        "decision-of-another-ballot",
        TWO_SLOTS,
        "nodes 1 and 2 have different blocks in slot 1",
    ),
    (
        "proposes-before-catching-up",
        TWO_SLOTS,
        "quorums have accepted different blocks for slot 1",
    ),
    (
        "accept-ignores-promise",
        WITH_A_CRASH,
        "node 2 can't start: memory/journal.jsonl, line 3, is damaged: "
        "it accepts below the promised ballot",
    ),
    ("promise-not-saved", WITH_A_CRASH, "node 1 forgets that it promised (1, 1)"),
    (
        "vote-not-durable",
        WITH_A_CRASH,
        "node 1 forgets that it accepted slot 1 in (1, 1)",
    ),
    ("promise-to-any-ballot", SMALL, "node 2 fails: AssertionError: A1"),
    (
        "accepts-when-behind",
        TWO_SLOTS,
        "node 3 fails: AssertionError: A3",
    ),
    (
        "doubled-vote-counted",
        FIVE_NODES,
        "node 1 decided slot 1 without a quorum",
    ),
    (
        "late-promise-is-vote",
        FIVE_NODES,
        "node 1 decided slot 1 without a quorum",
    ),
]


# The search.


@pytest.mark.parametrize("tenure", list(Tenure))
def test_nothing_is_wrong_in_a_small_system_and_a_second_search_is_the_same(
    tenure: Tenure,
) -> None:
    bounds = Bounds(slots=1, crashes=1, tenure=tenure, forwarding=False)
    first, second = Search(System(bounds)).run(), Search(System(bounds)).run()
    assert first.is_whole
    assert first.counterexample is None
    assert first.states > 1000
    assert first == second


def test_the_reductions_lose_no_state_of_the_nodes() -> None:
    system = System(SMALL)
    search = Search(system)
    assert search.run().is_whole
    assert reached_without_reductions(system, search) == search.reached


def test_blocks_may_be_asked_for_at_any_time_and_that_adds_to_what_is_reached_otherwise() -> None:
    system = System(Bounds(slots=1, crashes=0))
    search = Search(system)
    assert search.run().is_whole
    assert reached_without_reductions(system, search, is_asked=False) <= search.reached


@pytest.mark.parametrize(
    ("mistake", "bounds", "violation"), MISTAKES, ids=[each[0] for each in MISTAKES]
)
def test_a_mistake_is_found_and_the_way_to_it_can_be_gone_again(
    mistake: str, bounds: Bounds, violation: str
) -> None:
    with plant(mistake):
        system = System(bounds)
        search = Search(system)
        found = search.run().counterexample
        assert found is not None
        assert found.violation.sentence == violation
        events = steps_of(system, search, found)
        assert list(lines_of(events, found.violation))[-1] == f"! {violation}"
        raised = violation if found.move is not None else None
        assert what_goes_wrong_last(bounds, events) == raised


def test_a_search_that_is_stopped_says_so() -> None:
    result = Search(System(WITH_A_CRASH)).run(states_max=100)
    assert not result.is_whole
    assert result.counterexample is None
    assert 100 <= result.states < 200


def test_a_watcher_is_told_how_far_the_search_is() -> None:
    told: list[tuple[int, int, int]] = []
    result = Search(System(SMALL)).run(watcher=lambda *numbers: told.append(numbers))
    assert told[0] == (1, 1, 1)
    assert [depth for _, _, depth in told] == sorted(depth for _, _, depth in told)
    assert told[-1][2] == result.depth


def reached_without_reductions(system: System, search: Search, is_asked: bool = True) -> set[int]:
    """As the search, but with every reply an event of its own, and no state left out."""
    states, asking = system.first()
    nodes = sum(state << STATE_BITS * index for index, state in enumerate(states))
    seen = {Place(nodes, asking if is_asked else 0)}
    waiting = list(seen)
    while waiting:
        place = waiting.pop()
        for following in following_places(system, search, place):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return {place.nodes for place in seen}


def following_places(system: System, search: Search, place: Place) -> Iterable[Place]:
    for index in range(len(system.bounds.actors)):
        state = search.state(place, index)
        local = system.learn(state, place.messages)
        for bit, sent in local.replies.items():
            if place.messages & bit and sent & ~place.messages:
                yield Place(place.nodes, place.messages | sent)
        for cause, step in system.spontaneous(state):
            yield search.after(place, Move(index, cause, step))
        for bit, steps in local.transitions.items():
            if place.messages & bit:
                yield from (search.after(place, Move(index, bit, step)) for step in steps)


def what_goes_wrong_last(bounds: Bounds, events: list[PathStep]) -> str | None:
    """Go the way again, event by event, on the production code alone.

    The text of the violation that the last event raises, or None if it raises none.
    """
    moments = {actor: Moment.first(bounds, actor) for actor in bounds.actors}
    sent: set[Envelope] = set()
    for number, event in enumerate(events, 1):
        actor = event.before.actor
        assert moments[actor].identity == event.before.identity
        cause = event.cause
        if isinstance(cause, Envelope):
            assert cause in sent or isinstance(cause.message, Behind)
        after = outcome_of(moments[actor], event)
        if isinstance(after, Violation):
            assert number == len(events)
            return after.finding.sentence
        moments[actor] = after
        sent.update(event.sent)
    return None


def outcome_of(moment: Moment, event: PathStep) -> Moment | Violation:
    """Where the same event leads to; of crashes, the one that the search took."""
    try:
        outcome = happen(moment, event.cause, event.asked)
    except Violation as violation:
        return violation
    if not event.crashes:
        assert {each.message for each in event.sent} == {message for _, message in outcome.sent}
        return outcome.moment
    crashed = [each for each, _ in outcome.crashed]
    if event.cause is Cause.CRASH:
        crashed = list(moment.crash())
    if event.violation is not None:
        return next(each for each in crashed if isinstance(each, Violation))
    wanted = event.after.identity
    return next(each for each in crashed if isinstance(each, Moment) and each.identity == wanted)


def happen(moment: Moment, cause: Envelope | Cause, asked: Change | None) -> EventResult:
    match cause:
        case Envelope(sender, _, message):
            return moment.receive(sender, message, asked)
        case Cause.ASK:
            assert asked is not None
            return moment.ask_for(asked)
        case Cause.CAMPAIGN:
            return moment.campaign()
        case Cause.TIME_OUT:
            return moment.time_out()
        case Cause.CRASH:
            return EventResult(moment, ())
