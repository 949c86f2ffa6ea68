"""The records that a server keeps for pages that open later, as lines of JSON."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from benmo.paxos.types import NodeId
from benmo.tape.records import AnyRecord

RECORDS_MAX = 200_000
"""The limit of records that are kept."""

_encoder = msgspec.json.Encoder()


class KeptRecord(NamedTuple):
    """A record's line, and where it belongs."""

    line: bytes
    node: NodeId
    life: int
    number: int


class RecordsKept:
    """The last records of a run, in their order; the first that came has the place 0."""

    def __init__(self, records_max: int = RECORDS_MAX) -> None:
        self._records_max = records_max
        self._kept: list[KeptRecord] = []
        self._last_gone: dict[tuple[NodeId, int], int] = {}
        self.first = 0
        """The place of the oldest record that is kept."""

    @property
    def end(self) -> int:
        """The place of the record that will come next."""
        return self.first + len(self._kept)

    @property
    def last_gone(self) -> list[tuple[NodeId, int, int]]:
        """By node and life, the number of the last record that isn't kept any more."""
        return [(node, life, number) for (node, life), number in self._last_gone.items()]

    def add(self, record: AnyRecord) -> None:
        """Keep a record; where there are too many, let go the oldest tenth."""
        line = _encoder.encode(record)
        self._kept.append(KeptRecord(line, record.node, record.life, record.number))
        if len(self._kept) > self._records_max:
            self._let_go(1 + self._records_max // 10)

    def _let_go(self, count: int) -> None:
        for each in self._kept[:count]:
            self._last_gone[each.node, each.life] = each.number
        del self._kept[:count]
        self.first += count

    def lines(self, place: int, bytes_max: int) -> list[bytes]:
        """Return the lines of the records from a place on, which must be kept: at least one."""
        assert self.first <= place < self.end
        lines: list[bytes] = []
        room = bytes_max
        for index in range(place - self.first, len(self._kept)):
            line = self._kept[index].line
            if lines and len(line) > room:
                break
            room -= len(line)
            lines.append(line)
        return lines
