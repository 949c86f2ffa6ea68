"""Mistakes of an acceptor."""

from __future__ import annotations

from benmo.paxos.acceptor import Acceptor
from benmo.paxos.messages import Decide, Message, Nack, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, MemberId, NodeId, Proposal
from benmo.sim.planted.patch import Patch


def accept_ignores_promise(patch: Patch) -> None:
    """An accept is compared with the accepted ballot, not with the promised one."""
    original = Acceptor.on_accept

    def on_accept(self: Acceptor, proposal: Proposal, height: int, step: Step) -> object:
        promised = self.promised
        self.promised = Ballot.ZERO if self.accepted is None else self.accepted.ballot
        try:
            return original(self, proposal, height, step)
        finally:
            self.promised = max(promised, self.promised)

    patch.set(Acceptor, "on_accept", on_accept)


def accepted_not_saved(patch: Patch) -> None:
    """What is accepted is kept in memory only."""
    original = Acceptor._accept

    def accept(self: Acceptor, proposal: Proposal, step: Step) -> None:
        original(self, proposal, Step())

    patch.set(Acceptor, "_accept", accept)


def promise_not_saved(patch: Patch) -> None:
    """A promise is kept in memory only."""

    def promise(self: Acceptor, ballot: Ballot, step: Step) -> None:
        self.promised = ballot

    patch.set(Acceptor, "_promise", promise)


def promise_to_any_ballot(patch: Patch) -> None:
    """Every prepare is promised, however low its ballot."""

    def on_prepare(self: Acceptor, ballot: Ballot, height: int, step: Step) -> Promise:
        self._promise(ballot, step)
        return Promise(ballot, height, self.accepted)

    patch.set(Acceptor, "on_prepare", on_prepare)


def any_decision_clears_accepted(patch: Patch) -> None:
    """A decision clears what was accepted, whosever it is."""
    original = Replica._route

    def route(
        self: Replica, sender: NodeId, member: MemberId, message: Message, now: float, step: Step
    ) -> None:
        original(self, sender, member, message, now, step)
        if isinstance(message, Decide):
            self.acceptor.accepted = None

    patch.set(Replica, "_route", route)


def accepts_when_behind(patch: Patch) -> None:
    """An acceptor accepts for a slot whose predecessors it lacks."""
    original = Acceptor.on_accept

    def on_accept(self: Acceptor, proposal: Proposal, height: int, step: Step) -> object:
        return original(self, proposal, max(height, proposal.slot - 1), step)

    patch.set(Acceptor, "on_accept", on_accept)


def silent_refusal(patch: Patch) -> None:
    """A ballot that is too low gets no answer."""
    original = Replica._route

    def route(
        self: Replica, sender: NodeId, member: MemberId, message: Message, now: float, step: Step
    ) -> None:
        original(self, sender, member, message, now, step)
        step.messages = [each for each in step.messages if not isinstance(each[1], Nack)]

    patch.set(Replica, "_route", route)
