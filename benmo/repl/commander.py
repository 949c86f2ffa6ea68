"""What takes commands, as a prompt or a pipe sees it."""

from __future__ import annotations

from typing import Protocol

from benmo.commands.answers import Rendered
from benmo.commands.node_status import NodeSnapshot
from benmo.notices import Watcher
from benmo.paxos.types import NodeId


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
    def snapshot(self) -> NodeSnapshot | None:
        """Its state as of a moment ago; None if unknown."""

    def watch(self, watcher: Watcher) -> None:
        """Let `watcher`, which must not block, have every notice; called in another thread."""
