"""What a node tells a member that is retired, and what it takes for that."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.errors import ProtocolError
from benmo.network.frames import frame
from benmo.network.retirement import RETIRED_BYTES_MAX, decode_retired, encode_retired
from tests.support.strategies import examples


@examples
@given(st.integers(1, 2**53))
def test_the_slot_comes_back_and_is_awaited_byte_by_byte(slot: int) -> None:
    data = encode_retired(slot)
    assert len(data) <= RETIRED_BYTES_MAX
    assert [decode_retired(data[:length]) for length in range(len(data))] == [None] * len(data)
    assert decode_retired(data) == slot


def packed(value: object) -> bytes:
    return frame(msgspec.msgpack.encode(value))


WRONG = {
    "another word": packed(("returned", 57)),
    "no slot": packed(("retired",)),
    "slot 0": packed(("retired", 0)),
    "a slot that is none": packed(("retired", 2**53 + 1)),
    "a text": packed(("retired", "57")),
    "a fraction": packed(("retired", 57.5)),
    "more": packed(("retired", 57, 58)),
    "a map": packed({"retired": 57}),
    "nothing": frame(b""),
    "no msgpack": frame(b"\xc1"),
    "two frames": packed(("retired", 57)) * 2,
    "a long frame": (RETIRED_BYTES_MAX - 3).to_bytes(4, "big"),
    "a very long frame": b"\xff" * 4,
    "a message": b"\x00\x01\x00\x00",
}


@pytest.mark.parametrize("what", WRONG)
def test_anything_else_is_refused(what: str) -> None:
    with pytest.raises(ProtocolError):
        decode_retired(WRONG[what])


@examples
@given(st.binary(max_size=100))
def test_random_bytes_tell_nobody_to_leave(data: bytes) -> None:
    try:
        slot = decode_retired(data)
    except ProtocolError:
        return
    assert slot is None or encode_retired(slot)[4:12] == data[4:12]
    assert len(data) <= RETIRED_BYTES_MAX
