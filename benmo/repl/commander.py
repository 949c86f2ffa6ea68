"""The interfaces to a node that takes commands, as a prompt or a pipe uses them."""

from __future__ import annotations

from typing import Protocol

from benmo.commands.answers import Rendered
from benmo.commands.node_status import NodeSnapshot
from benmo.notices import Watcher
from benmo.paxos.types import NodeId


class Runner(Protocol):
    """Takes lines and answers them."""

    def run(self, line: str, output_format: str) -> Rendered:
        """Carry out a line and wait for the answer, in one of `FORMATS`.

        Raises `NodeGone` if no answer comes, so that the outcome is unknown.
        """


class Commander(Runner, Protocol):
    """A node that takes commands: the node of this process, or an attached one."""

    @property
    def node(self) -> NodeId: ...

    @property
    def greeting(self) -> str:
        """The words with which a prompt introduces the node, without a full stop."""

    @property
    def snapshot(self) -> NodeSnapshot | None:
        """The node's state of a moment ago; None if unknown."""

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher`, which must not block, with every notice, in another thread."""
