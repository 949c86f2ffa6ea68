"""JSON documents as typed values, checked as they are read."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def to_json(value: object) -> str:
    """Plain objects as one line of JSON."""
    return _encoder.encode(value).decode()


def from_json(data: bytes, kind: type[T]) -> T:
    """A JSON document as a typed value. Raises `ValueError` with what is wrong in it."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def prepare(*kinds: Any) -> None:
    """Let msgspec look at these types now, as each module does with its own when it is loaded.

    What it learns of a type it keeps with it; two threads in which it looks at one for the first
    time at the same moment crash the process (seen with msgspec 0.22).
    """
    for kind in kinds:
        msgspec.json.Decoder(kind)
