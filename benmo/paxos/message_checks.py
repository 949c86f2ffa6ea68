"""Which messages a replica takes at all: checked before anything is changed."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Decide, Heartbeat, Message, Nack, Prepare
from benmo.paxos.types import Ballot, NodeId, ProtocolError, Settings

ROUND_JUMP_MAX = 2**40
"""Rounds rise by one for each campaign; no cluster lives to see so many of them at once.

A ballot has to be answered with a higher one, so one absurd round would use all of them up.
"""


_FROM_ITS_OWNER = (Accept, Prepare, Decide)
"""Messages in which a ballot is used, as only the node may whose it is."""


def admitted_round(sender: NodeId, message: Message, settings: Settings, highest_round: int) -> int:
    """The highest round that is known with this message.

    Raises `ProtocolError` for a stranger, another node's ballot, or an absurd round.
    """
    if sender not in settings.nodes:
        raise ProtocolError(f"node {sender} is not of this cluster")
    ballot = _ballot_of(message)
    if isinstance(message, _FROM_ITS_OWNER) and ballot.node != sender:
        raise ProtocolError(f"node {sender} speaks in the name of node {ballot.node}")
    if ballot.round <= highest_round:
        return highest_round
    if ballot.round > highest_round + ROUND_JUMP_MAX:
        raise ProtocolError(f"node {sender} uses the round {ballot.round}")
    return ballot.round


def _ballot_of(message: Message) -> Ballot:
    """The ballot that a message makes known; ZERO if none."""
    match message:
        case Accept(proposal):
            return proposal.ballot
        case Prepare(ballot) | Decide(_, ballot, _) | Nack(_, ballot) | Heartbeat(_, ballot):
            return ballot
        case _:
            return Ballot.ZERO
