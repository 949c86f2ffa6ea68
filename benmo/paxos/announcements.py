"""When a stable leader tells of a decision.

`Accept` for slot s+1 tells that slot s is decided, and its block's `previous` tells as what. So a
leader that goes on needs no `Decide`, which costs each peer as many wake-ups as the `Accept`. It
leaves the telling to the next `Accept`, but not for long:

    decided, and more waits       Accept(s+1) leaves in the same turn, and no Decide
    decided, and nothing waits    Decide to those whose users wait for this block, at once;
                                  to the others after `decide_delay_s`, if no Accept came before

Whoever is told late or never is as safe as one to whom a `Decide` was lost.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from benmo.paxos.messages import Decide
from benmo.paxos.step import Step
from benmo.paxos.types import NodeId, Settings, Tenure


class Announcements:
    """At most one decision is untold: a leader agrees on one slot at a time."""

    def __init__(self, settings: Settings) -> None:
        self.deadline = inf
        """When somebody is to be told, if no `Accept` tells before."""
        self._settings = settings
        self._decide: Decide | None = None
        self._payers: Collection[NodeId] = ()
        self._untold: Collection[NodeId] = ()

    def on_decided(
        self,
        decide: Decide,
        payers: Collection[NodeId],
        reachable: Collection[NodeId],
        now: float,
        step: Step,
    ) -> None:
        """This leader's proposal is decided; `payers` wait for that."""
        if self._settings.tenure is Tenure.BLOCK or not self._settings.decide_delay_s:
            step.send_all(reachable, decide)
            return
        self._decide, self._untold = decide, reachable
        self._payers = [node for node in reachable if node in payers]
        self.deadline = now if self._payers else now + self._settings.decide_delay_s

    @property
    def payers(self) -> Collection[NodeId]:
        """Those whose users wait to be told."""
        return self._payers

    def on_proposed(self, slot: int) -> None:
        """An `Accept` for this slot leaves, for those `payers` too."""
        if self._decide is not None and self._decide.slot < slot:
            self._end()

    def on_timer(self, now: float, step: Step) -> None:
        """Tell whoever is to be told now."""
        if self._decide is None or now < self.deadline:
            return
        told = self._payers or self._untold
        step.send_all(told, self._decide)
        self._untold = [node for node in self._untold if node not in told]
        self._payers = ()
        self.deadline = now + self._settings.decide_delay_s
        if not self._untold:
            self._end()

    def _end(self) -> None:
        self._decide = None
        self._untold = self._payers = ()
        self.deadline = inf
