"""The one thing that a node says on a connection which it accepted: that the other end is retired.

A member that the chain has replaced or removed may not know: its disk was away, or it was cut off.
Its votes count for nothing, so it may be told at any time; its process then ends. The frame is
msgpack: `["retired", 57]`, with the last slot in which the member had a vote.
"""

from __future__ import annotations

import msgspec

from benmo.errors import ProtocolError
from benmo.ledger.blocks import INTEGER_MAX
from benmo.network.frames import LENGTH_BYTES, frame

RETIRED_BYTES_MAX = 32
"""The limit of the frame's bytes, its length included."""

_WORD = "retired"


def encode_retired(slot: int) -> bytes:
    """The frame that tells a member in which slot it was retired."""
    return frame(msgspec.msgpack.encode((_WORD, slot)))


def decode_retired(data: bytes) -> int | None:
    """The slot in which the reader was retired; None while the frame isn't whole.

    Raises `ProtocolError` if the data doesn't begin with such a frame.
    """
    length = int.from_bytes(data[:LENGTH_BYTES], "big")
    if len(data) > RETIRED_BYTES_MAX or length > RETIRED_BYTES_MAX - LENGTH_BYTES:
        raise ProtocolError("it says too much on a connection that is not its own to write on")
    payload = data[LENGTH_BYTES:]
    if len(data) < LENGTH_BYTES or len(payload) < length:
        return None
    try:
        word, slot = msgspec.msgpack.decode(payload, type=tuple[str, int])
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"it says what makes no sense: {error}") from error
    if word != _WORD or not 1 <= slot <= INTEGER_MAX:
        raise ProtocolError("it says what makes no sense")
    return slot
