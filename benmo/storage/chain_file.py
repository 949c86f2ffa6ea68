"""The chain file: decided blocks, one a line, for people, tools and peers that are behind.

Line s is slot s. There is no index: lines are sorted by slot, so a slot is found by bisecting the
file, and the slots after it by reading on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.types import NodeId
from benmo.storage.damage import damaged_file, damaged_line
from benmo.storage.disk import Disk
from benmo.storage.lines import DamagedLine, block_of, raw_of, seal, unseal

_READ_BYTES = 1 << 16
_HINTS_MAX = 64
_START = re.compile(rb'\{"crc":"[0-9a-f]{8}","slot":(\d+),')


class _BlockLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    slot: int
    hash: str
    block: msgspec.Raw
    refused: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    is_change_void: bool = False


_decoder = msgspec.json.Decoder(_BlockLine)


def decode_chain_line(line: bytes, slot: int) -> AppliedBlock:
    """Decode the line of a slot, given without its newline. Raises `DamagedLine`."""
    parsed = unseal(line, _decoder)
    block = block_of(parsed.block)
    if (block.slot, parsed.slot, block.hash) != (slot, slot, parsed.hash):
        raise DamagedLine("it isn't the block of this slot")
    if parsed.is_change_void and block.change is None:
        raise DamagedLine("it has no change that could be void")
    return AppliedBlock(block, parsed.refused, parsed.skipped, is_change_void=parsed.is_change_void)


class ChainFile:
    """The chain in the first `length` bytes of a file: slots 1 to `height`. The rest is ignored.

    Raises `StateError`, with the file and line, if a line that is read isn't what was written; it
    says what brings `node`, whose file this is, back.
    """

    def __init__(self, disk: Disk, name: str, length: int, height: int, node: NodeId) -> None:
        self.length = length
        self.height = height
        self._disk = disk
        self._name = name
        self._node = node
        self._offsets: dict[int, int] = {1: 0}

    def require_end(self, head: str) -> None:
        """Cut off what a crash left beyond the chain.

        Raises `StateError` unless the chain is all there, and its last block's hash is `head`.
        """
        size = self._disk.size(self._name)
        path = self._disk.path / self._name
        missing = self.length - size
        if missing > 0:
            raise damaged_file(path, f"{missing} bytes are missing", self._node)
        if self.height > 0:
            last = self.read(self.height, 1)[0].block
            if last.hash != head:
                raise damaged_file(path, "its last block isn't the checkpoint's", self._node)
        if size > self.length:
            self._disk.truncate(self._name, self.length)

    def append(self, blocks: Iterable[AppliedBlock]) -> None:
        """Write the next blocks; they are durable after `sync`."""
        lines = []
        for applied in blocks:
            block = applied.block
            assert block.slot == self.height + 1
            raw = raw_of(block)
            line = _BlockLine(
                block.slot,
                block.hash,
                raw,
                applied.refused,
                applied.skipped,
                applied.is_change_void,
            )
            lines.append(seal(line))
            self.height = block.slot
        data = b"".join(lines)
        self._disk.append(self._name, data)
        self.length += len(data)

    def sync(self) -> None:
        self._disk.sync(self._name)

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        """Read blocks from a slot on: as many as fit into `bytes_max`, and at least one."""
        assert 1 <= first_slot <= self.height
        offset = self._offset_of(first_slot)
        lines = self._lines(offset, first_slot, bytes_max)
        blocks = [self._decode(line, slot) for slot, line in enumerate(lines, first_slot)]
        self._remember(first_slot + len(lines), offset + sum(map(len, lines)) + len(lines))
        return blocks

    def _lines(self, start: int, slot: int, bytes_max: int) -> list[bytes]:
        """Read the whole lines within `bytes_max` of a line's start, and at least one."""
        length = min(bytes_max, self.length - start)
        data = self._disk.read_at(self._name, start, length)
        if b"\n" not in data:
            length = self._line_end(start, slot) + 1 - start
            data = self._disk.read_at(self._name, start, length)
        return data[: data.rindex(b"\n")].split(b"\n")

    def _decode(self, line: bytes, slot: int) -> AppliedBlock:
        try:
            return decode_chain_line(line, slot)
        except DamagedLine as error:
            raise self._damaged(slot, str(error)) from error

    def _remember(self, slot: int, offset: int) -> None:
        if len(self._offsets) >= _HINTS_MAX:
            self._offsets = {1: 0}
        self._offsets[slot] = offset

    def _offset_of(self, slot: int) -> int:
        if slot in self._offsets:
            return self._offsets[slot]
        low, high = 0, self.length
        while True:
            middle = self._line_start(low + (high - low) // 2, low)
            found = self._slot_at(middle, slot)
            if found == slot:
                return middle
            if found < slot:
                low = self._line_end(middle, slot) + 1
            elif middle == low:
                raise self._damaged(slot, "it isn't where it should be")
            else:
                high = middle

    def _line_start(self, offset: int, low: int) -> int:
        """The start of the line that holds this offset; `low` is known to start a line."""
        while offset > low:
            begin = max(low, offset - _READ_BYTES)
            newline = self._disk.read_at(self._name, begin, offset - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            offset = begin
        return low

    def _line_end(self, start: int, slot: int) -> int:
        """The offset of the newline that ends the line at `start`."""
        offset = start
        while offset < self.length:
            chunk = self._disk.read_at(self._name, offset, min(_READ_BYTES, self.length - offset))
            newline = chunk.find(b"\n")
            if newline >= 0:
                return offset + newline
            if not chunk:
                break
            offset += len(chunk)
        raise self._damaged(slot, "it has no end")

    def _slot_at(self, start: int, slot: int) -> int:
        match = _START.match(self._disk.read_at(self._name, start, 64))
        if match is None:
            raise self._damaged(slot, f"byte {start} doesn't begin a line")
        return int(match[1])

    def _damaged(self, slot: int, what: str) -> StateError:
        return damaged_line(self._disk.path / self._name, slot, what, self._node)
