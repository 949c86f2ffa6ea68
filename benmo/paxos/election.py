"""When this node campaigns, and to whom it leaves the leading otherwise.

A node campaigns when it has wanted something decided for its election delay, and no other leader
is at work on it. Time only: whatever this module does, safety holds.
"""

from __future__ import annotations

from math import inf
from random import Random

from benmo.paxos.messages import Forward
from benmo.paxos.step import Step
from benmo.paxos.types import Application, Ballot, NodeId, Settings, Tenure

_FAILURES_MAX = 6

_PATIENCE_MIN_S = 0.4
_PATIENCE_FACTOR = 8
_FORGOTTEN_AFTER = 8
"""A leader may take so many times as long as it usually does; usually is of so many decisions."""


class Election:
    """Two times: `_campaign_at`, drawn at random, and `_hold_until`, while a leader is at work."""

    def __init__(self, settings: Settings, random: Random) -> None:
        self.leader = Ballot.ZERO
        """The ballot of the other node that leads, as far as this one knows; ZERO if none."""
        self._settings = settings
        self._random = random
        self._campaign_at = inf
        self._hold_until = -inf
        self._failures = 0
        self._front = 0
        self._front_since = -inf
        self._wanted_since = -inf
        self._usual_s = inf
        """About the longest that a decision which this node waited for took, of late."""

    @property
    def deadline(self) -> float:
        """When to campaign; infinite while there is no reason to."""
        return max(self._campaign_at, self._hold_until) if self._campaign_at != inf else inf

    def settle(self, wants: bool, is_active: bool, now: float) -> None:
        """Start or drop the election delay, as this node has a reason to campaign or not.

        A node that campaigns or leads already has none.
        """
        if not wants or is_active:
            self._campaign_at = inf
        elif self._campaign_at == inf:
            self._wanted_since = now
            self._campaign_at = now + self._delay() + self._jitter()
            if self.leader != Ballot.ZERO:
                self._hold_until = max(self._hold_until, now + self._patience_s)

    def hurry(self, now: float) -> None:
        """Whoever has a reason to campaign does so now, whoever else may be at work."""
        if self._campaign_at != inf:
            self._campaign_at = now
            self._hold_until = -inf

    def on_leader(self, ballot: Ballot, now: float) -> None:
        """Another node is at work in this ballot: leave it to that one, for a round's time.

        A stable leader gets no more time by being busy, only by what `on_front` sees of it.
        """
        if self._settings.tenure is Tenure.BLOCK or self.leader != ballot:
            self._hold_until = now + self._settings.round_timeout_s
        self.leader = ballot

    def on_decided(self, now: float) -> None:
        """A block was decided: in tenure `block`, that ends the instance."""
        self._failures = 0
        if self._settings.tenure is Tenure.STABLE:
            return
        self.leader = Ballot.ZERO
        self._hold_until = -inf
        if self._campaign_at != inf:
            self._campaign_at = max(self._campaign_at, now + self._jitter())

    def on_front(self, front: int, now: float) -> None:
        """`front` stands for what this node wants decided first: as it moves, a stable leader
        serves this node too, and is left alone.
        """
        if front == self._front:
            return
        is_decided = self._front > 0 or front <= 0  # or else the first of a queue has come
        if is_decided and self._campaign_at != inf:
            self._learn(now - max(self._front_since, self._wanted_since))
        self._front, self._front_since = front, now
        if self._settings.tenure is Tenure.STABLE and self.leader != Ballot.ZERO:
            self._hold_until = now + self._patience_s

    def on_impatient(self) -> None:
        """This node campaigns though it knows of a leader: the next has twice as long."""
        if self.leader != Ballot.ZERO:
            self._usual_s = 2 * self._patience_s / _PATIENCE_FACTOR

    def _learn(self, took_s: float) -> None:
        """What this node waited for took so long: the longest counts, and is forgotten slowly."""
        if took_s >= self._usual_s or self._usual_s == inf:
            self._usual_s = took_s
        else:
            self._usual_s += (took_s - self._usual_s) / _FORGOTTEN_AFTER

    @property
    def _patience_s(self) -> float:
        """How long a stable leader that decides nothing for this node is left alone."""
        at_most_s = self._settings.round_timeout_s
        return min(at_most_s, max(_PATIENCE_MIN_S, _PATIENCE_FACTOR * self._usual_s))

    def on_own_decided(self, was_own_block: bool, now: float) -> None:
        """This node's campaign ended in a decision; if it was for another's block, try again."""
        self._failures = 0
        self.leader = Ballot.ZERO
        if not was_own_block:
            self._campaign_at = now + self._jitter()

    def on_failed(self, now: float) -> None:
        """A campaign of this node failed, or couldn't start: a new random delay, and longer."""
        self._campaign_at = now + self._delay() + self._jitter()
        self._failures = min(self._failures + 1, _FAILURES_MAX)

    def on_gone(self, peer: NodeId, now: float) -> bool:
        """The peer is unreachable; True if it was the leader."""
        if self.leader == Ballot.ZERO or self.leader.node != peer:
            return False
        self.leader = Ballot.ZERO
        self._hold_until = now + self._jitter()
        return True

    def forward(self, application: Application, again: bool, step: Step) -> None:
        """Send a stable leader, if one is known, what it is to propose for this node."""
        payload = application.forward(self.leader, again) if self.leader != Ballot.ZERO else None
        if payload is not None:
            step.send(self.leader.node, Forward(payload))

    def _delay(self) -> float:
        return self._random.uniform(*self._settings.election_delay_s)

    def _jitter(self) -> float:
        """Never zero, so that nodes that start together don't campaign together for ever."""
        backoff_s = self._settings.backoff_s * (1 << self._failures)
        return self._random.uniform(0.1, 1.0) * backoff_s
