"""When this node campaigns, and when it leaves the lead to another node.

A node campaigns when it has wanted something decided for its election delay, and no other leader
is at work on that. This module is about time only: whatever it does, safety holds.
"""

from __future__ import annotations

from math import inf
from random import Random

from benmo.paxos.application import Application
from benmo.paxos.messages import Forward
from benmo.paxos.round_limit import RoundLimit
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, NodeId, Settings, Tenure

_FAILURES_MAX = 6
"""Each failed campaign in a row doubles the jitter, up to this many."""

_PATIENCE_MIN_S = 0.4
"""The least time for which a stable leader that decides nothing for this node is left alone."""
_PATIENCE_FACTOR = 8
"""A stable leader may take this many times as long as decisions have usually taken of late."""
_CANDIDATE_FACTOR = 2
"""A node that wants to lead may take this many times as long as a quorum takes to promise."""
_FORGOTTEN_AFTER = 8
"""A faster decision than usual lowers `_usual_s` by one part in this many of the difference."""


class Election:
    """Keeps two times, both in seconds.

    `_campaign_at`, drawn at random, is when to campaign; `_hold_until` puts that off while another
    leader is at work.
    """

    def __init__(self, settings: Settings, random: Random, round_limit: RoundLimit) -> None:
        self.leader = Ballot.ZERO
        """The ballot of the other node that leads, as far as this node knows; ZERO if none."""
        self._settings = settings
        self._random = random
        self._round_limit = round_limit
        self._campaign_at = inf
        self._hold_until = -inf
        self._followed_at = -inf
        self._failures = 0
        self._front = 0
        self._front_since = -inf
        self._wanted_since = -inf
        self._usual_s = inf
        """About the longest time that this node has waited for a decision of late."""

    @property
    def deadline(self) -> float:
        """When to campaign; infinite while there is no reason to."""
        return max(self._campaign_at, self._hold_until) if self._campaign_at != inf else inf

    def settle(self, wants: bool, is_active: bool, now: float) -> None:
        """Start the election delay if this node has a reason to campaign, and drop it if not.

        A node that `wants` something decided has a reason, unless it campaigns or leads already
        (`is_active`).
        """
        if not wants or is_active:
            self._campaign_at = inf
        elif self._campaign_at == inf:
            self._wanted_since = now
            self._campaign_at = now + self._delay() + self._jitter()
            if self.leader != Ballot.ZERO:
                self._hold_until = max(self._hold_until, now + self._patience_s)

    def hurry(self, now: float) -> None:
        """Campaign now if this node has a reason to, even while another leader is at work."""
        if self._campaign_at != inf:
            self._campaign_at = now
            self._hold_until = -inf

    def on_leader(self, ballot: Ballot, now: float) -> None:
        """Leave the lead to the node of this ballot, for the time limit of a round.

        A stable leader gets this time only for a ballot that is new here, however busy it is. It
        gets more time only by serving this node, which `on_front` sees.
        """
        if self.leader != ballot:
            self.leader, self._followed_at = ballot, now
        elif self._settings.tenure is Tenure.STABLE:
            return
        self._hold_until = now + self._round_limit.limit_s

    def on_decided(self, now: float) -> None:
        """Note that a block was decided; in tenure `block`, that ends the leader's tenure."""
        self._failures = 0
        if self._settings.tenure is Tenure.STABLE:
            return
        self.leader = Ballot.ZERO
        self._hold_until = -inf
        if self._campaign_at != inf:
            self._campaign_at = max(self._campaign_at, now + self._jitter())

    def on_front(self, front: int, now: float) -> None:
        """Note what this node wants decided first; a change shows that a stable leader serves it.

        `front` is the number of the first transfer in this node's queue; while the queue is empty,
        it is minus the height. When it changes, a known stable leader is left alone for
        `_patience_s` more.
        """
        if front == self._front:
            return
        is_decided = self._front > 0 or front <= 0  # else the queue was empty before
        if is_decided and self._campaign_at != inf:
            self._learn(now - max(self._front_since, self._wanted_since))
        self._front, self._front_since = front, now
        if self._settings.tenure is Tenure.STABLE and self.leader != Ballot.ZERO:
            self._hold_until = now + self._patience_s

    def on_impatient(self) -> None:
        """Give the next leader twice as long, if this node campaigns although it knows of one."""
        if self.leader != Ballot.ZERO:
            self._usual_s = 2 * self._patience_s / _PATIENCE_FACTOR

    def _learn(self, took_s: float) -> None:
        """Adapt `_usual_s` to a wait: a longer one counts at once, shorter ones only slowly."""
        if took_s >= self._usual_s or self._usual_s == inf:
            self._usual_s = took_s
        else:
            self._usual_s += (took_s - self._usual_s) / _FORGOTTEN_AFTER

    @property
    def _patience_s(self) -> float:
        """How long a stable leader that decides nothing for this node is left alone, in seconds."""
        at_most_s = self._round_limit.limit_s
        return min(at_most_s, max(_PATIENCE_MIN_S, _PATIENCE_FACTOR * self._usual_s))

    def on_own_decided(self, was_own_block: bool, now: float) -> None:
        """Note that this node's proposal is decided; if the block wasn't its own, plan another."""
        self._failures = 0
        self.leader = Ballot.ZERO
        if not was_own_block:
            self._campaign_at = now + self._jitter()

    def on_failed(self, now: float) -> None:
        """Draw a new delay after a campaign that failed or couldn't start.

        The jitter in the delay grows with each failure.
        """
        self._campaign_at = now + self._delay() + self._jitter()
        self._failures = min(self._failures + 1, _FAILURES_MAX)

    def on_gone(self, peer: NodeId, now: float) -> bool:
        """Forget the leader if it is this peer, which became unreachable; True if so."""
        if self.leader == Ballot.ZERO or self.leader.node != peer:
            return False
        self.leader = Ballot.ZERO
        self._hold_until = now + self._jitter()
        return True

    def on_not_leading(self, peer: NodeId, now: float) -> None:
        """Forget the leader if it is this peer, which says that it doesn't lead.

        A node that asked for promises doesn't lead before a quorum's answers are back, so it is
        given the time that this takes.
        """
        if now >= self._followed_at + _CANDIDATE_FACTOR * self._round_limit.answer_s:
            self.on_gone(peer, now)

    def forward(self, application: Application, again: bool, step: Step) -> None:
        """Send the known leader, if there is one, the transfers to propose for this node.

        `again` is as for `Application.forward`.
        """
        if self.leader != Ballot.ZERO:
            for payload in application.forward(self.leader, again):
                step.send(self.leader.node, Forward(payload))

    def _delay(self) -> float:
        return self._random.uniform(*self._settings.election_delay_s)

    def _jitter(self) -> float:
        """Draw a short wait: never zero, so that nodes that start together drift apart."""
        backoff_s = self._settings.backoff_s * (1 << self._failures)
        return self._random.uniform(0.1, 1.0) * backoff_s
