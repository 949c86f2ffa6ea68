"""The time limit of a round, which follows what a quorum's promises have taken of late.

With a fixed limit, nothing would ever be decided over links on which an answer takes longer. So a
leader learns from its campaigns, also from those that it has given up: their promises come late,
but they come, and say how long an answer takes.

    round_timeout_s  <=  3 x the time in which a quorum promised  <=  20 x round_timeout_s

All of it is about time: a wrong limit costs time only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benmo.paxos.membership import Membership
from benmo.paxos.notices import RoundLimitRaised
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, MemberId, Settings

_FACTOR = 3
"""A round may take this many times as long as a quorum's promises have taken."""
_RAISED_MAX = 20
"""The limit is at most this many times `round_timeout_s`."""
_CAMPAIGNS_MAX = 32
"""How many campaigns are remembered that no quorum has answered yet."""
_REPORTED_FACTOR = 1.25
"""A limit that has grown by less than this factor since the last report isn't reported."""


def limit_max_s(settings: Settings) -> float:
    """The greatest time limit of a round, in seconds: nothing is decided on slower answers."""
    return _RAISED_MAX * settings.round_timeout_s


@dataclass(slots=True)
class _Campaign:
    began_at: float
    promised_by: set[MemberId] = field(default_factory=set)


class RoundLimit:
    """Measures how long a quorum takes to promise, and sets the time limit of a round by that.

    A longer time than before counts at once; by a shorter one, what was known is halved at most.
    """

    def __init__(self, settings: Settings) -> None:
        self.limit_s = settings.round_timeout_s
        """The time limit of a round: for a quorum's answers, or for the next blocks to catch up."""
        self.answer_s = 0.0
        """About how long a quorum takes to answer; 0 until one has answered."""
        self._settings = settings
        self._campaigns: dict[Ballot, _Campaign] = {}
        self._reported_s = settings.round_timeout_s

    def on_campaign(self, ballot: Ballot, now: float) -> None:
        """Note that this node asks all nodes to promise `ballot`."""
        self._campaigns[ballot] = _Campaign(now)
        if len(self._campaigns) > _CAMPAIGNS_MAX:
            del self._campaigns[next(iter(self._campaigns))]

    def on_promise(
        self, member: MemberId, ballot: Ballot, membership: Membership, now: float, step: Step
    ) -> None:
        """Count a promise, even for a ballot that was given up; learn from a quorum of them."""
        campaign = self._campaigns.get(ballot)
        if campaign is None:
            return
        campaign.promised_by.add(member)
        if membership.has_quorum(campaign.promised_by):
            del self._campaigns[ballot]
            self._learn(now - campaign.began_at, step)

    def _learn(self, took_s: float, step: Step) -> None:
        least_s = self._settings.round_timeout_s
        self.answer_s = max(took_s, self.answer_s / 2)
        self.limit_s = min(max(least_s, _FACTOR * self.answer_s), limit_max_s(self._settings))
        if took_s >= least_s and self.limit_s > _REPORTED_FACTOR * self._reported_s:
            step.notices.append(RoundLimitRaised(took_s, self.limit_s))
            self._reported_s = self.limit_s
        elif self.limit_s == least_s:
            self._reported_s = least_s
