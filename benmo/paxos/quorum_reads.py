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

The node waits until its chain is there. It asked the members that vote for the slot above its
chain, and only they can decide that slot. But if the chain changed the members on the way, others
have decided later slots: so the node then asks the new members.

Each question has a number of its own, across restarts too: an answer to another question says
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benmo.paxos.membership import Membership
from benmo.paxos.messages import Confirm, Confirmed
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import MemberId, NodeId, Proposal, Settings

_FIRST_NUMBER_BITS = 50
"""A node's first number after a start is random, so that its numbers differ from earlier ones."""
_OPEN_MAX = 16
"""How many questions may be open; for one more, the oldest is dropped."""


@dataclass(slots=True)
class OpenRead:
    """A question, and the members among which it was asked."""

    number: int
    membership: Membership
    heights: dict[MemberId, int]
    answer: int | None = None
    """The height that a quorum's answers add up to, once there is a quorum."""


class QuorumReads:
    """The questions that this node asked and that aren't answered yet."""

    def __init__(self, settings: Settings, random: Random) -> None:
        self._settings = settings
        self._random = random
        self._number: int | None = None
        self._open: dict[int, OpenRead] = {}

    @property
    def has_open(self) -> bool:
        """Whether a question isn't answered yet."""
        return bool(self._open)

    def ask(self, ticket: int, own_height: int, membership: Membership, step: Step) -> None:
        """Ask all peers how far the chain may be.

        The answer is a `Confirmation` with this ticket, in a later step. It never comes if no
        quorum answers, or if too many questions follow.
        """
        if self._number is None:
            self._number = self._random.getrandbits(_FIRST_NUMBER_BITS)
        self._number += 1
        own = {self._settings.member: own_height}
        self._open[ticket] = OpenRead(self._number, membership, own)
        if len(self._open) > _OPEN_MAX:
            del self._open[next(iter(self._open))]
        step.send_all(membership.peers(self._settings.node), Confirm(self._number))
        self._count(self._open[ticket])

    def on_message(
        self,
        sender: NodeId,
        member: MemberId,
        message: Confirm | Confirmed,
        own_height: int,
        step: Step,
    ) -> None:
        """Answer a question, or count an answer: one for each member."""
        if isinstance(message, Confirm):
            step.send(sender, Confirmed(message.number, own_height))
            return
        for question in self._open.values():
            if question.number == message.number and question.answer is None:
                question.heights[member] = message.height
                self._count(question)

    def settle(self, height: int, own_height: int, membership: Membership, step: Step) -> None:
        """Confirm what the chain at `height` answers, and ask again where the members changed.

        Called once the application has applied every block up to `height`; `membership` is that of
        the next slot.
        """
        for ticket, question in list(self._open.items()):
            if question.membership is not membership:
                del self._open[ticket]
                self.ask(ticket, own_height, membership, step)
            elif question.answer is not None and question.answer <= height:
                del self._open[ticket]
                step.confirmations.append(Confirmation(ticket, question.answer))

    def _count(self, question: OpenRead) -> None:
        if question.membership.has_quorum(question.heights):
            voters = filter(question.membership.is_voter, question.heights)
            question.answer = max(map(question.heights.__getitem__, voters))


def reported_height(height: int, accepted: Proposal | None) -> int:
    """The height that an acceptor reports: no slot above it was decided with its vote."""
    return height if accepted is None else accepted.slot
