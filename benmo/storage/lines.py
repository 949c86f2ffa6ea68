"""Lines of a node's files: JSON objects, each of which begins with a checksum of its rest.

The checksum is a CRC-32. A block inside a line consists of the very bytes that are hashed.
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
"""How every line begins."""
PREFIX_BYTES = len(BEGINNING + b'00000000",')
"""The length of the checksum at the start of each line, with its name and punctuation."""


class DamagedLine(ValueError):
    """A line is not what was written. `line` is its number if the reader knows it, else 1."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


def seal(value: object, previous: int = 0, mark: bytes = b"") -> bytes:
    """Encode a value (a Struct that is an object in JSON) as a line, checksum and newline included.

    `previous` is the checksum of the line before, in a file from which no line may go missing
    unnoticed. `mark` is another field of the object, with a comma after it, or empty.
    """
    rest = mark + _encoder.encode(value)[1:]
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(rest, previous), rest)


def checksum(line: bytes) -> int:
    """Read the checksum at the start of a whole line."""
    return int(line[PREFIX_BYTES - 10 : PREFIX_BYTES - 2], 16)


def unseal(line: bytes, decoder: msgspec.json.Decoder[T], previous: int = 0) -> T:
    """Decode a line, given without its newline. Raises `DamagedLine` if the line isn't whole."""
    rest = line[PREFIX_BYTES:]
    if line[:PREFIX_BYTES] != b'{"crc":"%08x",' % zlib.crc32(rest, previous):
        raise DamagedLine("its checksum is wrong")
    try:
        return decoder.decode(b"{" + rest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedLine(f"it is not understood: {error}") from error


def raw_of(block: object) -> msgspec.Raw:
    """A block's bytes, to be part of a line as they are."""
    assert isinstance(block, Block)
    return msgspec.Raw(block.data)


def block_of(raw: msgspec.Raw) -> Block:
    """Decode a block that is part of a line. Raises `DamagedLine`."""
    try:
        return decode_block(bytes(raw))
    except ProtocolError as error:
        raise DamagedLine(str(error)) from error
