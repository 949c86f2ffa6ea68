"""The prompt's bottom lines: a node's state at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.network.link import Link
from benmo.paxos.types import Ballot, NodeId


@dataclass(frozen=True, slots=True)
class Toolbar:
    """What the prompt's bottom line shows; made in the loop, read by anyone."""

    node: NodeId
    role: str
    ballot: Ballot
    height: int
    balance: int
    available: int
    queue: int
    links: tuple[tuple[NodeId, Link], ...]
    has_quorum: bool
    countdown_s: float | None
