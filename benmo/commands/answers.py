"""The answer to a command, and its forms: a table for people, JSON or TSV for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from benmo.commands.fitting import COLUMNS_MIN, fitted, wrapped
from benmo.commands.spreadsheets import as_cell
from benmo.typed_json import to_json

Cell = str | int

FORMATS = ("table", "json", "tsv")
"""The forms of an answer. A table may be fitted to a terminal's columns: see `fitting_format`."""

_ROWS_QUICK = 500
_LAST_COLUMNS_MIN = 24
"""A last cell that would have less room than this is begun on a line of its own."""
_INDENT = 5


class Status(IntEnum):
    """The outcome of a command, and the exit status of a program that carried it out."""

    DONE = 0
    REFUSED = 1
    NOT_UNDERSTOOD = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, with a header for each column. Without `is_shown`, it is for TSV alone.

    A narrow terminal is first spared the columns whose headers are `spare`, in their order.
    `tsv_headers` are the headers for TSV, where programs need others than people; a column whose
    header there is empty is for people alone.
    """

    headers: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    is_shown: bool = True
    has_headers: bool = True
    spare: tuple[str, ...] = ()
    tsv_headers: tuple[str, ...] = ()

    def as_text(self, columns: int | None = None) -> str:
        """Lines of aligned columns, with numbers to the right, no longer than `columns`.

        What doesn't fit is left out, and a last line says what; without headers, the last cells are
        broken between words instead.
        """
        texts = self._texts()
        widths = [_width(column[0]) for column in texts]
        if columns is None or _line_width(widths) <= columns:
            return _lines(texts)
        if not self.has_headers:
            return self._with_last_broken(texts, columns)
        left_out = self._left_out(widths, columns)
        kept = [column for index, column in enumerate(texts) if index not in left_out]
        names = ", ".join(self.headers[index] for index in sorted(left_out))
        note = f"(left out to fit into {columns} columns: {names})"
        return "\n".join([_lines(kept), *wrapped(note, columns)])

    def _texts(self) -> list[list[str]]:
        """The texts of each column, its header first if it has one, all of one width."""
        headers = [self.headers] if self.has_headers else []
        return [
            _aligned([line[index] for line in headers], [row[index] for row in self.rows])
            for index in range(len(self.headers))
        ]

    def _left_out(self, widths: Sequence[int], columns: int) -> set[int]:
        """The columns to leave out: the spare ones first, then from the right; never the first."""
        spare = [self.headers.index(name) for name in self.spare if name in self.headers]
        others = [index for index in range(len(widths) - 1, 0, -1) if index not in spare]
        left_out: set[int] = set()
        for index in (*spare, *others):
            kept = [width for other, width in enumerate(widths) if other not in left_out]
            if _line_width(kept) <= columns:
                break
            left_out.add(index)
        return left_out

    def _with_last_broken(self, texts: Sequence[list[str]], columns: int) -> str:
        lines: list[str] = []
        for *cells, last in zip(*texts, strict=True):
            before = f" {'  '.join(cells)}  "
            indent = " " * len(before)
            if columns - len(before) < _LAST_COLUMNS_MIN:
                lines.append(before.rstrip())
                before = indent = " " * _INDENT
            text = _shortened(last, columns - len(indent))
            lines += wrapped(text, columns, before, indent) or [before.rstrip()]
        return "\n".join(lines)

    def as_tsv(self) -> str:
        headers = self.tsv_headers or self.headers
        lines = [headers, *self.rows] if self.has_headers else list(self.rows)
        kept = [index for index, header in enumerate(headers) if header or not self.has_headers]
        return "\n".join("\t".join(_tsv_field(line[index]) for index in kept) for line in lines)


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
        """Render this answer in one of `FORMATS`, or as `fitting_format` says."""
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
        columns = _columns_in(output_format)
        shows_table = self._shows_table() and self.table is not None
        parts = [self.table.as_text(columns)] if shows_table and self.table is not None else []
        return "\n".join([*parts, fitted(self.text, columns)] if self.text else parts)

    def _shows_table(self) -> bool:
        return self.table is not None and self.table.is_shown and len(self.table.rows) > 0


def fitting_format(output_format: str, columns: int | None) -> str:
    """The form of answers for a terminal of `columns`: `table/80` stands for tables up to 80 wide.

    Other forms, and tables that don't go to a terminal, stay as they are.
    """
    return f"table/{columns}" if output_format == "table" and columns else output_format


def _columns_in(output_format: str) -> int | None:
    columns = output_format.partition("/")[2]
    return max(COLUMNS_MIN, int(columns)) if columns.isdecimal() and len(columns) < 6 else None


def _shortened(cell: str, room: int) -> str:
    """Cut words that are longer than a line, such as a hash: the other forms show them whole."""
    words = cell.split()
    return " ".join(word if len(word) <= room else f"{word[: room - 1]}…" for word in words)


def _line_width(widths: Sequence[int]) -> int:
    return 1 + sum(widths) + 2 * (len(widths) - 1)


def _lines(columns: Sequence[list[str]]) -> str:
    return "\n".join(f" {'  '.join(line)}".rstrip() for line in zip(*columns, strict=True))


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
    """Count the columns of a terminal that a printable text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few tables need it

    return cell_len(text)


def _tsv_field(field: object) -> str:
    """The text of a TSV field; a list or an object is shown as JSON."""
    if isinstance(field, str):
        return as_cell(field)
    return to_json(field) if isinstance(field, list | dict) else str(field)


def refusal(status: Status, reason: str) -> Answer:
    """The answer to a command that could not be carried out, and the reason for it."""
    outcome = status.name.lower().replace("_", " ")
    return Answer(status, {"outcome": outcome, "reason": reason}, reason)
