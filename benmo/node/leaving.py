"""Ends a node whose member was replaced or removed: not before the others can do without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.engine.engine import Engine
from benmo.errors import ProtocolError, Retired
from benmo.node.turns import Turns
from benmo.paxos.types import NodeId

_LOOK_EVERY_S = 0.5
"""The pause between a retired node's looks whether it may leave: its last messages leave before."""


class Leaving:
    """Calls `failed` with `Retired` once this node's member is retired and may leave."""

    def __init__(
        self,
        node: NodeId,
        loop: asyncio.AbstractEventLoop,
        engine: Engine,
        turns: Turns,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._node = node
        self._loop = loop
        self._engine = engine
        self._turns = turns
        self._failed = failed
        self._told_by = set[NodeId]()  # that this member is retired

    def on_told(self, slot: int, by: NodeId) -> None:
        """Note that a peer's chain has retired this member; end if a quorum says so.

        Raises `ProtocolError` if this chain says otherwise.
        """
        is_ahead = slot > self._engine.ledger.height
        if not is_ahead and self._engine.retired_in is None:
            raise ProtocolError(f"it says that slot {slot} has retired this node, which isn't so")
        self._told_by.add(by)
        if is_ahead and self._engine.may_leave(self._told_by):
            self._failed(Retired(self._node, slot, by))

    def look_soon(self) -> None:
        """Look in a moment, when what tells others of the retirement has left."""
        self._loop.call_later(_LOOK_EVERY_S, self.look)

    def look(self) -> None:
        """If this member is retired, end once a quorum knows that without it."""
        slot = self._engine.retired_in
        if slot is None or not self._turns.is_on:
            return
        if self._engine.may_leave(self._told_by):
            successor = self._engine.membership.successor(self._engine.settings.member)
            self._failed(Retired(self._node, slot, successor=successor or ""))
        else:
            self.look_soon()
