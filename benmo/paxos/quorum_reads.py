"""How far the chain may be: what a read has to wait for so as to miss no decision.

    a node                                   every peer
      |  Confirm(number)                         |
      |----------------------------------------->|
      |              Confirmed(number, height)   |    the slot in which the peer has accepted
      |<-----------------------------------------|    above its chain, else its height

Each block that was decided before the question had been accepted by a quorum. An acceptor that
accepted a block for slot s reports s or more ever after: it still holds a block accepted for that
slot, or knows that the slot is decided. Any two quorums share a node, so the greatest height that a
quorum reports is at least that of every decision that a client can have heard of before. A node at
that height reads linearizably. (The argument is that of quorum reads: Charapko, Ailijiang,
Demirbas, *Linearizable Quorum Reads in Paxos*, HotStorage 2019.)

Each question has a number of its own, across restarts too: an answer to another question says
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benmo.paxos.messages import Confirm, Confirmed
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import NodeId, Proposal, Settings

_FIRST_NUMBER_BITS = 50
"""A node's first number after a start is random, so that its numbers differ from earlier ones."""
_OPEN_MAX = 16
"""How many questions may be open; for one more, the oldest is dropped."""


@dataclass(slots=True)
class _OpenRead:
    number: int
    heights: dict[NodeId, int]


class QuorumReads:
    """The questions that this node asked and that no quorum has answered yet."""

    def __init__(self, settings: Settings, random: Random) -> None:
        self._settings = settings
        self._random = random
        self._number: int | None = None
        self._open: dict[int, _OpenRead] = {}

    def ask(self, ticket: int, own_height: int, step: Step) -> None:
        """Ask all peers how far the chain may be.

        The answer is a `Confirmation` with this ticket, in this step or a later one. It never comes
        if no quorum answers, or if too many questions follow.
        """
        if self._number is None:
            self._number = self._random.getrandbits(_FIRST_NUMBER_BITS)
        self._number += 1
        self._open[ticket] = _OpenRead(self._number, {self._settings.node: own_height})
        if len(self._open) > _OPEN_MAX:
            del self._open[next(iter(self._open))]
        step.send_all(self._settings.peers, Confirm(self._number))
        self._confirm_if_quorum(ticket, step)

    def on_message(
        self, sender: NodeId, message: Confirm | Confirmed, own_height: int, step: Step
    ) -> None:
        """Answer a question, or count an answer: one for each node."""
        if isinstance(message, Confirm):
            step.send(sender, Confirmed(message.number, own_height))
            return
        for ticket, question in list(self._open.items()):
            if question.number == message.number:
                question.heights[sender] = message.height
                self._confirm_if_quorum(ticket, step)

    def _confirm_if_quorum(self, ticket: int, step: Step) -> None:
        heights = self._open[ticket].heights
        if len(heights) >= self._settings.quorum:
            del self._open[ticket]
            step.confirmations.append(Confirmation(ticket, max(heights.values())))


def reported_height(height: int, accepted: Proposal | None) -> int:
    """The height that an acceptor reports: no slot above it was decided with its vote."""
    return height if accepted is None else accepted.slot
