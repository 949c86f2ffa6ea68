"""What this node would propose: its own queue, and what others forwarded to it.

`PaymentQueue` is the `Application` that the protocol sees. The node's own queue is durable: the run
that `add` returns must be on disk before any of it leaves the node. Forwarded transfers are kept in
memory only, and so is a change of the membership that somebody asked for: who asks for one asks
again until the chain has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benmo.errors import Reason, RefusalText
from benmo.ledger.blocks import Block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import BLOCK_CHARACTERS_MAX, Payments, Run
from benmo.ledger.visible_text import MEMO_CHARACTERS_MAX, why_column_not_shown
from benmo.paxos.membership import Membership
from benmo.paxos.types import Ballot, Change, MemberId, NodeId, PaxosBlock, ProtocolError

MakeBlock = Callable[[int, Ballot, str, float, tuple[Run, ...], Change | None], Block]
"""Slot, ballot, previous hash, time, runs and a change to an encoded block."""


@dataclass(frozen=True, slots=True)
class NotQueued:
    """Why payments were not queued: for good, or if not `is_final`, until there is room again."""

    reason: str
    is_final: bool = True


QUEUE_IS_FULL = NotQueued(
    RefusalText("queue is full, wait for consensus", Reason.QUEUE_FULL), is_final=False
)

NO_VOTE = NotQueued(
    RefusalText(
        "this node isn't a member yet: it catches up, and pays once its chain says that it is one",
        Reason.NO_VOTE,
    )
)

_FORWARDED_BLOCKS = 4
"""How many full blocks of a node's forwarded transfers are kept; it forwards the rest again."""


class PaymentQueue:
    """The queue of `node`, and the queues that others forwarded while it leads.

    `member` is the node's own. While it has no vote, nothing is queued.

    Invariants, asserted by `check`:

    Q1. The queue continues this node's decided transfers without a gap.
    Q2. The balance covers the transfers in the queue.

    `queue_limit` is how many transfers the queue holds, `block_transfers_max` how many a block.
    """

    def __init__(
        self,
        node: NodeId,
        member: MemberId,
        ledger: Ledger,
        make_block: MakeBlock,
        queue_limit: int,
        block_transfers_max: int,
        own: Run | None = None,
    ) -> None:
        self.node = node
        self.change: Change | None = None
        """The change that somebody asked this node for, as long as it has an effect."""
        self._member = member
        self._ledger = ledger
        self._membership: Membership | None = None
        """The membership for which the queue was last made up."""
        self._make_block = make_block
        self._queue_limit = queue_limit
        self._block_transfers_max = block_transfers_max
        self._own = own if own is not None else Run(node, 1, (), ())
        self._reserved = sum(self._own.amount)
        self._forwarded: dict[NodeId, Run] = {}
        self._forwarded_change: Change | None = None
        self._sent_change: Change | None = None
        """The change that was forwarded to the leader of `_sent_in`."""
        self._sent_in = Ballot.ZERO
        """The ballot of the leader to which the queue was forwarded last."""
        self._sent_end = 0
        """The number after the last transfer that was forwarded to that leader."""
        self._first_at_last_tick = 0
        """The number of the queue's first transfer at the last call of `forward` with `again`."""
        self.on_applied()

    def check(self) -> None:
        """Assert the invariants."""
        assert self._own.first == self._last + 1, "Q1"
        assert self.reserved <= self._ledger.balances.get(self.node, 0), "Q2"

    @property
    def _last(self) -> int:
        """The number of this node's last decided transfer."""
        return self._ledger.last.get(self.node, 0)

    @property
    def membership(self) -> Membership:
        return self._ledger.membership

    @property
    def own(self) -> Run:
        """This node's undecided transfers, perhaps none."""
        return self._own

    @property
    def reserved(self) -> int:
        """How much of the balance the queued transfers will spend."""
        return self._reserved

    @property
    def available(self) -> int:
        """How much this node can still spend."""
        return self._ledger.balances.get(self.node, 0) - self.reserved

    def add(self, payments: Payments, limit: int | None = None) -> Run | NotQueued:
        """Queue payments of this node, all or none; the run to make durable, or why not.

        `limit`, if given, takes the place of a greater `queue_limit`.
        """
        count = len(payments)
        limit = self._queue_limit if limit is None else min(limit, self._queue_limit)
        if count > limit:
            text = f"that is too much: at most {limit} transfers wait at a time"
            return NotQueued(RefusalText(text, Reason.TOO_MANY))
        own = self._own
        run = payments.numbered(self.node, own.first + len(own.amount), own.member)
        if count == 0:
            return run
        if not self.membership.is_voter(self._member):
            return NO_VOTE
        if len(self._own) + count > limit:
            return QUEUE_IS_FULL
        reason = self._why_not(run)
        if reason is not None:
            return NotQueued(reason)
        self._own = self._own.joined(run)
        self._reserved += sum(run.amount)
        return run

    def forwarded(self) -> tuple[Run, ...]:
        """The undecided transfers that others have forwarded to this node."""
        return tuple(self._forwarded.values())

    def ask_for(self, change: Change) -> str:
        """Have a change proposed. Return why that would have no effect, as a clause; else ""."""
        if not self.membership.is_voter(self._member):
            return f"node {self.node} has no vote itself: another node must be asked"
        why = self._ledger.why_change_void(change)
        if why is None:
            self.change = change
        return why or ""

    def _why_not(self, run: Run) -> RefusalText | None:
        """Why a transfer of the run can't be queued, or None; only an uncovered run is walked."""
        text = why_column_not_shown(run.memo, "memo", MEMO_CHARACTERS_MAX)
        if text is not None:
            return RefusalText(text, Reason.BAD_MEMO)
        if self._ledger.covers(run, self._reserved):
            return None
        reserved = self._reserved
        for transfer in run.transfers():
            reason = self._ledger.why_void(transfer, reserved)
            if reason is not None:
                return reason
            reserved += transfer.amount
        raise AssertionError("a run whose transfers can be queued one by one can't be queued")

    def on_applied(self) -> None:
        """Drop transfers that are decided, once the ledger has applied a block."""
        last = self._ledger.last
        decided = self._own.upto(max(0, self._last + 1 - self._own.first))
        self._own = self._own.since(self._last + 1)
        self._reserved -= sum(decided.amount)
        if self.membership is not self._membership:
            self._on_membership()
        self.change = self._with_effect(self.change)
        self._forwarded_change = self._with_effect(self._forwarded_change)
        pending = {node: run.since(last[node] + 1) for node, run in self._forwarded.items()}
        self._forwarded = {node: run for node, run in pending.items() if len(run)}
        self.check()

    def _on_membership(self) -> None:
        """Drop what the change of the membership has made void, and go on as the node's member."""
        self._membership = self.membership
        own = self.membership.find(self._member)
        if own is None or own.until is not None or self._own.member != own.ordinal:
            ordinal = 0 if own is None else own.ordinal
            self._own = Run(self.node, self._last + 1, (), (), member=ordinal)
            self._reserved = 0

    def _with_effect(self, change: Change | None) -> Change | None:
        """A change that waits, or None if it would have no effect any more.

        It is forgotten then: an effect that comes much later may not be wanted any more.
        """
        if change is not None and self._ledger.why_change_void(change) is not None:
            return None
        return change

    # The protocol's side: `Application` in `benmo.paxos.types` describes these methods.

    def front(self) -> int:
        return self._own.first if self._own.amount else 0

    @property
    def has_change(self) -> bool:
        return self._next_change() is not None

    def _next_change(self) -> Change | None:
        """The change to propose; those that wait would have an effect now."""
        return self.change or self._forwarded_change

    def ready(self) -> bool:
        if self._own.amount or any(map(self._is_next, self._forwarded.values())):
            return True
        return self.has_change

    def block(self, slot: int, ballot: Ballot, previous: str, now: float) -> Block:
        forwarded = filter(self._is_next, self._forwarded.values())
        runs = [run for run in (self._own, *forwarded) if len(run)]
        shared = self._shared(runs, slot) if runs else ()
        return self._make_block(slot, ballot, previous, now, shared, self._next_change())

    def _shared(self, runs: list[Run], slot: int) -> tuple[Run, ...]:
        """As much of each run as fits into a block, whose room is shared out evenly.

        If there is less room than runs, a different run comes first in each slot.
        """
        room, characters = self._block_transfers_max, BLOCK_CHARACTERS_MAX
        shared: list[Run] = []
        turned = runs[slot % len(runs) :] + runs[: slot % len(runs)]
        for index, run in enumerate(sorted(turned, key=len)):
            left = len(runs) - index
            share = max(1, room // left) if room else 0
            if share:
                shared.append(run.fitting(share, characters // left))
                room -= len(shared[-1])
                characters -= shared[-1].characters
        return tuple(sorted(shared, key=lambda run: run.debit))

    def payers(self, block: PaxosBlock) -> set[NodeId]:
        assert isinstance(block, Block)
        if block.change is not None:  # all wait for it
            return set(self.membership.nodes)
        return {run.debit for run in block.runs}

    def bytes_of(self, block: PaxosBlock) -> int:
        assert isinstance(block, Block)
        return len(block.data)

    def forward(self, ballot: Ballot, again: bool) -> list[Run | Change]:
        if ballot != self._sent_in or again:
            self._sent_change = None
        if ballot != self._sent_in or (again and self._own.first == self._first_at_last_tick):
            self._sent_in = ballot
            self._sent_end = self._own.first
        if again:
            self._first_at_last_tick = self._own.first
        rest = self._own.since(self._sent_end)
        run = rest.fitting(self._block_transfers_max, BLOCK_CHARACTERS_MAX)
        payloads: list[Run | Change] = []
        if len(run):
            self._sent_end = run.end
            payloads.append(run)
        if self.change is not None and self.change != self._sent_change:
            self._sent_change = self.change
            payloads.append(self.change)
        return payloads

    def take_forwarded(self, sender: NodeId, payload: object) -> None:
        if isinstance(payload, Change):
            self._forwarded_change = self._with_effect(payload)
            return
        if not isinstance(payload, Run) or payload.debit != sender:
            raise ProtocolError(f"node {sender} forwards what isn't its own")
        if sender not in self._ledger.last:  # the chain may add it later
            return
        run = payload.since(self._ledger.last[sender] + 1)
        known = self._forwarded.get(sender)
        if known is not None and known.member != run.member:
            if run.member < known.member:
                return
        elif known is not None and known.first <= run.first <= known.end:
            run = known.joined(run)
        elif known is not None and self._is_next(known):
            return
        if len(run):
            self._forwarded[sender] = run.upto(_FORWARDED_BLOCKS * self._block_transfers_max)

    def _is_next(self, run: Run) -> bool:
        """Whether a run continues what is decided; else it is kept until this node catches up."""
        is_first = run.first == self._ledger.last[run.debit] + 1
        return is_first and self._ledger.is_of_member(run)

    def drop_forwarded(self) -> None:
        self._forwarded = {}
        self._forwarded_change = None
