"""Mistakes with money, queues and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benmo.engine.engine import Engine
from benmo.engine.events import Event, Report, Submitted
from benmo.errors import RefusalText
from benmo.ledger.blocks import AppliedBlock, Block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import PaymentQueue
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.paxos.notices import BallotGivenUp
from benmo.paxos.types import Ballot, PaxosBlock
from benmo.sim.planted.patch import Patch


def _discard(_report: Report) -> None:
    """Publish nothing, as `Engine.turn` does where it isn't told otherwise."""


def nonsense_transfers_pass(patch: Patch) -> None:
    """Negative, zero and self transfers are taken, and applied."""
    original = Ledger.why_void

    def why_void(self: Ledger, transfer: Transfer, reserved: int = 0) -> RefusalText | None:
        is_nonsense = transfer.debit_node == transfer.credit_node or transfer.amount < 1
        if is_nonsense and transfer.credit_node in self.balances:
            return None
        return original(self, transfer, reserved)

    patch.set(Ledger, "why_void", why_void)


def nothing_checked_on_apply(patch: Patch) -> None:
    """A decided block's transfers move money, whatever their numbers and amounts."""

    def apply_whole(self: Ledger, run: Run) -> bool:
        for transfer in run.transfers():
            self.balances[transfer.debit_node] -= transfer.amount
            self.balances[transfer.credit_node] += transfer.amount
        self.last[run.debit] = max(self.last[run.debit], run.end - 1)
        return True

    patch.set(Ledger, "_apply_whole", apply_whole)


def queue_emptied_whole(patch: Patch) -> None:
    """When some of a node's transfers are decided, its whole queue is forgotten."""
    original = PaymentQueue.on_applied

    def on_applied(self: PaymentQueue) -> None:
        is_own = self._ledger.last[self.node] >= self._own.first and len(self._own) > 0
        if is_own:
            self._own, self._reserved = self._own.since(self._own.end), 0
        original(self)

    patch.set(PaymentQueue, "on_applied", on_applied)


def catch_up_keeps_queue(patch: Patch) -> None:
    """Only a block that a node proposed itself takes anything out of its queue."""

    def apply(self: Engine, block: PaxosBlock, decided_in: Ballot) -> AppliedBlock:
        assert isinstance(block, Block)
        applied = self.ledger.apply(block, decided_in)
        self._storage.applied(applied)
        if block.ballot.node == self.settings.node:
            self.queue.on_applied()
        self.keys.applied(applied)
        return applied

    patch.set(Engine, "_apply", apply)


def second_message_lost(patch: Patch) -> None:
    """Of what comes together, only the first is looked at."""
    original = Engine.turn

    def turn(
        self: Engine,
        events: Iterable[Event],
        now: float,
        publish: Callable[[Report], None] = _discard,
    ) -> Report:
        return original(self, list(events)[:1], now, publish)

    patch.set(Engine, "turn", turn)


def retry_pays_again(patch: Patch) -> None:
    """A leader that gives up queues its transfers anew, under new numbers."""
    original = Engine.turn

    def turn(
        self: Engine,
        events: Iterable[Event],
        now: float,
        publish: Callable[[Report], None] = _discard,
    ) -> Report:
        report = original(self, events, now, publish)
        queue = self.queue.own
        if len(queue) and any(isinstance(notice, BallotGivenUp) for notice in report.notices):
            payments = Payments(queue.credit, queue.amount)
            self._submit(Submitted(0, payments), Report())
            self._record_queued()
            for wait in self._make_durable():
                wait()
        return report

    patch.set(Engine, "turn", turn)
