"""JSON documents as typed values, checked as they are read."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def to_json(value: object) -> str:
    """Encode plain objects as one line of JSON; a path's undecodable bytes become `\\udc80` etc."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def from_json(data: bytes, kind: type[T]) -> T:
    """Decode a JSON document as a value of this type. Raises `ValueError`, saying what is wrong."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def prepare(*kinds: Any) -> None:
    """Let msgspec inspect these types now; each module does that for its own types when loaded.

    msgspec inspects a type once, when the type is first used. Two threads that first use a type at
    the same moment crash the process (seen with msgspec 0.22).
    """
    for kind in kinds:
        msgspec.json.Decoder(kind)
