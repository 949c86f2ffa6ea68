"""Which messages a replica takes at all: checked before anything is changed."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Decide, Heartbeat, Message, Nack, Prepare
from benmo.paxos.types import Ballot, NodeId, ProtocolError, Settings

ROUND_JUMP_MAX = 2**40
"""Rounds rise by one for each campaign; no cluster lives to see so many of them at once.

A ballot has to be answered with a higher one, so one absurd round would use all of them up.
"""


def require_admissible(
    sender: NodeId, message: Message, settings: Settings, highest_round: int
) -> None:
    """Raises `ProtocolError` for a stranger, another node's ballot, or an absurd round."""
    if sender not in settings.nodes:
        raise ProtocolError(f"node {sender} is not of this cluster")
    owner = _speaks_for(message)
    if owner not in (None, sender):
        raise ProtocolError(f"node {sender} speaks in the name of node {owner}")
    if ballot_of(message).round > highest_round + ROUND_JUMP_MAX:
        raise ProtocolError(f"node {sender} uses the round {ballot_of(message).round}")


def _speaks_for(message: Message) -> NodeId | None:
    """Whose ballot a message uses, where only that node may; None for any other message."""
    match message:
        case Prepare() | Decide() | Accept():
            return ballot_of(message).node
        case _:
            return None


def ballot_of(message: Message) -> Ballot:
    """The ballot that a message makes known; ZERO if none."""
    match message:
        case Prepare(ballot) | Decide(_, ballot, _) | Nack(_, ballot) | Heartbeat(_, ballot):
            return ballot
        case Accept(proposal):
            return proposal.ballot
        case _:
            return Ballot.ZERO
