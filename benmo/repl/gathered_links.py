"""Gathers what a node reports of its links: those that come back together share one line."""

from __future__ import annotations

from math import inf

from benmo.notices import Notice
from benmo.paxos.notices import ReachabilityChanged

HOLD_S = 0.5
"""The time for which a notice of a link waits for others: links are dialled one by one."""


class GatheredLinks:
    """Holds back one node's notice of a link, to join those to it that soon follow.

    Any other notice comes after what was held, so that notices stay in order. Pure: the time is an
    argument, in seconds.
    """

    def __init__(self) -> None:
        self._held: ReachabilityChanged | None = None
        self._until = inf

    def add(self, notice: Notice, now: float) -> list[Notice]:
        """Take the node's next notice; returns what is to be shown now, in order."""
        if not isinstance(notice, ReachabilityChanged):
            return [*self.take(), notice]
        held = self._held
        if held is not None and held.is_reachable == notice.is_reachable:
            others = tuple(peer for peer in held.peers if peer not in notice.peers)
            peers = tuple(sorted((*others, *notice.peers)))
            self._held = ReachabilityChanged(peers, notice.is_reachable)
            return []
        shown = self.take()
        self._held, self._until = notice, now + HOLD_S
        return shown

    def take(self) -> list[Notice]:
        """Give out what is held, if anything is."""
        held, self._held, self._until = self._held, None, inf
        return [] if held is None else [held]

    def due(self, now: float) -> list[Notice]:
        """Give out what has been held for long enough."""
        return self.take() if now >= self._until else []

    def wait_s(self, now: float) -> float:
        """Seconds until something is due; infinite if nothing is held."""
        return max(0.0, self._until - now)
