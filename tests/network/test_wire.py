"""Messages: what is encoded comes back, a block keeps its bytes, garbage is refused."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, get_args

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.errors import ProtocolError
from benmo.ledger.blocks import AppliedBlock, Block, encode_block
from benmo.ledger.transfers import Run
from benmo.network.wire import decode_message, encode_message
from benmo.paxos.messages import Accept, Blocks, Forward, Message, Promise
from benmo.paxos.step import AcceptRecord, DecideRecord
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from benmo.sim.disk import MemoryDisk
from benmo.storage.chain_file import ChainFile
from benmo.storage.journal import decode_line, encode_record
from tests.support.strategies import (
    MESSAGES,
    examples,
    messages,
)

RUN = Run(1, 17, (2, 3), (10, 5))
BLOCK = encode_block(1, Ballot(3, 1), GENESIS_HASH, 1790000000.1, (RUN,))


# Round trips.


def test_every_kind_of_message_is_tried() -> None:
    kinds = {kind.__name__.lower() for kind in get_args(Message)}
    assert set(MESSAGES) == kinds


@pytest.mark.parametrize("kind", MESSAGES)
@examples
@given(st.data())
def test_a_message_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("kind", MESSAGES)
@examples
@given(st.data())
def test_the_wire_is_plain_msgpack(kind: str, data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    structure = [kind, plain(message)]
    assert msgpack.packb(structure) == encode_message(message)
    assert msgpack.unpackb(encode_message(message)) == structure
    assert decode_message(msgpack.packb(structure)) == message


def plain(value: object) -> Any:
    """A message's fields, as a peer in another language would build them."""
    match value:
        case Block():
            return value.data
        case Proposal(ballot, block):
            return {"ballot": plain(ballot), "block": plain(block)}
        case Accept(proposal):
            return plain(proposal)
        case Forward(Run() as run):
            return {"run": plain(run)}
        case Run(debit, first, credit, amount):
            columns = {"credit": list(credit), "amount": list(amount)}
            return {"debit": debit, "first": first, **columns}
        case tuple():
            return [plain(item) for item in value]
        case int() | str() | None:
            return value
        case _:
            names = type(value).__dataclass_fields__  # type: ignore[attr-defined]
            return {name: plain(getattr(value, name)) for name in names}


# A block's bytes stay what they are.

REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "spaces inside": lambda data: data.replace(b",", b" ,\t").replace(b":", b" : "),
    "another order": lambda data: json.dumps(dict(reversed(json.loads(data).items()))).encode(),
    "escapes": lambda data: data.replace(b'"slot"', b'"\\u0073lot"'),
    "a longer number": lambda data: data.replace(b"1790000000.1", b"1.7900000001e9"),
    "a field twice": lambda data: data.replace(b'"slot":1', b'"slot":8,"slot":1'),
    "a space before": lambda data: b" " + data,
    "a space after": lambda data: data + b" ",
    "a tab before": lambda data: b"\t" + data,
    "a carriage return after": lambda data: data + b"\r",
}


@pytest.mark.parametrize("rewrite", REWRITTEN.values(), ids=REWRITTEN.keys())
def test_a_block_is_stored_and_sent_on_in_its_own_bytes_or_refused(
    rewrite: Callable[[bytes], bytes],
) -> None:
    data = rewrite(BLOCK.data)
    frame = msgpack.packb(["accept", {"ballot": [4, 2], "block": data}])
    try:
        message = decode_message(frame)
    except ProtocolError:
        return
    assert isinstance(message, Accept) and isinstance(message.proposal.block, Block)
    block = message.proposal.block
    assert block.hash == hashlib.sha256(data).hexdigest()
    assert encode_message(message) == frame
    assert encode_message(Promise(Ballot(5, 1), 0, message.proposal)).count(data) == 1
    assert encode_message(Blocks((block,), 1)).count(data) == 1
    for record in (AcceptRecord(message.proposal), DecideRecord(block, Ballot.ZERO)):
        line = encode_record(record, 0)
        assert line.count(data) == 1
        stored = decode_line(line[:-1], 0)
        assert bytes(getattr(stored, "block")) == data  # noqa: B009 - only two kinds have it
    assert through_the_chain_file(block) == block


def through_the_chain_file(block: Block) -> Block:
    disk = MemoryDisk()
    file = ChainFile(disk, "chain", 0, 0, 1)
    file.append([AppliedBlock(block)])
    (read,) = ChainFile(disk, "chain", file.length, 1, 1).read(1, 1)
    assert disk.read("chain").count(block.data) == 1
    return read.block


# Garbage.


def refused(data: bytes) -> bool:
    """Whether these bytes are refused, with the one kind of error that is a peer's fault."""
    try:
        decode_message(data)
    except ProtocolError:
        return True
    return False


@examples
@given(st.binary(max_size=300))
def test_random_bytes_are_no_message(data: bytes) -> None:
    assert refused(data)


@examples
@given(messages, st.data())
def test_a_message_cut_short_is_refused(message: Message, data: st.DataObject) -> None:
    frame = encode_message(message)
    assert refused(frame[: data.draw(st.integers(0, len(frame) - 1))])
    assert refused(frame + b"\x00")


@examples
@given(messages, st.data())
def test_a_changed_byte_is_refused_or_another_message(
    message: Message, data: st.DataObject
) -> None:
    frame = bytearray(encode_message(message))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    assert refused(bytes(frame)) or encode_message(decode_message(bytes(frame)))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.just(BLOCK.data)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=4))
    | st.builds(msgpack.Timestamp, st.integers(0, 9), st.integers(0, 9)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.binary(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = ["ballot", "height", "accepted", "block", "blocks", "slot", "hash", "promised", "run"]


@examples
@given(st.sampled_from([*MESSAGES, "", "no such kind"]), st.data())
def test_fields_of_any_shape_are_refused_or_a_message(kind: str, data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=4) | anything)
    frame = msgpack.packb([kind, fields])
    assert refused(frame) or encode_message(decode_message(frame))
