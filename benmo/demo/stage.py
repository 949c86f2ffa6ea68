"""The stage: what the demo's commands work on."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.demo.board import Board
from benmo.demo.fleet import Fleet
from benmo.demo.tour.tour import Tour
from benmo.paxos.types import NodeId


@dataclass(slots=True)
class Stage:
    """The nodes, and what the user sees of them.

    selected  the node for which a line without an address is
    board     None where no notices are shown
    tour      the tour that was begun last; None if there is none
    """

    fleet: Fleet
    selected: NodeId
    board: Board | None = None
    tour: Tour | None = None
