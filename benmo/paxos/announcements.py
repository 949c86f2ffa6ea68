"""When a stable leader announces a decision.

`Accept` for slot s+1 says that slot s is decided, and its block's `previous` names the decided
block. So a leader that goes on needs no `Decide`, which costs each peer as many wake-ups as the
`Accept`. Such a leader leaves the announcement to the next `Accept`, but not for long:

    decided, and more waits       Accept(s+1) leaves in the same turn, and no Decide
    decided, and nothing waits    Decide leaves at once for the peers whose users wait for this
                                  block; for the others after `decide_delay_s`, unless an Accept
                                  leaves before

A peer that hears of a decision late or never is as safe as one whose `Decide` was lost.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from benmo.paxos.messages import Decide
from benmo.paxos.step import Step
from benmo.paxos.types import NodeId, Settings, Tenure


class Announcements:
    """Keeps the decision that this leader has yet to announce.

    There is at most one, since a leader agrees on one slot at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self.deadline = inf
        """When to send a `Decide`, unless an `Accept` announces the decision before; in seconds."""
        self._settings = settings
        self._decide: Decide | None = None
        self._payers: Collection[NodeId] = ()
        self._unannounced: Collection[NodeId] = ()

    def on_decided(
        self,
        decide: Decide,
        payers: Collection[NodeId],
        reachable: Collection[NodeId],
        now: float,
        step: Step,
    ) -> None:
        """Plan to announce `decide` to the reachable peers; users of `payers` wait for the block.

        In tenure `block`, or where `decide_delay_s` is 0, the `Decide` is sent at once.
        """
        if self._settings.tenure is Tenure.BLOCK or not self._settings.decide_delay_s:
            step.send_all(reachable, decide)
            return
        self._decide, self._unannounced = decide, reachable
        self._payers = [node for node in reachable if node in payers]
        self.deadline = now if self._payers else now + self._settings.decide_delay_s

    @property
    def payers(self) -> Collection[NodeId]:
        """The peers whose users wait for the decision that isn't announced yet."""
        return self._payers

    def on_proposed(self, slot: int) -> None:
        """Drop the announcement of an earlier slot: the `Accept` for `slot` is one.

        The caller sends that `Accept` to `payers` too.
        """
        if self._decide is not None and self._decide.slot < slot:
            self._end()

    def on_timer(self, now: float, step: Step) -> None:
        """Send the `Decide` that is due: first to `payers`, after another delay to the others."""
        if self._decide is None or now < self.deadline:
            return
        receivers = self._payers or self._unannounced
        step.send_all(receivers, self._decide)
        self._unannounced = [node for node in self._unannounced if node not in receivers]
        self._payers = ()
        self.deadline = now + self._settings.decide_delay_s
        if not self._unannounced:
            self._end()

    def _end(self) -> None:
        self._decide = None
        self._unannounced = self._payers = ()
        self.deadline = inf
