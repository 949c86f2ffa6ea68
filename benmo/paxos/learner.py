"""The learner: the chain of decided blocks, and how a node that is behind catches up.

A block enters the chain in one of three ways: this node's leader counted a quorum (`append`), a
`Decide` names what this node itself accepted in the same ballot, or a peer sends it (`Blocks`).
In each it must be for the slot right above the chain, so nothing is appended twice, whatever is
lost, doubled or late.
"""

from __future__ import annotations

from math import inf

from benmo.paxos.messages import Behind, Blocks, Decide
from benmo.paxos.notices import CaughtUp
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import DecideRecord, Step
from benmo.paxos.types import Ballot, NodeId, PaxosBlock, Proposal, ProtocolError, Settings

_PATIENCE_MIN_MS = 100
_PATIENCE_FACTOR = 4
"""Who is asked for blocks may take so many times as long as the last answer took."""


class Learner:
    """Knows the chain's height and head; at most one request for blocks is under way.

    One that isn't answered soon is made to another peer, with twice the patience.

    Invariant, asserted by `check`:

    L1. The chain only grows.
    """

    def __init__(
        self, settings: Settings, reachability: Reachability, height: int, head: str
    ) -> None:
        self.height = height
        self.head = head
        self.deadline = inf
        """When to ask another peer for the blocks that were asked for."""
        self._settings = settings
        self._reachability = reachability
        self._asked: set[NodeId] = set()
        """Those that were asked since the chain last grew."""
        self._asked_at = inf
        """When the first of them was."""
        self._patience_ms = _PATIENCE_MIN_MS

    def check(self, height_before: int) -> None:
        assert self.height >= height_before, "L1"

    def append(self, block: PaxosBlock, accepted_in: Ballot, step: Step) -> None:
        """Append a decided block; `accepted_in` is the ballot in which this node accepted it.

        `Ballot.ZERO` where it didn't.
        """
        assert block.slot == self.height + 1
        self._require_linked((block,))
        self._append(block, accepted_in, step)

    def on_decide(
        self, sender: NodeId, message: Decide, accepted: Proposal | None, now: float, step: Step
    ) -> None:
        """A quorum accepted a block: take it if this node accepted it in that very ballot."""
        if message.slot <= self.height:
            return
        if accepted is None or (accepted.slot, accepted.ballot) != (message.slot, message.ballot):
            self.ask(sender, message.slot, now, step)
            return
        if accepted.block.hash != message.hash:
            raise ProtocolError(f"node {sender} decides a block that it didn't propose")
        self._require_linked((accepted.block,))
        self._append(accepted.block, accepted.ballot, step)

    def on_blocks(self, sender: NodeId, message: Blocks, now: float, step: Step) -> None:
        """Append those that are new and ask for what follows; a gap is as good as a loss."""
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
        """`peer` is at `height`: ask it for blocks, if need be and unless that is under way."""
        self._reachability.on_height(peer, height)
        is_under_way = self.deadline != inf and now < self.deadline
        if height > self.height and not is_under_way:
            if not self._asked:
                self._asked_at = now
            self._asked.add(peer)
            step.send(peer, Behind(self.height))
            self.deadline = now + min(self._patience_ms / 1000, self._settings.round_timeout_s)

    def forget_request(self) -> None:
        """What was asked for may never come, and whoever is ahead may be asked at once.

        So it is when another leader comes, for it is mostly the leader that was asked.
        """
        self._asked.clear()
        self.deadline = inf

    def on_gone(self, peer: NodeId, now: float) -> None:
        """A peer became unreachable: if it was asked, it is time to ask another one."""
        if peer in self._asked:
            self.deadline = min(self.deadline, now)

    def on_timer(self, now: float, step: Step) -> None:
        """The peer that was asked is silent: ask another one, and any again once all were."""
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
        slot, head = self.height, self.head
        for block in blocks:
            if block.slot != slot + 1:
                raise ProtocolError(f"slot {block.slot} doesn't follow slot {slot}")
            if block.previous != head:
                raise ProtocolError(f"the block in slot {block.slot} belongs to another chain")
            slot, head = block.slot, block.hash
