"""Refuses messages that no correct peer sends, before the replica changes anything."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Decide, Heartbeat, Message, Nack, Prepare, Promise
from benmo.paxos.types import Ballot, NodeId, Proposal, ProtocolError

ROUNDS_AT_FIRST = 2**40
ROUNDS_PER_S = 2**15
"""How far rounds may have risen by a time: see `round_max`.

Rounds are finite, since they stay below 2**53 in messages and files, and a campaign needs a round
above the highest known one. So a peer that claims ever higher rounds could use all of them up,
and nobody could ever campaign again. The bound depends on the time alone, so that no sequence of
messages moves it. It grows faster than honest rounds do, which rise by one with each campaign: so
after any claims there is soon room for another campaign. And it stays below 2**53 until the year
9999.
"""


_FROM_ITS_OWNER = (Accept, Prepare, Decide)
"""Messages that use a ballot, which only the ballot's own node may do."""


def round_max(now: float) -> float:
    """The highest round that may be in use; `now` is in seconds since 1970.

    Where the nodes' clocks differ, a node with a clock behind may refuse, for no longer than the
    clocks differ, rounds that a misbehaving peer made another node take.
    """
    return ROUNDS_AT_FIRST + ROUNDS_PER_S * max(now, 0.0)


def admitted_round(sender: NodeId, message: Message, highest_round: int, now: float) -> int:
    """Check a message; return the highest round that is known with it.

    That the sender is of this cluster says its certificate. Raises `ProtocolError` if the sender
    uses another node's ballot, if the round is above `round_max(now)`, or if a block is proposed in
    a ballot below its first one.
    """
    ballot = _ballot_of(message)
    if isinstance(message, _FROM_ITS_OWNER) and ballot.node != sender:
        raise ProtocolError(f"node {sender} speaks in the name of node {ballot.node}")
    _require_first_ballot(sender, message)
    if ballot.round <= highest_round:
        return highest_round
    if ballot.round > round_max(now):
        raise ProtocolError(
            f"node {sender} uses the round {ballot.round}, which no cluster has reached by now"
        )
    return ballot.round


def _require_first_ballot(sender: NodeId, message: Message) -> None:
    """Refuse a block that was, by its own word, first proposed in a later ballot."""
    match message:
        case Accept(Proposal() as proposal) | Promise(_, _, Proposal() as proposal):
            if proposal.block.ballot > proposal.ballot:
                raise ProtocolError(
                    f"node {sender} has a block of ballot {proposal.block.ballot} "
                    f"in the lower ballot {proposal.ballot}"
                )
        case _:
            pass


def _ballot_of(message: Message) -> Ballot:
    """The ballot that a message makes known; ZERO if it makes none known."""
    match message:
        case Accept(proposal):
            return proposal.ballot
        case Prepare(ballot) | Decide(_, ballot, _) | Nack(_, ballot) | Heartbeat(_, ballot):
            return ballot
        case _:
            return Ballot.ZERO
