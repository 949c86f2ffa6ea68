"""The first thing that a node says on a connection which it dialled: where it listens itself.

A peer that was away may know neither of the node's move nor of its new member, and can't ask where
it is: to be heard, it must dial. What it is told is where to try; who answers there, says the
certificate. The frame is msgpack: `["listens", ["10.0.0.3", 9003]]`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from benmo.cluster import NodeAddress
from benmo.errors import ProtocolError
from benmo.network.frames import frame
from benmo.paxos.types import NodeId

_WORD = "listens"
_BEGIN = msgspec.msgpack.encode((_WORD,))[1:]
_Listens = tuple[Literal["listens"], tuple[str, int]]
_HOST_CHARACTERS_MAX = 255


def encode_listens(address: NodeAddress) -> bytes:
    """The frame that says where a node listens."""
    return frame(msgspec.msgpack.encode((_WORD, (address.host, address.port))))


def decode_listens(node: NodeId, payload: bytes) -> NodeAddress | None:
    """The address at which a node says that it listens; None if the payload is a message.

    Raises `ProtocolError` if it is no address.
    """
    if payload[1 : 1 + len(_BEGIN)] != _BEGIN:
        return None
    try:
        _, (host, port) = msgspec.msgpack.decode(payload, type=_Listens)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"it listens nowhere: {error}") from error
    if not (0 < len(host) <= _HOST_CHARACTERS_MAX and 1 <= port <= 65535):
        raise ProtocolError("it listens nowhere")
    return NodeAddress(node, host, port)
