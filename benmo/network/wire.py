"""Messages between nodes as bytes, and the check of all bytes that come in.

The payload of a frame is the msgpack of `[kind, fields]`. A block in the fields is the very bytes
that are hashed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgpack
import msgspec

from benmo.ledger.blocks import (
    INTEGER_MAX,
    Block,
    ChangeBody,
    change_body,
    decode_block,
    decode_change,
    is_hash,
    require,
    require_ballot,
    require_run,
)
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
from benmo.paxos.types import Ballot, Change, Proposal, ProtocolError

_ARRAY_LENGTH_MAX = 1 << 17
_MAP_LENGTH_MAX = 16

T = TypeVar("T")


class _AcceptFields(msgspec.Struct, forbid_unknown_fields=True):
    ballot: Ballot
    block: bytes


class _PromiseFields(msgspec.Struct, forbid_unknown_fields=True):
    ballot: Ballot
    height: int
    accepted: _AcceptFields | None


class _BlocksFields(msgspec.Struct, forbid_unknown_fields=True):
    blocks: tuple[bytes, ...]
    height: int


class _ForwardFields(msgspec.Struct, forbid_unknown_fields=True):
    run: Run | None = None
    change: ChangeBody | None = None


_Flat = Prepare | Accepted | Nack | Decide | Behind | Heartbeat | Confirm | Confirmed

_FLAT: dict[str, type[_Flat]] = {
    "prepare": Prepare,
    "accepted": Accepted,
    "nack": Nack,
    "decide": Decide,
    "behind": Behind,
    "heartbeat": Heartbeat,
    "confirm": Confirm,
    "confirmed": Confirmed,
}
_FLAT_NAMES = {kind: name for name, kind in _FLAT.items()}


def encode_message(message: Message) -> bytes:
    """Encode a message as the payload of a frame."""
    kind, fields = _to_wire(message)
    return bytes(msgpack.packb([kind, fields]))


def decode_message(data: bytes) -> Message:
    """Decode and check the payload of a frame. Raises `ProtocolError` if it is no message."""
    parts = unpack(data)
    if not (isinstance(parts, list) and len(parts) == 2 and isinstance(parts[0], str)):
        raise ProtocolError("a message is a kind and its fields")
    kind, fields = parts
    flat = _FLAT.get(kind)
    if flat is not None:
        message = _convert(fields, flat)
        require(len(fields) == len(flat.__dataclass_fields__), f"unknown fields in a {kind}")
        _require_fields(message)
        return message
    build = _NESTED.get(kind)
    if build is None:
        raise ProtocolError(f"there is no message of kind {kind[:20]!r}")
    return build(fields)


def unpack(data: bytes) -> Any:
    """Decode msgpack to plain objects. Raises `ProtocolError` if it isn't msgpack."""
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_array_len=_ARRAY_LENGTH_MAX,
            max_map_len=_MAP_LENGTH_MAX,
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise ProtocolError(f"not msgpack: {error}") from error


def _to_wire(message: Message) -> tuple[str, dict[str, object]]:
    match message:
        case Accept(proposal):
            return "accept", _proposal_fields(proposal)
        case Promise(ballot, height, accepted):
            fields = None if accepted is None else _proposal_fields(accepted)
            return "promise", {"ballot": ballot, "height": height, "accepted": fields}
        case Blocks(blocks, height):
            return "blocks", {"blocks": [_data(block) for block in blocks], "height": height}
        case Forward(payload):
            if isinstance(payload, Change):
                return "forward", {"change": msgspec.to_builtins(change_body(payload))}
            assert isinstance(payload, Run)
            return "forward", {"run": msgspec.to_builtins(payload)}
        case _:
            names = type(message).__dataclass_fields__
            return _FLAT_NAMES[type(message)], {name: getattr(message, name) for name in names}


def _proposal_fields(proposal: Proposal) -> dict[str, object]:
    return {"ballot": proposal.ballot, "block": _data(proposal.block)}


def _data(block: object) -> bytes:
    assert isinstance(block, Block)
    return block.data


def _convert(fields: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(fields, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"a malformed {kind.__name__.strip('_').removesuffix('Fields').lower()}: {error}"
        ) from error


def _require_fields(message: Message) -> None:
    for name in type(message).__dataclass_fields__:
        value = getattr(message, name)
        if isinstance(value, Ballot):
            require_ballot(value)
        elif isinstance(value, int):
            require(0 <= value < INTEGER_MAX, f"{name} is a number from 0")
        elif isinstance(value, str):
            require(is_hash(value), f"{name} is a hash")


def _build_proposal(fields: _AcceptFields) -> Proposal:
    require_ballot(fields.ballot)
    return Proposal(fields.ballot, decode_block(fields.block))


def _build_accept(fields: object) -> Accept:
    return Accept(_build_proposal(_convert(fields, _AcceptFields)))


def _build_promise(fields: object) -> Promise:
    wire = _convert(fields, _PromiseFields)
    accepted = None if wire.accepted is None else _build_proposal(wire.accepted)
    message = Promise(wire.ballot, wire.height, accepted)
    _require_fields(message)
    if accepted is not None:
        require(accepted.slot == wire.height + 1, "what is accepted is for the next slot")
        require(accepted.ballot < wire.ballot, "what is accepted is of a lower ballot")
    return message


def _build_blocks(fields: object) -> Blocks:
    wire = _convert(fields, _BlocksFields)
    message = Blocks(tuple(decode_block(data) for data in wire.blocks), wire.height)
    _require_fields(message)
    return message


def _build_forward(fields: object) -> Forward:
    wire = _convert(fields, _ForwardFields)
    require((wire.run is None) != (wire.change is None), "a run or a change is forwarded")
    if wire.change is not None:
        return Forward(decode_change(wire.change))
    assert wire.run is not None
    require_run(wire.run)
    return Forward(wire.run)


_NESTED: dict[str, Callable[[object], Message]] = {
    "accept": _build_accept,
    "promise": _build_promise,
    "blocks": _build_blocks,
    "forward": _build_forward,
}
