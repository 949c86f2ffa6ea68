"""The state of a link between two nodes, and how long its handshake may take."""

from __future__ import annotations

from enum import StrEnum

HANDSHAKE_TIMEOUT_S = 5.0


class Link(StrEnum):
    """The state of a link, as this node sees it."""

    UP = "up"
    DOWN = "down"
    SEVERED = "severed"
