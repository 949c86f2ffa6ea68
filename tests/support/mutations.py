"""Mistakes that an implementation of Paxos can make, planted one at a time in the real classes.

Each is named after what the node does wrong, and must be found by the tests: else their silence
about the real code would say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benmo.journal import Record
from benmo.paxos import (
    AcceptRecord,
    Ballot,
    Decide,
    Message,
    NodeId,
    Promise,
    PromiseRecord,
    Proposal,
    Replica,
    Step,
)
from benmo.paxos.acceptor import Acceptor
from benmo.paxos.leader import Leader, Phase
from benmo.paxos.learner import Learner
from benmo.storage import Storage

Mutation = Callable[[pytest.MonkeyPatch], None]

# What the acceptor does.


def accept_compared_with_the_accepted_ballot(patch: pytest.MonkeyPatch) -> None:
    original = Acceptor.on_accept

    def on_accept(self: Acceptor, proposal: Proposal, height: int, step: Step) -> object:
        promised = self.promised
        self.promised = Ballot.ZERO if self.accepted is None else self.accepted.ballot
        try:
            return original(self, proposal, height, step)
        finally:
            self.promised = max(promised, self.promised)

    patch.setattr(Acceptor, "on_accept", on_accept)


def a_promise_that_goes_back(patch: pytest.MonkeyPatch) -> None:
    def on_prepare(self: Acceptor, ballot: Ballot, height: int, step: Step) -> Promise:
        self._promise(ballot, step)
        return Promise(ballot, height, self.accepted)

    patch.setattr(Acceptor, "on_prepare", on_prepare)


def a_promise_never_recorded(patch: pytest.MonkeyPatch) -> None:
    def promise(self: Acceptor, ballot: Ballot, step: Step) -> None:
        self.promised = ballot

    patch.setattr(Acceptor, "_promise", promise)


def an_accepted_block_never_recorded(patch: pytest.MonkeyPatch) -> None:
    original = Acceptor._accept

    def accept(self: Acceptor, proposal: Proposal, step: Step) -> None:
        original(self, proposal, Step())

    patch.setattr(Acceptor, "_accept", accept)


def a_promise_answered_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    _never_synced_for(patch, PromiseRecord)


def a_vote_given_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    _never_synced_for(patch, AcceptRecord)


def a_slot_accepted_that_is_not_the_next(patch: pytest.MonkeyPatch) -> None:
    original = Acceptor.on_accept

    def on_accept(self: Acceptor, proposal: Proposal, height: int, step: Step) -> object:
        return original(self, proposal, proposal.slot - 1, step)

    patch.setattr(Acceptor, "on_accept", on_accept)


# What the learner does.


def any_decision_clears_what_was_accepted(patch: pytest.MonkeyPatch) -> None:
    original = Replica._route

    def route(self: Replica, sender: NodeId, message: Message, now: float, step: Step) -> None:
        original(self, sender, message, now, step)
        if isinstance(message, Decide):
            self.acceptor.accepted = None

    patch.setattr(Replica, "_route", route)


def a_decision_of_what_was_accepted_in_another_ballot(patch: pytest.MonkeyPatch) -> None:
    original = Learner.on_decide

    def on_decide(
        self: Learner,
        sender: NodeId,
        message: Decide,
        accepted: Proposal | None,
        now: float,
        step: Step,
    ) -> None:
        if accepted is not None and accepted.slot == message.slot == self.height + 1:
            self._append(accepted.block, accepted.ballot, step)
        else:
            original(self, sender, message, accepted, now, step)

    patch.setattr(Learner, "on_decide", on_decide)


# What the leader does.


def the_lowest_reported_ballot_wins(patch: pytest.MonkeyPatch) -> None:
    def reported(self: Leader, height: int) -> object:
        found = _reports(self, height)
        return min(found, key=lambda proposal: proposal.ballot).block if found else None

    patch.setattr(Leader, "_reported", reported)


def the_own_block_in_spite_of_a_reported_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leader, "_reported", lambda self, height: None)


def a_lagging_nodes_report_proposed(patch: pytest.MonkeyPatch) -> None:
    def reported(self: Leader, height: int) -> object:
        found = [each.accepted for each in self.promises.values() if each.accepted is not None]
        return max(found, key=lambda proposal: proposal.ballot).block if found else None

    patch.setattr(Leader, "_reported", reported)


def a_proposal_before_catching_up(patch: pytest.MonkeyPatch) -> None:
    original = Leader.can_propose

    def can_propose(self: Leader, height: int) -> bool:
        return self.phase is Phase.CATCH_UP or original(self, height)

    patch.setattr(Leader, "can_propose", can_propose)


def a_minority_of_promises(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leader, "check", lambda self, height, promised: None)
    original = Leader.on_promise

    def on_promise(self: Leader, sender: NodeId, message: Promise, *rest: Any) -> None:
        original(self, sender, message, *rest)
        if self.phase is Phase.PREPARE and self.promises:
            self._enter(Phase.CATCH_UP, rest[0])

    patch.setattr(Leader, "on_promise", on_promise)


def a_doubled_vote_counted_twice(patch: pytest.MonkeyPatch) -> None:
    class Votes(list[NodeId]):
        add = list.append

    original = Leader.propose

    def propose(self: Leader, *arguments: Any) -> None:
        original(self, *arguments)
        self._accepted_by = Votes()  # type: ignore[assignment]

    patch.setattr(Leader, "propose", propose)


def a_late_promise_counted_as_a_vote(patch: pytest.MonkeyPatch) -> None:
    original = Leader.on_promise

    def on_promise(self: Leader, sender: NodeId, message: Promise, *rest: Any) -> None:
        if self.phase is Phase.ACCEPT and message.ballot == self.ballot:
            self._accepted_by.add(sender)
        original(self, sender, message, *rest)

    patch.setattr(Leader, "on_promise", on_promise)


# What they share.


def _reports(leader: Leader, height: int) -> list[Proposal]:
    promises = leader.promises.values()
    at_height = [promise.accepted for promise in promises if promise.height == height]
    return [accepted for accepted in at_height if accepted is not None]


def _never_synced_for(patch: pytest.MonkeyPatch, kind: type[Record]) -> None:
    original = Storage.append

    def append(self: Storage, records: tuple[Record, ...]) -> None:
        was_synced = self._is_synced
        original(self, records)
        if all(isinstance(record, kind) for record in records):
            self._is_synced = was_synced

    patch.setattr(Storage, "append", append)
