"""Requests and answers: what is encoded comes back, and whatever else comes is refused."""

from __future__ import annotations

import math
from typing import Any, get_args

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.commands.node_status import MemberStatus, NodeSnapshot, PeerStatus, UndecidedProposal
from benmo.control.member_requests import (
    ChangeDecided,
    MembersRead,
    ProposeChange,
    ReadMembers,
    WaitingTransfers,
)
from benmo.control.requests import (
    REQUEST_BYTES_MAX,
    BalancesRead,
    BlockRead,
    BlocksRead,
    ControlAnswer,
    ControlRequest,
    DecidedRange,
    Find,
    Found,
    FoundTransfer,
    Hurry,
    NotDone,
    Paid,
    Pay,
    Ran,
    ReadBalances,
    ReadBlocks,
    ReadUsage,
    RunLine,
    Shown,
    Told,
    UsageRead,
    Watch,
    decode_answer,
    decode_request,
    encode,
)
from benmo.control.tape_requests import Listen, Taped
from benmo.errors import ProtocolError
from benmo.ledger.blocks import ChangeBody
from benmo.ledger.transfers import BLOCK_CHARACTERS_MAX, BLOCK_TRANSFERS_MAX, Payments
from benmo.network.link import Link
from benmo.paxos.types import Ballot, ChangeKind
from tests.support.strategies import examples

integers = st.integers(-(2**63), 2**64 - 1)
columns = st.lists(integers, max_size=4).map(tuple)
texts = st.text(max_size=20)
seconds = st.floats(min_value=0, allow_nan=False)
payments = st.builds(Payments, columns, columns, st.lists(texts, max_size=3).map(tuple))
reads = st.builds(BlockRead, st.binary(max_size=40), columns, columns)
ballots = st.builds(Ballot, integers, integers)
snapshots = st.builds(
    NodeSnapshot,
    integers,
    texts,
    st.none() | integers,
    ballots,
    ballots,
    st.none() | st.builds(UndecidedProposal, integers, ballots),
    integers,
    texts,
    integers,
    st.booleans(),
    st.lists(st.builds(PeerStatus, integers, st.sampled_from(Link), integers), max_size=3).map(
        tuple
    ),
    integers,
    integers,
    st.none() | seconds,
)
members = st.builds(
    MemberStatus,
    integers,
    texts,
    integers,
    integers,
    st.none() | integers,
    texts,
    integers,
    integers,
    st.lists(st.tuples(texts, integers), max_size=2).map(tuple),
)
changes = st.builds(
    ChangeBody, st.sampled_from(ChangeKind), integers, texts, texts, texts, integers
)

REQUESTS: dict[type, st.SearchStrategy[Any]] = {
    RunLine: st.builds(RunLine, integers, texts, texts),
    Watch: st.just(Watch()),
    Hurry: st.just(Hurry()),
    Pay: st.builds(Pay, integers, payments, seconds),
    Find: st.builds(Find, integers, texts, integers, seconds),
    ReadBalances: st.builds(ReadBalances, integers, st.booleans(), integers, seconds),
    ReadBlocks: st.builds(ReadBlocks, integers, integers, integers, seconds),
    ReadUsage: st.builds(ReadUsage, integers),
    ReadMembers: st.builds(ReadMembers, integers),
    Listen: st.builds(Listen, integers, st.booleans()),
    ProposeChange: st.builds(ProposeChange, integers, changes, seconds),
}
ANSWERS: dict[type, st.SearchStrategy[Any]] = {
    Ran: st.builds(Ran, integers, integers, texts, st.booleans()),
    Told: st.builds(Told, texts, st.dictionaries(texts, integers, max_size=3), seconds),
    Shown: st.builds(Shown, snapshots),
    Paid: st.builds(
        Paid,
        integers,
        st.lists(st.tuples(integers, integers)).map(tuple),
        st.lists(st.builds(DecidedRange, integers, integers, integers, columns)).map(tuple),
        texts,
        integers,
    ),
    Found: st.builds(
        Found,
        integers,
        st.none()
        | st.builds(FoundTransfer, integers, integers, integers, texts, integers, st.booleans()),
    ),
    BalancesRead: st.builds(
        BalancesRead, integers, st.lists(st.tuples(integers, integers)).map(tuple), integers
    ),
    BlocksRead: st.builds(BlocksRead, integers, st.lists(reads, max_size=3).map(tuple), integers),
    UsageRead: st.builds(UsageRead, integers, integers),
    MembersRead: st.builds(
        MembersRead,
        integers,
        texts,
        integers,
        st.lists(members, max_size=3).map(tuple),
        st.booleans(),
        st.lists(st.tuples(integers, integers)).map(tuple),
        st.lists(st.builds(WaitingTransfers, integers, integers, integers)).map(tuple),
    ),
    ChangeDecided: st.builds(ChangeDecided, integers, integers, st.booleans(), texts),
    Taped: st.builds(
        Taped,
        integers,
        st.lists(st.binary(max_size=50), max_size=3).map(tuple),
        texts,
        seconds,
        seconds,
    ),
    NotDone: st.builds(NotDone, integers, texts, st.booleans()),
}


def test_every_kind_is_tried() -> None:
    assert set(REQUESTS) == set(get_args(ControlRequest))
    assert set(ANSWERS) == set(get_args(ControlAnswer))


@pytest.mark.parametrize("kind", REQUESTS)
@examples
@given(st.data())
def test_a_request_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    request = data.draw(REQUESTS[kind])
    assert decode_request(encode(request)) == request
    assert refused(decode_answer, encode(request))


@pytest.mark.parametrize("kind", ANSWERS)
@examples
@given(st.data())
def test_an_answer_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[kind])
    assert decode_answer(encode(answer)) == answer
    assert refused(decode_request, encode(answer))


def refused(decode: Any, data: bytes) -> bool:
    with pytest.raises(ProtocolError):
        decode(data)
    return True


# Hostile requests: each costs its own connection, and nothing else.

PAY: dict[str, Any] = {
    "type": "Pay",
    "number": 1,
    "payments": {"credit": [2], "amount": [10]},
    "wait_s": 1.0,
}


def test_the_example_is_right() -> None:
    assert decode_request(msgpack.packb(PAY)) == Pay(1, Payments.of((2, 10)), 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Steal"},
        {"type": None},
        {"type": ["Pay"]},
        {"number": "1"},
        {"number": 1.5},
        {"number": True},
        {"payments": None},
        {"payments": {"credit": [2]}},
        {"payments": {"credit": [2], "amount": [10], "debit": [3]}},
        {"payments": {"credit": ["2"], "amount": [10]}},
        {"payments": {"credit": [2], "amount": [10.0]}},
        {"payments": {"credit": [2], "amount": [True]}},
        {"payments": {"credit": [2], "amount": [10], "key": [b"k"]}},
        {"payments": {"credit": [2], "amount": [10], "memo": "m"}},
        {"wait_s": None},
        {"wait_s": "1"},
        {"wait_s": -1.0},
        {"wait_s": math.nan},
        {"more": 1},
    ],
)
def test_a_request_with_a_wrong_field_is_refused(change: dict[str, Any]) -> None:
    assert refused(decode_request, msgpack.packb(PAY | change))


@pytest.mark.parametrize("field", PAY)
def test_a_request_without_one_of_its_fields_is_refused(field: str) -> None:
    rest = {name: value for name, value in PAY.items() if name != field}
    assert refused(decode_request, msgpack.packb(rest))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\x91" * 100_000,
        b"\xdd\x7f\xff\xff\xff",
        msgpack.packb([1, 2]),
        msgpack.packb("Pay"),
        msgpack.packb(PAY) + b"\x00",
        msgpack.packb(PAY)[:-1],
        msgpack.packb(PAY | {"payments": {"credit": [2] * 200_000, "amount": [1] * 200_000}}),
        msgpack.packb({"type": "Find", "number": 1}) + b"\xa1k",
        b"\x83\xa4type\xa4Find\xa6number\x01\xa3key\xa3\xed\xa0\x80",
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    assert refused(decode_request, data)


@examples
@given(st.binary(max_size=200))
def test_random_bytes_are_neither_request_nor_answer(data: bytes) -> None:
    assert refused(decode_request, data) and refused(decode_answer, data)


@pytest.mark.parametrize("wait_s", [math.inf, 0.0, 1e300])
def test_any_number_of_seconds_can_be_asked_for(wait_s: float) -> None:
    request = ReadBlocks(1, 1, 1, wait_s)
    assert decode_request(encode(request)) == request


@pytest.mark.parametrize("character", ["a", "é", "€", "🧾"])
def test_as_many_payments_as_a_request_holds_go_into_its_frame(character: str) -> None:
    count = BLOCK_TRANSFERS_MAX
    size = BLOCK_CHARACTERS_MAX // count
    memos, keys = (character * (size - 6),) * count, (character * 6,) * count
    payments = Payments((-(2**63),) * count, (-(2**63),) * count, memos, keys)
    assert payments.why_too_much() is None
    assert len(encode(Pay(2**63, payments, 1.5, 1.5))) <= REQUEST_BYTES_MAX
