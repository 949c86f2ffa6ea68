"""A trace: a header and records, as lines of JSON, in a file that may be gzipped."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from math import inf
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, cast

import msgspec

from benmo.errors import ProtocolError
from benmo.tape.records import VERSION, AnyRecord, Header

LINE_BYTES_MAX = 32 << 10
"""The longest line that is read: a state of 99 nodes and the longest memos fits."""

_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(Header)
_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


def _open(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, mode) if path.suffix == ".gz" else path.open(mode))


class TraceWriter:
    """Writes a trace into a new file; one whose name ends in `.gz` is compressed.

    Raises `OSError`. Use as `with`.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._file = _open(path, "wb")
        self.records = 0
        """The count of the records that were written."""
        self._file.write(_encoder.encode(header) + b"\n")

    def write(self, record: AnyRecord) -> None:
        self.records += 1
        self._file.write(_encoder.encode(record) + b"\n")

    def flush(self) -> None:
        """Let readers of the file see all that was written."""
        self._file.flush()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._file.close()


def decode_record(line: bytes) -> AnyRecord:
    """Decode one record. Raises `ProtocolError` if the line is none."""
    if len(line) > LINE_BYTES_MAX:
        raise ProtocolError("a record's line is too long")
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"a malformed record: {error}") from error


def read_trace(path: Path, bytes_max: float = inf) -> tuple[Header, Iterator[AnyRecord]]:
    """Read a trace: its header, and its records as they are taken.

    Raises `OSError`, and `ProtocolError` if it is no trace, or one of a later version; the same,
    with the line's number, as a record is taken that is none, or that goes beyond `bytes_max`
    unpacked bytes. Memory is taken for one line only.
    """
    with _open(path, "rb") as file:
        try:
            header = _header_decoder.decode(file.readline(LINE_BYTES_MAX))
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"{path} is no trace: {error}") from error
    if header.version > VERSION:
        raise ProtocolError(f"{path} is a trace of version {header.version}, later than this")
    return header, _records(path, bytes_max)


def _records(path: Path, bytes_max: float) -> Iterator[AnyRecord]:
    with _open(path, "rb") as file:
        read_bytes = len(file.readline(LINE_BYTES_MAX))
        for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), 2):
            read_bytes += len(line)
            try:
                if read_bytes > bytes_max:
                    raise ProtocolError(f"the trace is longer than {bytes_max:,} bytes")
                record = decode_record(line)
            except ProtocolError as error:
                raise ProtocolError(f"{path}, line {number}: {error}") from error
            yield record
