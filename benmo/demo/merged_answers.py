"""Merges the answers of all nodes to the same command into one answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.ledger.visible_text import escaped
from benmo.paxos.types import NodeId

_HASH = re.compile(r"[0-9a-f]{64}")
_HASH_DIGITS = 12
_ANSWER = "answer"
_LAST = ("outcome", "reason")
"""The columns of a node that could not answer; they come last, whichever node comes first."""

NodeRow = dict[str, Cell]


def together(values: Mapping[NodeId, object], status: Status) -> Answer:
    """A table of the nodes' values, decoded from JSON: one row per node, or per item of a list.

    An object becomes a row of its fields, and an object in a field becomes several columns. A list
    of objects in a field is shown as its length.
    """
    rows: list[tuple[NodeId, NodeRow]] = []
    for node, value in values.items():
        rows.extend((node, row) for row in _rows(node, value))
    columns = list(dict.fromkeys(column for _, row in rows for column in row))
    columns.sort(key=_LAST.__contains__)
    if all(_is_refusal(row) for _, row in rows if row):
        columns = [_ANSWER, *columns]
        rows = [(node, row or {_ANSWER: "nothing"}) for node, row in rows]
    cells: list[tuple[Cell, ...]] = [
        (node, *(row.get(column, "") for column in columns)) for node, row in rows
    ]
    value = {"nodes": {str(node): value for node, value in values.items()}}
    return Answer(status, value, "", Table(("node", *columns), cells))


def _rows(node: NodeId, value: object) -> list[NodeRow]:
    match value:
        case []:
            return [{}]
        case list():
            return [row for item in value for row in _rows(node, item)]
        case dict():
            return [_row(node, value)]
        case _:
            return [{_ANSWER: _cell(value)}]


def _is_refusal(row: NodeRow) -> bool:
    return "reason" in row


def _row(node: NodeId, value: Mapping[str, object]) -> NodeRow:
    """An object's fields as a row, without the node's number, which has a column already."""
    row: NodeRow = {}
    for name, item in value.items():
        if name == "node" and item == node:
            continue
        if isinstance(item, dict):
            row.update({f"{name} {key}": _cell(inner) for key, inner in item.items()})
        else:
            row[name] = _cell(item)
    return row


def _cell(item: object) -> Cell:
    match item:
        case None:
            return ""
        case bool():
            return "yes" if item else "no"
        case int():
            return item
        case [int(number), int(node)]:
            return f"({number}, {node})"
        case list():
            scalars = [inner for inner in item if not isinstance(inner, list | dict)]
            return escaped(", ".join(map(str, scalars))) if len(scalars) == len(item) else len(item)
        case str() if _HASH.fullmatch(item):
            return item[:_HASH_DIGITS]
        case _:
            return escaped(str(item))
