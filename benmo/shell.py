"""Commands one after the other, from a pipe or from options: whoever runs Benmo unattended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from benmo.commands import execute
from benmo.connection import NodeGone
from benmo.output import Answer, Rendered, Status
from benmo.patience import lines_of, result_of
from benmo.paxos.step import Notice
from benmo.paxos.types import NodeId
from benmo.service import Service
from benmo.toolbar import Toolbar

T = TypeVar("T")


class Runner(Protocol):
    """Whatever takes commands."""

    def run(self, line: str, output_format: str) -> Rendered:
        """Carry a line out and wait for the answer. Raises `NodeGone`."""


class Commander(Runner, Protocol):
    """A node that takes commands: this process's own, or one attached to."""

    @property
    def node(self) -> NodeId: ...

    @property
    def greeting(self) -> str:
        """Whom the user has before him."""

    @property
    def toolbar(self) -> Toolbar | None:
        """Its state as of a moment ago; None if unknown."""

    def watch(self, watcher: Callable[[Notice], None]) -> None:
        """Let `watcher`, which must not block, have every notice; called in another thread."""


class OwnNode:
    """The node of this process."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def node(self) -> NodeId:
        return self._service.node

    @property
    def greeting(self) -> str:
        return f"Node {self.node}"

    @property
    def toolbar(self) -> Toolbar | None:
        return self._service.toolbar

    def run(self, line: str, output_format: str) -> Rendered:
        return self._result(execute(self._service, line, output_format))

    def watch(self, watcher: Callable[[Notice], None]) -> None:
        async def begin() -> None:
            self._service.watch(watcher)

        self._result(begin())

    def wait_for_quorum(self, timeout_s: float) -> bool:
        """Give the links so long to come up; whether they are a majority."""
        return self._result(self._service.until(lambda: self._service.view.has_quorum, timeout_s))

    def _result(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine in the node's loop leads to. Raises `NodeGone` if the node fails."""
        future = self._service.call(coroutine)
        try:
            return result_of(future)
        except KeyboardInterrupt:
            future.cancel()
            raise
        except CancelledError:
            raise NodeGone(f"node {self.node} stopped before it answered") from None


def run_lines(runner: Runner, lines: Iterable[str], output_format: str) -> Status:
    """Carry out line by line, up to the first that fails; its status.

    What follows a `#` is a comment.
    """
    for raw in lines:
        line = cleaned(raw)
        if not line:
            continue
        rendered = outcome_of(runner, line, output_format)
        try:
            show(rendered, output_format)
        except (OSError, UnicodeError) as error:
            return _not_shown(error)
        if rendered.status is not Status.DONE or rendered.leaves:
            return rendered.status
    return Status.DONE


def outcome_of(runner: Runner, line: str, output_format: str) -> Rendered:
    """The answer to a line; if the node went before it answered, that the outcome is unknown."""
    try:
        return runner.run(line, output_format)
    except NodeGone as error:
        value = {"outcome": "unknown", "reason": str(error)}
        answer = Answer(Status.UNKNOWN, value, f"outcome unknown: {error}", leaves=True)
        return answer.rendered(output_format)


def cleaned(line: str) -> str:
    """A line without its comment; what isn't text in it becomes a question mark."""
    return line.partition("#")[0].strip().encode(errors="replace").decode()


def standard_input() -> Iterable[str]:
    """The lines of standard input; bytes that aren't UTF-8 don't stop it."""
    return (line.decode(errors="replace") for line in lines_of(sys.stdin.fileno()))


def show(rendered: Rendered, output_format: str) -> None:
    """Print an answer: to standard output, or to standard error a failure that is for people."""
    if rendered.output:
        is_failure = rendered.status is not Status.DONE and output_format != "json"
        print(rendered.output, file=sys.stderr if is_failure else sys.stdout, flush=True)


def _not_shown(error: OSError | UnicodeError) -> Status:
    """Whoever asked can't know what became of it: the pipe's reader has left, the disk is full."""
    reason = getattr(error, "strerror", None) or error
    with suppress(OSError):
        print(f"benmo: the answer can't be written: {reason}", file=sys.stderr)
    discard_output()
    return Status.UNKNOWN


def discard_output() -> None:
    """Let what could not be written go: it would be tried again at the exit, and may block that."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
