"""Waits for the decisions of this node's own transfers, and what became of requests to pay."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benmo.control.requests import DecidedRange
from benmo.engine.events import Admission
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.types import NodeId


@dataclass(slots=True)
class DecisionWait:
    """A wait until transfers `first` to `end` - 1 are decided.

    `decided` holds the ranges decided so far, in the order of their numbers; they may reach beyond
    these transfers. `on_decided` is called once all are decided.
    """

    ticket: int
    first: int
    end: int
    on_decided: Callable[[], object]
    decided: list[DecidedRange] = field(default_factory=list)
    is_decided: bool = False


class DecisionWaits:
    """The waits for one node's transfers, each for a range of numbers.

    A range is enough, since a node's transfers are decided in the order of their numbers.
    """

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._tickets = itertools.count()
        self._waits: dict[int, DecisionWait] = {}

    def wait(self, first: int, end: int, on_decided: Callable[[], object]) -> DecisionWait:
        """Begin a wait for transfers `first` to `end` - 1, none of which may be decided yet."""
        wait = DecisionWait(next(self._tickets), first, end, on_decided)
        self._waits[wait.ticket] = wait
        return wait

    def forget(self, wait: DecisionWait) -> None:
        """End a wait, if it has not ended yet, without calling its `on_decided`."""
        self._waits.pop(wait.ticket, None)

    def __len__(self) -> int:
        """Count the waits."""
        return len(self._waits)

    def applied(self, applied: AppliedBlock) -> None:
        """Let the waits learn of a block that was decided and applied."""
        range_ = self._range(applied) if self._waits else None
        if range_ is None:
            return
        for wait in list(self._waits.values()):
            if wait.first < range_.end and range_.first < wait.end:
                wait.decided.append(range_)
            if wait.end <= range_.end:
                self.forget(wait)
                wait.is_decided = True
                wait.on_decided()

    def _range(self, applied: AppliedBlock) -> DecidedRange | None:
        """The transfers of this node that a block decided: numbers without a gap, or None."""
        runs = [run for run in applied.block.runs if run.debit == self._node]
        if not runs:
            return None
        if len(runs) == 1 and not applied.refused and not applied.skipped:
            return DecidedRange(runs[0].first, runs[0].end, applied.block.slot)
        own = [
            (transfer.number, outcome)
            for transfer, outcome in applied.outcomes()
            if transfer.debit_node == self._node and outcome is not Outcome.SKIPPED
        ]
        if not own:
            return None
        refused = tuple(number for number, outcome in own if outcome is Outcome.REFUSED)
        return DecidedRange(own[0][0], own[-1][0] + 1, applied.block.slot, refused)


_NO_PAYMENTS = Payments((), ())


def do_nothing() -> None:
    """Take the place of a callback that is not wanted, or not any more."""


@dataclass(slots=True)
class PaymentRequest:
    """A request to this node to pay, on its way through a turn of the engine.

    `on_admitted` is called once there is an `admission`; `on_decided` later, if there is a `wait`,
    once it ends. Both are called in a turn, so that an answer leaves with that turn. `on_postponed`
    is called if the queue has no room yet; without it, the request is refused then.
    """

    payments: Payments
    is_awaited: bool
    on_admitted: Callable[[], object]
    on_decided: Callable[[], object] = do_nothing
    on_postponed: Callable[[], object] | None = None
    queue_limit: int | None = None
    ticket: int = 0
    """The request's number: later ones have a greater one."""
    weight: int = 0
    """The part of a turn that the request takes; see `Submissions`."""
    admission: Admission | None = None
    wait: DecisionWait | None = None
    is_forgotten: bool = False
    is_in_turn: bool = False
    """Whether the engine has been given the request, and has not answered yet."""

    def forget(self) -> None:
        """Call neither callback any more, and drop both: they may refer to this request."""
        self.is_forgotten = True
        self.on_admitted = self.on_decided = do_nothing
        self.on_postponed = None
        self.payments = _NO_PAYMENTS
        if self.wait is not None:
            self.wait.on_decided = do_nothing

    def admit(self, admission: Admission, awaited: DecisionWaits) -> None:
        """Take the engine's answer, and begin a wait for the transfers that are not decided yet.

        Called before the waits, `awaited`, learn of the blocks that the same turn applied.
        """
        if self.is_forgotten:
            return
        waiting = [known.transfer.number for known in admission.known.values() if not known.slot]
        run = admission.run
        if run is not None and len(run) > 0:
            waiting += [run.first, run.end - 1]
        if self.is_awaited and waiting:
            self.wait = awaited.wait(min(waiting), max(waiting) + 1, self.on_decided)
        self.admission = admission
        self.payments = _NO_PAYMENTS  # what is queued is the engine's
        self.on_admitted()


@dataclass(frozen=True, slots=True)
class PaymentState:
    """The payments of a request: the numbers of their transfers, and which are decided.

    Each pair (first, end) in `ranges` stands for the transfers `first` to `end` - 1, and for as
    many payments, in the order of the request. `decided` covers all of them that were decided at
    this `height`, and perhaps more. `is_decided` says that the request waited for decisions, and
    that all its transfers are decided.
    """

    ranges: tuple[tuple[int, int], ...]
    decided: tuple[DecidedRange, ...]
    is_decided: bool
    height: int = 0


def state_of(request: PaymentRequest) -> PaymentState:
    """Sum up what is known of the payments of a request that was admitted, and not refused."""
    admission = request.admission
    assert admission is not None and admission.run is not None
    decided = [_range_of(known) for known in admission.known.values() if known.slot is not None]
    decided += request.wait.decided if request.wait is not None else []
    is_decided = request.is_awaited and (request.wait is None or request.wait.is_decided)
    return PaymentState(
        _ranges(admission.run, admission.known), tuple(decided), is_decided, admission.height
    )


def _ranges(new: Run, known: Mapping[int, KnownPayment]) -> tuple[tuple[int, int], ...]:
    """The numbers of payments, in order; `known` ones, by position, keep their old numbers."""
    ranges: list[tuple[int, int]] = []
    number, place = new.first, 0
    for position in sorted(known):
        if position > place:
            ranges.append((number, number + position - place))
            number = ranges[-1][1]
        old = known[position].transfer.number
        ranges.append((old, old + 1))
        place = position + 1
    if number < new.end:
        ranges.append((number, new.end))
    return tuple(ranges)


def _range_of(known: KnownPayment) -> DecidedRange:
    number = known.transfer.number
    refused = (number,) if known.outcome is Outcome.REFUSED else ()
    return DecidedRange(number, number + 1, known.slot or 0, refused)
