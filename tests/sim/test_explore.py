"""The exploration goes to its end, loses nothing on the way, and finds what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from benmo.paxos.membership import Membership
from benmo.paxos.messages import Accept, Accepted, Behind, Decide, Promise
from benmo.paxos.quorum_reads import QuorumReads
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, Change, ChangeKind, Tenure
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.command import explore
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
ACTORS = Bounds().actors
ONE_CHANGE = Bounds(leaders=1, campaigns=2, crashes=0, changes=1, changed=3, tenure=Tenure.BLOCK)
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
        assert found.violation == violation
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
    if event.has_failed:
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


# Changes of the members.


@pytest.mark.parametrize(
    "bounds",
    [
        ONE_CHANGE,
        replace(ONE_CHANGE, kind=ChangeKind.ADD),
        replace(ONE_CHANGE, kind=ChangeKind.REMOVE),
    ],
    ids=["replace", "add", "remove"],
)
def test_nothing_is_wrong_with_a_change_and_the_new_members_decide_the_next_slot(
    bounds: Bounds,
) -> None:
    system = System(bounds)
    result = Search(system).run()
    assert (result.is_whole, result.counterexample) == (True, None)
    (change,) = bounds.planned
    after = {
        voters[1].is_voter(change.member or change.replaces)
        for chain, voters in zip(system.chains, system.voters, strict=True)
        if len(chain) == 2
    }
    assert after == {True, False}, "slot 2 is decided with and without the change in slot 1"


def test_an_old_member_goes_on_beside_the_new_one_until_it_learns_of_the_change() -> None:
    system = System(replace(ONE_CHANGE, campaigns=1))
    Search(system).run()
    found = {(local.moment.actor.label, local.is_ended) for local in system.locals}
    assert {("3", False), ("3", True), ("3b", False)} <= found
    assert ("3b", True) not in found


def test_a_change_that_was_decided_is_asked_for_in_vain() -> None:
    bounds = Bounds(slots=3, crashes=0, changes=1, changed=3, forwarding=False)
    (change,) = bounds.planned
    promise, vote = Promise(Ballot(1, 1), 0, None), Accepted(Ballot(1, 1), 1)
    leader = Moment.first(bounds, bounds.actors[0]).campaign().moment
    leader = leader.receive(bounds.actors[1], promise, change).moment
    assert leader.askable == (), "it waits already"
    changed = leader.receive(bounds.actors[1], vote).moment
    assert len(changed.chain) == 1
    assert changed.block(1).change == change
    assert changed.askable == ()
    again = changed.ask_for(change)
    assert again.moment.identity == changed.identity
    assert not again.sent


@pytest.mark.parametrize("tenure", list(Tenure))
def test_votes_of_members_that_dont_vote_in_a_slot_are_found_if_they_count(
    tenure: Tenure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Membership, "is_voter", lambda self, member: True)
    bounds = Bounds(crashes=0, changes=1, changed=3, forwarding=False, tenure=tenure)
    system = System(bounds)
    search = Search(system)
    found = search.run(states_max=20_000).counterexample
    assert found is not None
    assert found.violation == "node 1 decided slot 1 without a quorum"
    lines = list(lines_of(steps_of(system, search, found), found.violation))
    assert any(line.startswith("> 3b->1 Accepted slot 1") for line in lines)


def test_a_read_that_goes_by_the_answers_of_old_members_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = QuorumReads.settle

    def settle(
        self: QuorumReads, height: int, own_height: int, membership: Membership, step: Step
    ) -> None:
        for question in self._open.values():
            question.membership = membership
        original(self, height, own_height, membership, step)

    monkeypatch.setattr(QuorumReads, "settle", settle)
    found = Search(System(ONE_CHANGE)).run().counterexample
    assert found is not None
    assert found.violation == "node 2 takes height 1 for confirmed, and slot 2 is decided"


# One node.


def test_a_leader_may_crash_after_its_accept_requests_and_before_its_own_vote() -> None:
    outcome = elected(Bounds())
    assert outcome.moment.replica.acceptor.accepted is not None
    for after, sent in outcome.crashed:
        assert isinstance(after, Moment)
        assert after.replica.acceptor.promised == Ballot(1, 1)
        assert after.replica.acceptor.accepted is None
        assert [type(message) for _, message in sent] == [Accept, Accept]
    assert len(outcome.crashed) == 2


def test_a_decision_alone_outlasts_a_kill_and_not_a_power_cut() -> None:
    acceptor = Moment.first(Bounds(), ACTORS[1])
    for _, message in elected(Bounds()).sent[:1]:
        acceptor = acceptor.receive(ACTORS[0], message).moment
    accepted = acceptor.replica.acceptor.accepted
    assert accepted is not None
    decide = Decide(1, accepted.ballot, accepted.block.hash)
    killed, cut_off = acceptor.receive(ACTORS[0], decide).moment.crash()
    assert isinstance(killed, Moment)
    assert isinstance(cut_off, Moment)
    assert (len(killed.chain), len(cut_off.chain)) == (1, 0)
    assert cut_off.replica.acceptor.accepted == accepted


def test_an_event_leaves_the_moment_before_it_as_it_was() -> None:
    leader = elected(Bounds()).moment
    before = leader.identity
    outcome = leader.receive(ACTORS[1], Accepted(Ballot(1, 1), 1))
    assert len(outcome.moment.chain) == 1
    assert outcome.moment.identity != before
    del leader.__dict__["identity"]
    assert leader.identity == before


def test_a_node_answers_a_question_by_the_slot_it_accepted_as_soon_as_it_is_durable() -> None:
    outcome = elected(Bounds())
    assert outcome.moment.confirmed_height == 1
    crashed = [after for after, _ in outcome.crashed if isinstance(after, Moment)]
    assert [after.confirmed_height for after in crashed] == [0, 0], (
        "in the middle of that very event"
    )
    for after in outcome.moment.crash():
        assert isinstance(after, Moment)
        assert after.confirmed_height == 1


def test_only_leaders_campaign_and_only_as_often_as_they_may() -> None:
    may_campaign = [Moment.first(Bounds(), actor).may_campaign for actor in ACTORS]
    assert may_campaign == [True, True, False]
    assert not Moment.first(Bounds(), ACTORS[0]).campaign().moment.may_campaign
    failed = Moment.first(Bounds(campaigns=2), ACTORS[0]).campaign().moment
    assert failed.may_time_out
    assert failed.time_out().moment.may_campaign


def elected(bounds: Bounds) -> EventResult:
    """Node 1 hears the promise that makes it leader."""
    promise = Promise(Ballot(1, 1), 0, None)
    return Moment.first(bounds, ACTORS[0]).campaign().moment.receive(ACTORS[1], promise)


# The command.


def test_the_command_counts_what_it_explored() -> None:
    result = CliRunner().invoke(explore, ["--slots", "1", "--crashes", "0"])
    assert result.exit_code == 0
    assert result.output.startswith("3 nodes, 2 leaders, 0 crashes, 1 slot, ")
    assert result.output.endswith("seconds: no violation\n")


def test_the_command_says_that_a_part_is_not_the_whole() -> None:
    result = CliRunner().invoke(explore, ["--states-max", "50"])
    assert result.exit_code == 3
    assert result.output.endswith("no violation so far, but this is not the whole\n")


def test_the_command_shows_a_shortest_way_to_a_planted_mistake() -> None:
    result = CliRunner().invoke(explore, ["--slots", "1", "--plant", "promise-not-saved"])
    assert result.exit_code == 1
    *lines, summary = result.output.splitlines()
    assert lines == [
        "= 1 promised (1, 1)",
        "= 1 wants to lead with (1, 1)",
        "> 1->2 Prepare (1, 1)",
        "> 1->3 Prepare (1, 1)",
        "! 1 crashes and restarts, at height 0",
        "! node 1 forgets that it promised (1, 1)",
    ]
    assert summary.endswith("a violation after 2 events")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--nodes", "4"), ("--leaders", "5"), ("--changed", "4"), ("--plant", "a-sunflower")],
)
def test_the_command_explores_no_system_that_there_cant_be(option: str, value: str) -> None:
    result = CliRunner().invoke(explore, [option, value])
    assert result.exit_code == 2
    assert option in result.output
