"""Records of whole simulated runs: they are complete, say what led to what, and change nothing."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TypeGuard

import msgspec
import pytest

from benmo.sim.recording import Recording
from benmo.sim.run import run
from benmo.sim.trace import Trace
from benmo.tape.facts import AcceptedFacts, HeartbeatFacts, PromiseFacts
from benmo.tape.records import (
    AcceptedRecord,
    AnyRecord,
    AppliedRecord,
    AskedRecord,
    DecidedRecord,
    DroppedRecord,
    DueRecord,
    DurableRecord,
    LinkRecord,
    PromisedRecord,
    ReceivedRecord,
    SentRecord,
    StateRecord,
)
from tests.sim.finding_seeds import STUDY

SEEDS = range(6)
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
