"""Lines of the journal: records come back, and a line opens with its own checksum alone."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.ledger.blocks import Block
from benmo.paxos.step import AcceptRecord, DecideRecord
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.journal import JournalRecord, decode_line, encode_record
from benmo.storage.lines import DamagedLine, seal, unseal
from tests.support.strategies import (
    RECORDS,
    examples,
)


@pytest.mark.parametrize("kind", RECORDS)
@examples
@given(st.data())
def test_a_record_comes_back_from_its_line(kind: str, data: st.DataObject) -> None:
    record, previous = data.draw(RECORDS[kind]), data.draw(st.integers(0, 2**32 - 1))
    line = encode_record(record, previous)
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    parsed = decode_line(line[:-1], previous)
    assert json.loads(line)["type"] == kind
    assert {name: getattr(parsed, name) for name in parsed.__struct_fields__} == on_disk(record)


def on_disk(record: JournalRecord) -> dict[str, object]:
    match record:
        case AcceptRecord(Proposal(ballot, Block(data=data))):
            return {"ballot": ballot, "block": msgspec.Raw(data)}
        case DecideRecord(Block(data=data), ballot) if ballot == Ballot.ZERO:
            return {"block": msgspec.Raw(data)}
        case DecideRecord(block, ballot):
            return {"slot": block.slot, "ballot": ballot, "hash": block.hash}
        case _:
            return {name: getattr(record, name) for name in type(record).__dataclass_fields__}


@examples
@given(st.binary(max_size=200))
def test_random_bytes_are_no_line(data: bytes) -> None:
    with pytest.raises(DamagedLine):
        decode_line(data, 0)


@examples
@given(st.text(max_size=40), st.integers(0, 2**32 - 1))
def test_a_sealed_line_is_opened_with_the_checksum_before_it_alone(
    text: str, previous: int
) -> None:
    line = seal({"text": text}, previous)
    decoder = msgspec.json.Decoder(dict[str, str])
    assert unseal(line[:-1], decoder, previous) == {"text": text}
    with pytest.raises(DamagedLine, match="its checksum is wrong"):
        unseal(line[:-1], decoder, previous ^ 1)
