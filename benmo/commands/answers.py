"""What a command answers, and how it is shown: tables for people, JSON or TSV for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from benmo.typed_json import to_json

Cell = str | int

FORMATS = ("table", "json", "tsv")

_ROWS_QUICK = 500


class Status(IntEnum):
    """What became of a command; the worst one is the exit status of a program."""

    DONE = 0
    REFUSED = 1
    NOT_UNDERSTOOD = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. One that isn't `is_shown` to people is there for TSV alone."""

    headers: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    is_shown: bool = True
    has_headers: bool = True

    def as_text(self) -> str:
        """Aligned columns, numbers to the right."""
        headers = [self.headers] if self.has_headers else []
        columns = [
            _aligned([line[index] for line in headers], [row[index] for row in self.rows])
            for index in range(len(self.headers))
        ]
        return "\n".join(f" {'  '.join(line)}".rstrip() for line in zip(*columns, strict=True))

    def as_tsv(self) -> str:
        lines = [self.headers, *self.rows] if self.has_headers else list(self.rows)
        return "\n".join("\t".join(map(str, line)) for line in lines)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer as it is to be shown. `output` is whole lines, without the last newline."""

    status: Status
    output: str
    leaves: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is its JSON form, None for nothing; `text` and `table` are for people."""

    status: Status
    value: object
    text: str
    table: Table | None = None
    leaves: bool = False

    @property
    def is_long(self) -> bool:
        """Whether it takes more than a few milliseconds to render."""
        return self.table is not None and len(self.table.rows) > _ROWS_QUICK

    def rendered(self, output_format: str) -> Rendered:
        """In one of `FORMATS`."""
        return Rendered(self.status, self._output(output_format), self.leaves)

    def _output(self, output_format: str) -> str:
        if self.value is None:
            return ""
        if output_format == "json":
            return to_json(self.value)
        if output_format == "tsv" and self.table is not None:
            return self.table.as_tsv()
        if output_format == "tsv" and isinstance(self.value, dict):
            return "\t".join(map(_tsv_field, self.value.values()))
        parts = [self.table.as_text()] if self._shows_table() and self.table is not None else []
        return "\n".join([*parts, self.text] if self.text else parts)

    def _shows_table(self) -> bool:
        return self.table is not None and self.table.is_shown and len(self.table.rows) > 0


def _aligned(header: list[str], cells: list[Cell]) -> list[str]:
    """A column, all of one width; a cell may be empty."""
    is_number = all(isinstance(cell, int) for cell in cells if cell != "")
    texts = [*header, *map(str, cells)]
    lengths = list(map(_width, texts))
    width = max(lengths, default=0)
    gaps = [" " * (width - length) for length in lengths]
    pairs = zip(texts, gaps, strict=True)
    return [gap + text if is_number else text + gap for text, gap in pairs]


def _width(text: str) -> int:
    """How many cells of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few tables need it

    return cell_len(text)


def _tsv_field(field: object) -> str:
    """Lists and objects as JSON."""
    return to_json(field) if isinstance(field, list | dict) else str(field)


def refusal(status: Status, reason: str) -> Answer:
    """A command that could not be carried out."""
    outcome = "refused" if status is Status.REFUSED else "not understood"
    return Answer(status, {"outcome": outcome, "reason": reason}, reason)
