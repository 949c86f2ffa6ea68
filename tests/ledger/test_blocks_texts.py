"""Memos and keys on disk and on the wire: there only when used, bounded, and not trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.errors import ProtocolError
from benmo.ledger.blocks import BLOCK_BYTES_MAX, Block, decode_block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import PaymentQueue
from benmo.ledger.transfers import Payments, Run
from benmo.ledger.visible_text import KEY_CHARACTERS_MAX, MEMO_CHARACTERS_MAX
from benmo.network.frames import FRAME_BYTES_MAX
from benmo.network.wire import decode_message, encode_message
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Accept, Blocks, Forward, Promise
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from benmo.storage.journal import QueueRecord, decode_line, encode_record
from benmo.storage.lines import DamagedLine
from tests.support.strategies import examples

characters = st.characters(codec="utf-8")
memos = st.text(characters, max_size=MEMO_CHARACTERS_MAX)
keys = st.text(characters, max_size=KEY_CHARACTERS_MAX)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run with a memo, a key, both or neither."""
    length = draw(st.integers(1, 4))

    def column(texts: st.SearchStrategy[str]) -> tuple[str, ...]:
        return tuple(draw(st.lists(texts, min_size=length, max_size=length)))

    numbers = tuple(range(2, 2 + length))
    memo = column(memos) if draw(st.booleans()) else ()
    key = column(keys) if draw(st.booleans()) else ()
    return Payments(numbers, numbers, memo, key).numbered(1, draw(st.integers(1, 99)))


def block_of(*held: Run, slot: int = 1) -> Block:
    return encode_block(slot, Ballot(3, 1), GENESIS_HASH, 1790000000.1, held)


# Round trips.


@examples
@given(st.lists(runs(), min_size=1, max_size=3))
def test_a_block_with_texts_comes_back_as_it_was(held: list[Run]) -> None:
    block = block_of(*held)
    assert decode_block(block.data) == block
    assert b"\n" not in block.data
    assert encode_block(1, block.ballot, block.previous, block.time, block.runs).data == block.data
    for shown, run in zip(json.loads(block.data)["runs"], held, strict=True):
        assert tuple(shown.get("memo", ())) == run.memo
        assert tuple(shown.get("key", ())) == run.key
        assert ("memo" in shown, "key" in shown) == (bool(run.memo), bool(run.key))


@examples
@given(runs())
def test_a_run_with_texts_is_forwarded_and_queued_as_it_was(run: Run) -> None:
    assert decode_message(encode_message(Forward(run))) == Forward(run)
    line = encode_record(QueueRecord(run), 7)
    assert line.count(b"\n") == 1
    assert getattr(decode_line(line[:-1], 7), "run") == run  # noqa: B009 - one kind has it


def test_a_block_without_texts_is_encoded_as_it_was_before_there_were_any() -> None:
    block = block_of(Payments((2, 3), (10, 5), ("", ""), ("", "")).numbered(1, 17))
    assert block.data == (
        b'{"slot":1,"ballot":[3,1],"previous":"' + b"0" * 64 + b'","time":1790000000.1,'
        b'"runs":[{"debit":1,"first":17,"credit":[2,3],"amount":[10,5]}]}'
    )
    forward = encode_message(Forward(block.runs[0]))
    assert b"memo" not in forward and b"key" not in forward
    line = encode_record(QueueRecord(block.runs[0]), 0)
    assert b"memo" not in line and b"key" not in line


def test_a_block_with_texts_looks_as_it_is_described() -> None:
    run = Payments((2, 3), (10, 5), ('"Zoë"\\', ""), ("", "rent")).numbered(1, 17)
    assert block_of(run).data.partition(b'"amount"')[2].decode() == (
        ':[10,5],"memo":["\\"Zoë\\"\\\\",""],"key":["","rent"]}]}'
    )


# What is wrong.

RUN: dict[str, Any] = {"debit": 1, "first": 17, "credit": [2, 3], "amount": [10, 5]}

NO_COLUMNS: list[Any] = [None, "x", {}, 1, [1, 2], ["x"], ["x"] * 3, ["x", None]]
WRONG: list[dict[str, Any]] = [
    *({column: wrong} for column in ("memo", "key") for wrong in NO_COLUMNS),
    {"memo": ["a" * 141, ""]},
    {"memo": ["", "🧾" * 141]},
    {"key": ["a" * 65, ""]},
    {"key": ["", "🧾" * 65]},
    {"memo": ["a", "b"], "key": ["a"]},
    {"note": ["a", "b"]},
    {"memos": ["a", "b"]},
    {"Memo": ["a", "b"]},
]


def as_block(run: dict[str, Any]) -> bytes:
    body = {"slot": 7, "ballot": [3, 1], "previous": GENESIS_HASH, "time": 1.5, "runs": [run]}
    return json.dumps(body).encode()


def as_forward(run: dict[str, Any]) -> bytes:
    return bytes(msgpack.packb(["forward", {"run": run}]))


@pytest.mark.parametrize("change", WRONG, ids=str)
@pytest.mark.parametrize(
    ("build", "decode"), [(as_block, decode_block), (as_forward, decode_message)]
)
def test_a_run_with_a_wrong_column_is_refused(
    build: Callable[[dict[str, Any]], bytes],
    decode: Callable[[bytes], object],
    change: dict[str, Any],
) -> None:
    assert decode(build(RUN)) and decode(build(RUN | {"memo": ["a" * 140, "🧾" * 140]}))
    with pytest.raises(ProtocolError):
        decode(build(RUN | change))


@pytest.mark.parametrize("text", [b"\\ud800", b"\\udc00", b"\\ud83d", b"\xed\xa0\x80", b"\xff"])
def test_half_a_character_is_no_text(text: bytes) -> None:
    data = as_block(RUN | {"memo": ["?", ""]}).replace(b"?", text)
    with pytest.raises(ProtocolError):
        decode_block(data)


@pytest.mark.parametrize("text", ["\0", "\x1b[2J", "\u202e", "\n", "\u2028", "\x7f"])
def test_what_no_payer_may_write_is_carried_when_it_is_decided_all_the_same(text: str) -> None:
    """A node that refused such a block would stop for good; it is escaped where it is shown."""
    block = decode_block(as_block(RUN | {"memo": [text, ""], "key": ["", text]}))
    assert block.runs[0].memo == (text, "") and block.runs[0].key == ("", text)
    again = block_of(*block.runs)
    assert b"\n" not in again.data and decode_block(again.data).runs == block.runs


def test_a_damaged_text_in_the_journal_is_noticed() -> None:
    line = encode_record(QueueRecord(Payments((2,), (1,), ("rent",)).numbered(1, 1)), 0)
    with pytest.raises(DamagedLine):
        decode_line(line[:-1].replace(b"rent", b"rant"), 0)


# The greatest block.


@pytest.mark.parametrize("character", ["a", '"', "\\", "é", "€", "🧾"])
@pytest.mark.parametrize("forwarding", [(), (2,), tuple(range(2, 100))])
def test_a_block_of_the_greatest_texts_goes_into_a_block_and_a_frame(
    character: str, forwarding: tuple[int, ...]
) -> None:
    """So do the messages that carry it, or a part of the queue."""
    nodes = range(1, 100)
    ledger = Ledger(dict.fromkeys(nodes, 2**40))
    queue = PaymentQueue(1, numbered_member(1), ledger, encode_block, 100_000, 20_000)
    count = 20_000 // (1 + len(forwarding)) + 1
    memo, key = character * MEMO_CHARACTERS_MAX, character * KEY_CHARACTERS_MAX
    amount = 2**40 // count
    payments = Payments((99,) * count, (amount,) * count, (memo,) * count, (key,) * count)
    others = Payments((1,) * count, payments.amount, payments.memo, payments.key)
    assert isinstance(queue.add(payments), Run)
    for node in forwarding:
        queue.take_forwarded(node, others.numbered(node, 1))
    block = queue.block(1, Ballot(2**53 - 1, 99), GENESIS_HASH, 1790000000.123456)
    assert isinstance(block, Block)
    assert len(block.runs) == 1 + len(forwarding) and all(len(run) for run in block.runs)
    assert len(block.data) <= BLOCK_BYTES_MAX
    assert decode_block(block.data) == block
    proposal = Proposal(Ballot(1, 1), block)
    (forwarded,) = queue.forward(Ballot(1, 2), again=False)
    assert isinstance(forwarded, Run) and len(forwarded) > 0
    for message in (
        Accept(proposal),
        Promise(Ballot(2, 1), 0, proposal),
        Blocks((block,), 1),
        Forward(forwarded),
    ):
        data = encode_message(message)
        assert len(data) <= FRAME_BYTES_MAX and decode_message(data) == message


def test_a_peer_that_forwards_the_longest_escapes_makes_no_block_that_none_can_read() -> None:
    """JSON writes a control character as six bytes; no payer's own node would let one in."""
    count = 20_000
    run = Run(2, 1, (1,) * count, (1,) * count, ("\x01" * 140,) * count, ("\x01" * 64,) * count)
    message = decode_message(encode_message(Forward(run)))
    assert isinstance(message, Forward)
    queue = PaymentQueue(1, numbered_member(1), Ledger({1: 100, 2: 100}), encode_block, 10, count)
    queue.take_forwarded(2, message.payload)
    block = queue.block(1, Ballot(1, 1), GENESIS_HASH, 1.0)
    assert decode_block(block.data).runs == block.runs
