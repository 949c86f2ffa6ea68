"""Rights: what the holder of a certificate may ask a node for."""

from __future__ import annotations

from enum import IntEnum

from benmo.errors import Reason, RefusalText, Refused
from benmo.paxos.types import NodeId


class Right(IntEnum):
    """A right that a request needs, or a certificate gives; each includes those above it here."""

    READ = 1
    """To see what the node knows. Every certificate of the cluster gives it."""
    PAY = 2
    """To pay with the node's money, and to wait for what the node has queued."""
    COMMAND = 3
    """To do anything with the node's process and links. Only the node's own certificate does."""


def require_right(held: Right, needed: Right, node: NodeId) -> None:
    """Raises `Refused` if a certificate that gives `held` at this node doesn't give `needed`."""
    if held < needed:
        what = "read" if held is Right.READ else "pay and read"
        text = f"this certificate may only {what} at node {node}"
        raise Refused(RefusalText(text, Reason.NOT_ALLOWED))
