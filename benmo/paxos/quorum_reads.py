"""How far the chain may be: what a read has to wait for so as to miss no decision.

    a node                                   every peer
      |  Confirm(number)                         |
      |----------------------------------------->|
      |              Confirmed(number, height)   |    the slot it accepted last, else its height
      |<-----------------------------------------|

Whatever was decided before the question was accepted by a quorum, and an acceptor that accepted
slot s reports s or more ever after: it has either that slot's block accepted, or decided and more.
Any two quorums share a node, so the greatest height that a quorum reports is at least that of
every decision that anybody can have been told of. A node at that height reads linearizably. (The
argument is that of quorum reads: Charapko, Ailijiang, Demirbas, *Linearizable Quorum Reads in
Paxos*, HotStorage 2019.)

Each question has a number of its own, across restarts too: an answer to another one says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benmo.paxos.messages import Confirm, Confirmed
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import NodeId, Proposal, Settings

_FIRST_NUMBER_BITS = 50
_OPEN_MAX = 16


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
        """Ask how far the chain may be; the answer comes under this ticket, or never."""
        if self._number is None:
            self._number = self._random.getrandbits(_FIRST_NUMBER_BITS)
        self._number += 1
        self._open[ticket] = _OpenRead(self._number, {self._settings.node: own_height})
        if len(self._open) > _OPEN_MAX:
            del self._open[next(iter(self._open))]
        step.send_all(self._settings.peers, Confirm(self._number))
        self._settle(ticket, step)

    def on_message(
        self, sender: NodeId, message: Confirm | Confirmed, own_height: int, step: Step
    ) -> None:
        """Answer a question, or count an answer, once for each node."""
        if isinstance(message, Confirm):
            step.send(sender, Confirmed(message.number, own_height))
            return
        for ticket, question in list(self._open.items()):
            if question.number == message.number:
                question.heights[sender] = message.height
                self._settle(ticket, step)

    def _settle(self, ticket: int, step: Step) -> None:
        heights = self._open[ticket].heights
        if len(heights) >= self._settings.quorum:
            del self._open[ticket]
            step.confirmations.append(Confirmation(ticket, max(heights.values())))


def reported_height(height: int, accepted: Proposal | None) -> int:
    """What an acceptor answers: nothing above it can have been decided with its help."""
    return height if accepted is None else accepted.slot
