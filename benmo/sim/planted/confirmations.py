"""Mistakes in finding out how far the chain may be: a read at that height misses a decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from benmo.paxos.membership import Membership
from benmo.paxos.messages import Confirm, Confirmed
from benmo.paxos.quorum_reads import OpenRead, QuorumReads
from benmo.paxos.replica import Replica
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.planted.patch import Patch


def accepted_not_confirmed(patch: Patch) -> None:
    """An acceptor reports its height, and not the slot above it in which it has accepted."""
    patch.set(Replica, "_reported_height", property(lambda self: self.learner.height))


def confirmed_by_itself(patch: Patch) -> None:
    """A node answers how far the chain may be by its own height, and asks nobody."""

    def ask(
        self: QuorumReads, ticket: int, own_height: int, membership: Membership, step: Step
    ) -> None:
        step.confirmations.append(Confirmation(ticket, own_height))

    patch.set(QuorumReads, "ask", ask)


def one_confirmation_too_few(patch: Patch) -> None:
    """A question counts as answered when a quorum lacks one answer."""

    def count(self: QuorumReads, question: OpenRead) -> None:
        if len(question.heights) >= question.membership.quorum - 1:
            question.answer = max(question.heights.values())

    patch.set(QuorumReads, "_count", count)


def lowest_confirmed_height(patch: Patch) -> None:
    """Of the heights that a quorum reports, a node goes by the lowest."""

    def count(self: QuorumReads, question: OpenRead) -> None:
        if len(question.heights) >= question.membership.quorum:
            question.answer = min(question.heights.values())

    patch.set(QuorumReads, "_count", count)


def doubled_confirmation_counted(patch: Patch) -> None:
    """An answer that comes twice counts twice."""

    answers = Counter[int]()

    def count(self: QuorumReads, question: OpenRead) -> None:
        answers[question.number] += 1
        if answers[question.number] >= question.membership.quorum:
            question.answer = max(question.heights.values())

    patch.set(QuorumReads, "_count", count)


def answer_to_any_question(patch: Patch) -> None:
    """An answer counts for all open questions, whichever it is to."""
    original = QuorumReads.on_message

    def on_message(
        self: QuorumReads,
        sender: NodeId,
        member: MemberId,
        message: Confirm | Confirmed,
        own_height: int,
        step: Step,
    ) -> None:
        if isinstance(message, Confirm):
            original(self, sender, member, message, own_height, step)
            return
        for question in list(self._open.values()):
            any_question = replace(message, number=question.number)
            original(self, sender, member, any_question, own_height, step)

    patch.set(QuorumReads, "on_message", on_message)
