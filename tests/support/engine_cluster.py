"""Several production engines in one thread, over a network and disks that a test commands.

Messages wait in `network.pending` until the test delivers, drops or doubles them.
"""

from __future__ import annotations

from benmo.ledger.blocks import Block
from benmo.play.sandbox import CLUSTER, PendingMessage, Sandbox

__all__ = ["CLUSTER", "Cluster"]


class Cluster(Sandbox):
    """A sandbox with what only tests need; an hour's clock that only `advance` moves."""

    def matching(
        self, kind: type | None = None, sender: int | None = None, to: int | None = None
    ) -> list[PendingMessage]:
        """What is under way of this kind, from and to these nodes."""
        return [
            pending
            for pending in self.network.pending
            if (kind is None or isinstance(pending.message, kind))
            and sender in (None, pending.sender)
            and to in (None, pending.to)
        ]

    def drop(
        self, kind: type | None = None, sender: int | None = None, to: int | None = None
    ) -> int:
        """Lose what matches; how many."""
        lost = self.matching(kind, sender, to)
        for pending in lost:
            self.network.pending.remove(pending)
        return len(lost)

    def settle(self, steps_max: int = 100_000) -> None:
        """Deliver everything, in order, until nothing is under way."""
        for _ in range(steps_max):
            if not self.network.pending:
                return
            self.deliver(self.network.pending[0])
        raise AssertionError("messages never end")

    def advance(self, seconds: float) -> None:
        """Let time pass, with everything delivered at once, in the order of deadlines."""
        end = self.now + seconds
        while True:
            self.settle()
            due = min((self.engine(node).deadline for node in self.up), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            for node in self.up:
                if self.engine(node).deadline <= self.now:
                    self.turn(node, [])
        self.now = end

    def chain(self, node: int) -> list[Block]:
        return [applied.block for applied in self.applied(node)]
