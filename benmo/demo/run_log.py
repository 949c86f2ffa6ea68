"""The log of what the demo does: an interface for those who watch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from benmo.demo.links import Pair
from benmo.paxos.types import NodeId


class RunLog(Protocol):
    """Takes what users typed and clicked, and what the demo did to nodes and links, as it happens.

    Any thread may call it.
    """

    def did(self, line: str, where: NodeId, by: str) -> None:
        """A line is about to be carried out: at a node, or at 0 for all or none; by whom."""

    def did_to(self, node: NodeId, event: str) -> None:
        """Something happened to a node's process or disk: see `benmo.tape.world_records`."""

    def did_to_links(self, event: str, ways: Iterable[Pair], delay_ms: int = 0) -> None:
        """Some ways were cut, healed or slowed: sender, receiver."""


class NoLog:
    """A log that nobody reads."""

    def did(self, line: str, where: NodeId, by: str) -> None: ...

    def did_to(self, node: NodeId, event: str) -> None: ...

    def did_to_links(self, event: str, ways: Iterable[Pair], delay_ms: int = 0) -> None: ...
