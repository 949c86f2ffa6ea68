"""Records of whole simulated runs: they are complete, say what led to what, and change nothing."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TypeGuard

import msgspec
import pytest

from benmo.sim.recording import _LIVES_MAX, Recording
from benmo.sim.run import run
from benmo.sim.seeds import planted
from benmo.sim.trace import Trace
from benmo.tape.facts import (
    AcceptedFacts,
    BlocksFacts,
    ConfirmedFacts,
    HeartbeatFacts,
    NackFacts,
    PromiseFacts,
)
from benmo.tape.records import (
    AcceptedRecord,
    AnsweredRecord,
    AnyRecord,
    AppliedRecord,
    AskedRecord,
    DecidedRecord,
    DroppedRecord,
    DueRecord,
    DurableRecord,
    LinkRecord,
    PromisedRecord,
    QueuedRecord,
    ReceivedRecord,
    SentRecord,
    StateRecord,
)
from benmo.tape.world_records import (
    CutRecord,
    HealedRecord,
    ProcessEvent,
    ProcessRecord,
    RecordPlace,
    ViolationRecord,
)
from tests.sim.finding_seeds import STUDY

SEEDS = range(6)
PAUSES = 52
"""A seed with nodes that stand still."""
Life = tuple[int, int]


@cache
def run_of(seed: int) -> tuple[list[AnyRecord], str]:
    """The records of a seed's run, and the hash of its trace."""
    records: list[AnyRecord] = []
    trace = Trace(whole=True, recording=Recording(records.append))
    assert run(STUDY.plan(seed), trace).violation is None
    return records, trace.hash


def lives_of(seed: int) -> dict[Life, list[AnyRecord]]:
    lives: dict[Life, list[AnyRecord]] = defaultdict(list)
    for record in run_of(seed)[0]:
        lives[record.node, record.life].append(record)
    return lives


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recorded_run_is_the_same_run(seed: int) -> None:
    trace = Trace(whole=True)
    run(STUDY.plan(seed), trace)
    assert trace.hash == run_of(seed)[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_records_of_a_life_are_numbered_without_a_gap(seed: int) -> None:
    lives = lives_of(seed)
    assert len(lives) > 5
    for records in lives.values():
        assert [each.number for each in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_life_begins_with_the_node_s_state(seed: int) -> None:
    for (node, _), records in lives_of(seed).items():
        if node:
            assert isinstance(records[0], StateRecord)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_chain_of_causes_ends_at_an_event(seed: int) -> None:
    """At a message, a time that was up, a request or a link; or there was none since the start."""
    events = (ReceivedRecord, DueRecord, AskedRecord, LinkRecord)
    for (node, _), records in lives_of(seed).items():
        is_first = True
        for record in records if node else ():
            is_first = is_first and not isinstance(record, events)
            root = record
            while root.cause:
                assert root.cause < root.number
                root = records[root.cause - 1]
            assert is_first or isinstance(root, events), record


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_s_cause_is_what_it_answers(seed: int) -> None:
    answers = AcceptedFacts | BlocksFacts | ConfirmedFacts | NackFacts | PromiseFacts
    compared = 0
    for (node, _), records in lives_of(seed).items():
        for record in records if node else ():
            cause = records[record.cause - 1] if record.cause else None
            match record:
                case SentRecord(message=message) if isinstance(message, answers):
                    assert isinstance(cause, ReceivedRecord) and cause.sender == record.to
                case QueuedRecord():
                    assert isinstance(cause, AskedRecord) and cause.what == "pay"
                case AnsweredRecord(outcome="confirmed"):
                    assert isinstance(cause, ReceivedRecord | AskedRecord)
                case AnsweredRecord():
                    assert isinstance(cause, AskedRecord) and cause.ticket == record.ticket
                case _:
                    continue
            compared += 1
    assert compared > 100


def _is_from_a_peer(record: AnyRecord) -> TypeGuard[ReceivedRecord]:
    """Heartbeats apart, whose sending isn't recorded."""
    if not isinstance(record, ReceivedRecord) or not record.frame:
        return False
    return not isinstance(record.message, HeartbeatFacts)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_arrives_was_sent_before(seed: int) -> None:
    sent: dict[str, SentRecord] = {}
    arrived = 0
    for record in run_of(seed)[0]:
        if isinstance(record, SentRecord):
            assert record.frame not in sent
            sent[record.frame] = record
        elif _is_from_a_peer(record):
            arrived += 1
            before = sent[record.frame]
            assert (before.node, before.message) == (record.sender, record.message)
            assert before.to == record.node
    assert arrived > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_promises_and_votes_leave_only_once_they_are_durable(seed: int) -> None:
    """Rule A4, as the records show it."""
    seen = 0
    for records in lives_of(seed).values():
        durable = 0
        promised: dict[object, int] = {}
        accepted: dict[object, int] = {}
        for record in records:
            match record:
                case DurableRecord():
                    durable = record.upto
                case PromisedRecord():
                    promised[record.ballot] = record.number
                case AcceptedRecord():
                    accepted[record.ballot, record.block.slot] = record.number
                case SentRecord(message=PromiseFacts(ballot)):
                    assert promised[ballot] <= durable
                    seen += 1
                case SentRecord(message=AcceptedFacts(ballot, slot)):
                    assert accepted[ballot, slot] <= durable
                    seen += 1
                case _:
                    pass
    assert seen > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_decided_blocks_continue_the_state_at_the_start(seed: int) -> None:
    decided = 0
    for (node, _), records in lives_of(seed).items():
        if not node:
            continue
        state = records[0]
        assert isinstance(state, StateRecord)
        slots = [each.block.slot for each in records if isinstance(each, DecidedRecord)]
        assert slots == list(range(state.height + 1, state.height + 1 + len(slots)))
        applied = [each for each in records if isinstance(each, AppliedRecord)]
        assert [each.slot for each in applied] == slots[: len(applied)]
        for each in applied:
            event = records[each.cause - 1]
            assert isinstance(event, ReceivedRecord | DueRecord)
            assert sum(each.balances.values()) == sum(state.balances.values())
        decided += len(slots)
    assert decided > 5


def test_losses_say_why() -> None:
    reasons = {
        record.why
        for seed in SEEDS
        for record in run_of(seed)[0]
        if isinstance(record, DroppedRecord)
    }
    assert reasons == {"cut", "lost"}


@pytest.mark.parametrize("seed", SEEDS)
def test_records_are_short_lines_that_can_be_read_back(seed: int) -> None:
    decoder = msgspec.json.Decoder(AnyRecord)
    for record in run_of(seed)[0]:
        line = msgspec.json.encode(record)
        assert len(line) <= (4 << 10 if isinstance(record, StateRecord) else 1 << 10)
        assert msgspec.json.encode(decoder.decode(line)) == line


def test_lives_are_numbers_that_javascript_holds() -> None:
    assert max(life for seed in SEEDS for _, life in lives_of(seed)) < 2**53


@pytest.mark.parametrize("seed", SEEDS)
def test_every_life_starts_and_ends_once(seed: int) -> None:
    """And all its records lie between."""
    ends = (ProcessEvent.ENDS, ProcessEvent.KILLED, ProcessEvent.LOSES_POWER)
    alive: set[Life] = set()
    started = set[Life]()
    for record in run_of(seed)[0]:
        if isinstance(record, ProcessRecord):
            life = record.of, record.of_life
            if record.event is ProcessEvent.STARTS:
                assert life not in started
                started.add(life)
                alive.add(life)
            elif record.event in ends:
                assert life in alive or life not in started  # it may die while it starts
                alive.discard(life)
        elif record.node:
            assert (record.node, record.life) in alive
    assert started == {life for life in lives_of(seed) if life[0]}


def test_who_stands_still_says_nothing_until_it_goes_on() -> None:
    standing: set[Life] = set()
    paused = 0
    for record in run_of(PAUSES)[0]:
        if isinstance(record, ProcessRecord):
            is_standing = record.event is ProcessEvent.STANDS_STILL
            paused += is_standing
            (standing.add if is_standing else standing.discard)((record.of, record.of_life))
        elif record.node:
            assert (record.node, record.life) not in standing
    assert paused > 0


def test_every_cut_heals_by_its_number() -> None:
    healed = 0
    for seed in SEEDS:
        cuts: dict[int, CutRecord] = {}
        for record in run_of(seed)[0]:
            if isinstance(record, CutRecord):
                assert record.fault not in cuts and record.ways
                cuts[record.fault] = record
            elif isinstance(record, HealedRecord):
                assert cuts[record.fault].ways == record.ways
                healed += 1
    assert healed > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_an_applied_block_says_how_many_transfers_still_wait(seed: int) -> None:
    compared = 0
    for (node, life), records in lives_of(seed).items():
        waiting, is_exact = 0, life < _LIVES_MAX  # a replaced node may find its former transfers
        for record in records if node else ():
            match record:
                case StateRecord():
                    waiting = record.queue
                case QueuedRecord():
                    waiting += record.count
                case DecidedRecord(block=block):
                    waiting -= sum(each.debit == node for each in block.transfers)
                    is_exact = is_exact and block.count == len(block.transfers)
                case AppliedRecord() if is_exact:
                    assert record.queue == waiting
                    compared += 1
                case _:
                    pass
    assert compared > 5


@pytest.mark.parametrize(
    ("mistake", "seed", "kind"),
    [("accept-ignores-promise", 3, AcceptedRecord), ("promise-not-durable", 3, SentRecord)],
)
def test_a_violation_names_its_record(mistake: str, seed: int, kind: type[AnyRecord]) -> None:
    records: list[AnyRecord] = []
    with planted(mistake):
        found = run(STUDY.plan(seed), Trace(recording=Recording(records.append))).violation
    assert found is not None
    violation = records[-1]
    assert isinstance(violation, ViolationRecord)
    assert (violation.of, violation.sentence) == (found.node, found.sentence)
    assert (violation.slot, violation.ballot) == (found.slot or 0, found.ballot)
    (about,) = violation.about
    named = [e for e in records if RecordPlace(e.node, e.life, e.number) == about]
    assert [type(each) for each in named] == [kind]
    assert about.node == found.node
