"""The answer to a command, and its forms: a table for people, JSON or TSV for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from benmo.typed_json import to_json

Cell = str | int

FORMATS = ("table", "json", "tsv")

_ROWS_QUICK = 500


class Status(IntEnum):
    """The outcome of a command, and the exit status of a program that carried it out."""

    DONE = 0
    REFUSED = 1
    NOT_UNDERSTOOD = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, with a header for each column. Without `is_shown`, it is for TSV alone."""

    headers: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    is_shown: bool = True
    has_headers: bool = True

    def as_text(self) -> str:
        """Lines of aligned columns, with numbers to the right."""
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
    """An answer in one of `FORMATS`: `output` is whole lines, without the last newline.

    After an answer that `leaves`, its prompt or script ends.
    """

    status: Status
    output: str
    leaves: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a command, in every form.

    `value` is the JSON form, None for an answer that shows nothing; `text` and `table` are for
    people, and `table` is for TSV too. After an answer that `leaves`, its prompt or script ends.
    """

    status: Status
    value: object
    text: str
    table: Table | None = None
    leaves: bool = False

    @property
    def is_long(self) -> bool:
        """Whether rendering this answer may take more than a few milliseconds."""
        return self.table is not None and len(self.table.rows) > _ROWS_QUICK

    def rendered(self, output_format: str) -> Rendered:
        """Render this answer in one of `FORMATS`."""
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
    """Pad the texts of a column to one width; a cell may be empty."""
    is_number = all(isinstance(cell, int) for cell in cells if cell != "")
    texts = [*header, *map(str, cells)]
    lengths = list(map(_width, texts))
    width = max(lengths, default=0)
    gaps = [" " * (width - length) for length in lengths]
    pairs = zip(texts, gaps, strict=True)
    return [gap + text if is_number else text + gap for text, gap in pairs]


def _width(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few tables need it

    return cell_len(text)


def _tsv_field(field: object) -> str:
    """The text of a TSV field; a list or an object is shown as JSON."""
    return to_json(field) if isinstance(field, list | dict) else str(field)


def refusal(status: Status, reason: str) -> Answer:
    """The answer to a command that could not be carried out, and the reason for it."""
    outcome = status.name.lower().replace("_", " ")
    return Answer(status, {"outcome": outcome, "reason": reason}, reason)
