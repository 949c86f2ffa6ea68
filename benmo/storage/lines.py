"""Lines of a node's files: JSON objects, each of which begins with a checksum of its rest.

The checksum is a CRC-32. A block inside a line is the very bytes that are hashed.
"""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from benmo.errors import ProtocolError
from benmo.ledger.blocks import Block, decode_block

T = TypeVar("T")

_encoder = msgspec.json.Encoder()

BEGINNING = b'{"crc":"'
"""Of every line."""
PREFIX_BYTES = len(BEGINNING + b'00000000",')
"""How long the checksum with which each line begins is, punctuation and all."""


class DamagedLine(ValueError):
    """A line is not what was written. `line` is its number, in a file of more than one."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


def seal(value: object, previous: int = 0, mark: bytes = b"") -> bytes:
    """A value (a Struct that is an object in JSON) as a line with its checksum, newline and all.

    `previous` is the checksum of the line before, where no line may go missing unnoticed; `mark` is
    another field of the object, with a comma after it, or nothing.
    """
    rest = mark + _encoder.encode(value)[1:]
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(rest, previous), rest)


def checksum(line: bytes) -> int:
    """The checksum with which a whole line begins."""
    return int(line[PREFIX_BYTES - 10 : PREFIX_BYTES - 2], 16)


def unseal(line: bytes, decoder: msgspec.json.Decoder[T], previous: int = 0) -> T:
    """The value of a line, given without its newline. Raises `DamagedLine` if it isn't whole."""
    rest = line[PREFIX_BYTES:]
    if line[:PREFIX_BYTES] != b'{"crc":"%08x",' % zlib.crc32(rest, previous):
        raise DamagedLine("its checksum is wrong")
    try:
        return decoder.decode(b"{" + rest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedLine(f"it is not understood: {error}") from error


def raw_of(block: object) -> msgspec.Raw:
    """A block's bytes, to stand as they are inside a line."""
    assert isinstance(block, Block)
    return msgspec.Raw(block.data)


def block_of(raw: msgspec.Raw) -> Block:
    """The block whose bytes stand inside a line. Raises `DamagedLine`."""
    try:
        return decode_block(bytes(raw))
    except ProtocolError as error:
        raise DamagedLine(str(error)) from error
