"""Blocks: what is encoded comes back, byte for byte."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from benmo.errors import ProtocolError
from benmo.ledger.blocks import Block, decode_block, encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.types import GENESIS_HASH, Ballot
from tests.support.strategies import (
    blocks,
    examples,
)

RUN = Run(1, 17, (2, 3), (10, 5))


BLOCK = encode_block(1, Ballot(3, 1), GENESIS_HASH, 1790000000.1, (RUN,))


@examples
@given(blocks)
def test_a_block_is_decoded_as_it_was_made(block: Block) -> None:
    assert decode_block(block.data) == block
    assert block.hash == hashlib.sha256(block.data).hexdigest()
    body = json.loads(block.data)
    assert list(body) == ["slot", "ballot", "previous", "time", "runs"]
    assert (body["slot"], body["previous"]) == (block.slot, block.previous)


def test_a_block_looks_as_it_is_described() -> None:
    assert BLOCK.data == (
        b'{"slot":1,"ballot":[3,1],"previous":"' + b"0" * 64 + b'","time":1790000000.1,'
        b'"runs":[{"debit":1,"first":17,"credit":[2,3],"amount":[10,5]}]}'
    )


@examples
@given(blocks, st.data())
def test_a_changed_byte_of_a_block_is_refused_or_another_block(
    block: Block, data: st.DataObject
) -> None:
    changed = bytearray(block.data)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = decode_block(bytes(changed))
    except ProtocolError:
        return
    assert other.data == changed and other.hash != block.hash
