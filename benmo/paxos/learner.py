"""The learner: the chain of decided blocks, and how a node that is behind catches up.

A block enters the chain in one of four ways:

- this node's leader counted a quorum of votes for the block (`append`);
- a proposal for the next slot names, as the previous block, what this node accepted (`append`);
- a `Decide` names what this node accepted in the same ballot (`on_decide`);
- a peer sends the block (`on_blocks`).

In each way, the block must be for the slot right above the chain. So no block is appended twice,
whatever is lost, doubled or late.
"""

from __future__ import annotations

from math import inf

from benmo.paxos.messages import Behind, Blocks, Decide
from benmo.paxos.notices import CaughtUp
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import DecideRecord, Step
from benmo.paxos.types import Ballot, NodeId, PaxosBlock, Proposal, ProtocolError, Settings

_PATIENCE_MIN_MS = 100
"""The least time that a peer which is asked for blocks is given."""
_PATIENCE_FACTOR = 4
"""A peer that is asked for blocks may take this many times as long as the last answer took."""


class Learner:
    """Knows the chain's height and head, and asks peers for blocks that this node lacks.

    At most one request is under way. A request that isn't answered soon is repeated to another
    peer, with twice the patience.

    Invariant, asserted by `check`:

    L1. The chain only grows.
    """

    def __init__(
        self, settings: Settings, reachability: Reachability, height: int, head: str
    ) -> None:
        self.height = height
        self.head = head
        self.deadline = inf
        """When to repeat the request to another peer, in seconds; infinite if none is under way."""
        self._settings = settings
        self._reachability = reachability
        self._asked: set[NodeId] = set()
        """The peers that were asked since the chain last grew."""
        self._asked_at = inf
        """When the first of the peers in `_asked` was asked."""
        self._patience_ms = _PATIENCE_MIN_MS

    def check(self, height_before: int) -> None:
        """Assert the invariant; `height_before` is the height as it was before a call."""
        assert self.height >= height_before, "L1"

    def append(self, block: PaxosBlock, accepted_in: Ballot, step: Step) -> None:
        """Append a decided block, which must be for the slot right above the chain.

        `accepted_in` is the ballot in which this node accepted the block, `Ballot.ZERO` if it
        didn't. Raises `ProtocolError` if the block continues another chain.
        """
        assert block.slot == self.height + 1
        self._require_linked((block,))
        self._append(block, accepted_in, step)

    def on_decide(
        self, sender: NodeId, message: Decide, accepted: Proposal | None, now: float, step: Step
    ) -> None:
        """Append the decided block if this node accepted it in that very ballot; else ask for it.

        `accepted` is what this node's acceptor holds. Raises `ProtocolError` if that is another
        block of the same ballot, or continues another chain.
        """
        if message.slot <= self.height:
            return
        if accepted is None or (accepted.slot, accepted.ballot) != (message.slot, message.ballot):
            self.ask(sender, message.slot, now, step)
            return
        if accepted.block.hash != message.hash:
            raise ProtocolError(f"node {sender} decides a block that it didn't propose")
        self._require_linked((accepted.block,))
        self._append(accepted.block, accepted.ballot, step)
        step.decided_in = message.ballot

    def on_blocks(self, sender: NodeId, message: Blocks, now: float, step: Step) -> None:
        """Append the blocks that are new, and ask for those that follow.

        Blocks that would leave a gap are ignored, as if the message had been lost. Once caught up,
        this node reports its height to the sender, which may have an `Accept` in flight for it.
        Raises `ProtocolError` if the blocks continue another chain.
        """
        self._reachability.on_height(sender, message.height)
        new = tuple(block for block in message.blocks if block.slot > self.height)
        if not new or new[0].slot != self.height + 1:
            return
        self._require_linked(new)
        if self._asked:
            took_ms = int(1000 * (now - self._asked_at))
            self._patience_ms = max(_PATIENCE_MIN_MS, _PATIENCE_FACTOR * took_ms)
        for block in new:
            self._append(block, Ballot.ZERO, step)
        if self.height < message.height:
            self.ask(sender, message.height, now, step)
        else:
            step.notices.append(CaughtUp(self.height))
            step.send(sender, Behind(self.height))

    def ask(self, peer: NodeId, height: int, now: float, step: Step) -> None:
        """Ask a peer at `height` for blocks, if this node is behind and no request is under way."""
        self._reachability.on_height(peer, height)
        is_under_way = self.deadline != inf and now < self.deadline
        if height > self.height and not is_under_way:
            if not self._asked:
                self._asked_at = now
            self._asked.add(peer)
            step.send(peer, Behind(self.height))
            self.deadline = now + min(self._patience_ms / 1000, self._settings.round_timeout_s)

    def forget_request(self) -> None:
        """Give up the request that is under way, so that any peer may be asked at once.

        Called when another leader comes, or when this node campaigns: the peer that was asked is
        usually the old leader, and may never answer.
        """
        self._asked.clear()
        self.deadline = inf

    def on_gone(self, peer: NodeId, now: float) -> None:
        """Ask another peer at once if this one was asked: it became unreachable."""
        if peer in self._asked:
            self.deadline = min(self.deadline, now)

    def on_timer(self, now: float, step: Step) -> None:
        """Repeat a request that is overdue to another peer; once all were asked, to any again."""
        if now < self.deadline:
            return
        self.deadline = inf
        self._patience_ms = min(2 * self._patience_ms, int(1000 * self._settings.round_timeout_s))
        peer = self._reachability.highest_reachable(but=self._asked)
        if peer is None or self._reachability.height(peer) <= self.height:
            self._asked.clear()
            peer = self._reachability.highest_reachable(but=self._asked)
        if peer is not None:
            self.ask(peer, self._reachability.height(peer), now, step)

    def _append(self, block: PaxosBlock, accepted_in: Ballot, step: Step) -> None:
        self.height = block.slot
        self.head = block.hash
        self._asked.clear()
        self.deadline = inf
        step.records.append(DecideRecord(block, accepted_in))
        step.decided.append(block)

    def _require_linked(self, blocks: tuple[PaxosBlock, ...]) -> None:
        """Raise `ProtocolError` unless the blocks continue the chain."""
        slot, head = self.height, self.head
        for block in blocks:
            if block.slot != slot + 1:
                raise ProtocolError(f"slot {block.slot} doesn't follow slot {slot}")
            if block.previous != head:
                raise ProtocolError(f"the block in slot {block.slot} belongs to another chain")
            slot, head = block.slot, block.hash
