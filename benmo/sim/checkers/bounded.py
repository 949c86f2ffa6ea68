"""A node's journal, its queue, and what it keeps for others stay within their limits."""

from __future__ import annotations

from benmo.sim.checkers.checker import Checker
from benmo.sim.machine import Machine, Turn


class Bounded(Checker):
    """Looks at sizes after each turn."""

    name = "bounded"

    def after_turn(self, machine: Machine, turn: Turn) -> None:
        assert machine.engine is not None and machine.storage is not None
        node, engine = machine.node, machine.engine
        length = machine.storage.journal_bytes
        # The first line is in every journal, and may alone exceed the limit.
        self.require(
            length <= max(self.facts.journal_bytes_max, 200),
            f"node {node}'s journal has {length} bytes after a turn",
        )
        waiting = len(engine.queue.own)
        self.require(waiting <= self.facts.log_limit, f"node {node} queues {waiting} transfers")
        promises = len(engine.replica.leader.promises)
        self.require(promises <= len(self.machines), f"node {node} counts {promises} promises")
        kept = max(map(len, engine.queue._forwarded.values()), default=0)
        most = 4 * machine.plan.block_transfers_max
        self.require(kept <= most, f"node {node} keeps {kept} transfers that a peer forwarded")
        names = machine.disk.names()
        self.require(len(names) <= 4, f"node {node} keeps the files {names}")
