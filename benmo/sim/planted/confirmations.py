"""Mistakes in finding out how far the chain may be: a read at that height misses a decision."""

from __future__ import annotations

from dataclasses import replace

from benmo.paxos.messages import Confirm, Confirmed
from benmo.paxos.quorum_reads import QuorumReads
from benmo.paxos.replica import Replica
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import NodeId
from benmo.sim.planted.patch import Patch


def accepted_not_confirmed(patch: Patch) -> None:
    """An acceptor reports its height, and not the slot above it in which it has accepted."""
    patch.set(Replica, "_reported_height", property(lambda self: self.learner.height))


def confirmed_by_itself(patch: Patch) -> None:
    """A node answers how far the chain may be by its own height, and asks nobody."""

    def ask(self: QuorumReads, ticket: int, own_height: int, step: Step) -> None:
        step.confirmations.append(Confirmation(ticket, own_height))

    patch.set(QuorumReads, "ask", ask)


def one_confirmation_too_few(patch: Patch) -> None:
    """A question counts as answered when a quorum lacks one answer."""

    def confirm_if_quorum(self: QuorumReads, ticket: int, step: Step) -> None:
        heights = self._open[ticket].heights
        if len(heights) >= self._settings.quorum - 1:
            del self._open[ticket]
            step.confirmations.append(Confirmation(ticket, max(heights.values())))

    patch.set(QuorumReads, "_confirm_if_quorum", confirm_if_quorum)


def lowest_confirmed_height(patch: Patch) -> None:
    """Of the heights that a quorum reports, a node goes by the lowest."""

    def confirm_if_quorum(self: QuorumReads, ticket: int, step: Step) -> None:
        heights = self._open[ticket].heights
        if len(heights) >= self._settings.quorum:
            del self._open[ticket]
            step.confirmations.append(Confirmation(ticket, min(heights.values())))

    patch.set(QuorumReads, "_confirm_if_quorum", confirm_if_quorum)


def doubled_confirmation_counted(patch: Patch) -> None:
    """An answer that comes twice counts twice."""

    class Answers(dict[NodeId, int]):
        def __setitem__(self, node: NodeId, height: int) -> None:
            super().__setitem__(-len(self) if node in self else node, height)

    original = QuorumReads.ask

    def ask(self: QuorumReads, ticket: int, own_height: int, step: Step) -> None:
        original(self, ticket, own_height, step)
        question = self._open[ticket]
        question.heights = Answers(question.heights)

    patch.set(QuorumReads, "ask", ask)


def answer_to_any_question(patch: Patch) -> None:
    """An answer counts for all open questions, whichever it is to."""
    original = QuorumReads.on_message

    def on_message(
        self: QuorumReads,
        sender: NodeId,
        message: Confirm | Confirmed,
        own_height: int,
        step: Step,
    ) -> None:
        if isinstance(message, Confirm):
            original(self, sender, message, own_height, step)
            return
        for question in list(self._open.values()):
            original(self, sender, replace(message, number=question.number), own_height, step)

    patch.set(QuorumReads, "on_message", on_message)
