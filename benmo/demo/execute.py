"""Carries out a line that a user typed: at a node, at every node, or in the demo itself."""

from __future__ import annotations

import traceback
from pathlib import Path

from benmo.commands.answers import Answer, Rendered, Status, refusal
from benmo.commands.arguments import Misused, split_line
from benmo.commands.table import Command
from benmo.control.connection import NodeGone
from benmo.demo.addresses import (
    EVERYONE,
    AddressedLine,
    meaning_of,
    read_line,
    require_node_command,
)
from benmo.demo.handlers import ask_all, gone, run_at
from benmo.demo.links import read_node
from benmo.demo.stage import Stage
from benmo.demo.table import DemoCommand, command_meant
from benmo.errors import Failure, NotUnderstood, Refused


class DemoRunner:
    """Carries out lines, each at the node that it is for, at every node, or in the demo itself.

    Any thread may have a line carried out. The stage's worker does that, one line after the other,
    so that no two lines get in each other's way. But a command that waits for what the nodes do
    would keep the others waiting: the caller's thread carries it out. `by` says, in the log, where
    the lines come from.
    """

    def __init__(self, stage: Stage, by: str = "prompt") -> None:
        self._stage = stage
        self._by = by

    def run(self, line: str, output_format: str) -> Rendered:
        """Carry out a line and return the answer, which also says what is wrong with the line.

        An exception that nobody expects ends the line alone, and not the demo with its nodes.
        """
        meaning = meaning_of(line)
        try:
            if meaning is not None and meaning.waits:
                return self._carry_out(line, output_format)
            return self._stage.worker.do(lambda: self._carry_out(line, output_format))
        except NotUnderstood as error:
            answer = refusal(Status.NOT_UNDERSTOOD, str(error))
        except Refused as error:
            answer = refusal(Status.REFUSED, str(error))
        except NodeGone as error:
            answer = gone(error)
        except Failure as error:
            answer = refusal(Status.REFUSED, str(error))
        except Exception as error:  # noqa: BLE001 - see above
            answer = _unexpected(error)
        return answer.rendered(output_format)

    def _carry_out(self, line: str, output_format: str) -> Rendered:
        self._tell(line)
        parts = read_line(line)
        if parts.target.isdigit() and not parts.text:
            parts = AddressedLine("", f"use {parts.target}")
        if parts.target:
            require_node_command(parts.text, parts.target)
        if parts.target == EVERYONE:
            return ask_all(self._stage, parts.text).rendered(output_format)
        if parts.target:
            node = read_node(parts.target, self._stage.fleet.nodes)
            return run_at(self._stage, node, parts.text, output_format)
        name, rest = split_line(parts.text)
        meaning = command_meant(name)
        if not isinstance(meaning, DemoCommand):
            return run_at(self._stage, self._stage.selected, parts.text, output_format)
        if meaning.name == EVERYONE:
            require_node_command(rest, EVERYONE)
        try:
            return meaning.handler(self._stage, rest).rendered(output_format)
        except Misused as error:
            raise NotUnderstood(f"{error}: {meaning.usage}") from error

    def _tell(self, line: str) -> None:
        """Log a line that is understood, and the node that it is for."""
        meaning, target = meaning_of(line), read_line(line).target
        if meaning is None:
            return
        where = self._stage.selected if isinstance(meaning, Command) else 0
        if target:
            where = int(target) if target.isdigit() else 0
        self._stage.log.did(line, where, self._by)


def _unexpected(error: Exception) -> Answer:
    """The answer after an exception that is a bug, in one line that says where."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return gone(Failure(f"{what} ({Path(where.filename).name}, line {where.lineno})"))
