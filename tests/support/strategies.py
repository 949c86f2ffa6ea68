"""Hypothesis strategies for the protocol's nouns, its messages and its records."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.journal import JournalRecord, QueueRecord

NUMBER_MAX = 2**53 - 1
INT64_MAX = 2**63 - 1

examples = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says nothing on a machine that has other work."""

numbers = st.integers(0, NUMBER_MAX)
positive = st.integers(1, NUMBER_MAX)
ballots = st.builds(Ballot, numbers, numbers)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
integers = st.one_of(st.integers(-3, 120), st.integers(-INT64_MAX, INT64_MAX))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Columns of whatever integers: what a ledger finds void is a run all the same."""
    pairs = draw(st.lists(st.tuples(integers, integers), min_size=1, max_size=5))
    credit, amount = zip(*pairs, strict=True)
    return Run(draw(integers), draw(positive), credit, amount)


blocks = st.builds(
    encode_block,
    positive,
    ballots,
    hashes,
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(runs(), min_size=1, max_size=3).map(tuple),
)
proposals = st.builds(Proposal, ballots, blocks)


@st.composite
def promises(draw: st.DrawFn) -> Promise:
    """What is reported as accepted is for the next slot, and of a lower ballot."""
    ballot = draw(st.builds(Ballot, positive, numbers))
    if draw(st.booleans()):
        return Promise(ballot, draw(numbers), None)
    lower = Ballot(draw(st.integers(0, ballot.round - 1)), draw(numbers))
    block = draw(blocks)
    return Promise(ballot, block.slot - 1, Proposal(lower, block))


MESSAGES: dict[str, st.SearchStrategy[Message]] = {
    "prepare": st.builds(Prepare, ballots),
    "promise": promises(),
    "accept": st.builds(Accept, proposals),
    "accepted": st.builds(Accepted, ballots, numbers),
    "nack": st.builds(Nack, ballots, ballots),
    "decide": st.builds(Decide, numbers, ballots, hashes),
    "behind": st.builds(Behind, numbers),
    "blocks": st.builds(Blocks, st.lists(blocks, max_size=3).map(tuple), numbers),
    "heartbeat": st.builds(Heartbeat, numbers, ballots),
    "confirm": st.builds(Confirm, numbers),
    "confirmed": st.builds(Confirmed, numbers, numbers),
    "forward": st.builds(Forward, runs()),
}
messages = st.one_of(*MESSAGES.values())

RECORDS: dict[str, st.SearchStrategy[JournalRecord]] = {
    "promise": st.builds(PromiseRecord, ballots),
    "accept": st.builds(AcceptRecord, proposals),
    "decide": st.builds(DecideRecord, blocks, ballots.filter(lambda ballot: ballot != Ballot.ZERO)),
    "learn": st.builds(DecideRecord, blocks, st.just(Ballot.ZERO)),
    "queue": st.builds(QueueRecord, runs()),
}
