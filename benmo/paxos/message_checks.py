"""Refuses messages that no correct peer sends, before the replica changes anything."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Decide, Heartbeat, Message, Nack, Prepare
from benmo.paxos.types import Ballot, NodeId, ProtocolError, Settings

ROUND_JUMP_MAX = 2**40
"""How far a message's round may be above the highest known round.

Rounds rise by one for each campaign, so no honest round is ever this far ahead. The next campaign
needs a round above the highest known one, so one absurd round would use all rounds up.
"""


_FROM_ITS_OWNER = (Accept, Prepare, Decide)
"""Messages that use a ballot, which only the ballot's own node may do."""


def admitted_round(sender: NodeId, message: Message, settings: Settings, highest_round: int) -> int:
    """Check a message; return the highest round that is known with it.

    Raises `ProtocolError` if the sender is not of this cluster or uses another node's ballot, or
    if the round is absurd (`ROUND_JUMP_MAX`).
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
    """The ballot that a message makes known; ZERO if it makes none known."""
    match message:
        case Accept(proposal):
            return proposal.ballot
        case Prepare(ballot) | Decide(_, ballot, _) | Nack(_, ballot) | Heartbeat(_, ballot):
            return ballot
        case _:
            return Ballot.ZERO
