"""What records say of a replica: its part, its countdowns, and which of its times are up."""

from __future__ import annotations

from benmo.paxos.leader import Phase
from benmo.paxos.replica import Replica

_ROLES = {
    Phase.IDLE: "acceptor",
    Phase.PREPARE: "candidate",
    Phase.CATCH_UP: "catching up",
    Phase.ACCEPT: "proposing",
    Phase.LEAD: "leader",
}


def role_of(replica: Replica) -> str:
    """Name the part that a node plays."""
    return _ROLES[replica.leader.phase]


def countdowns_of(replica: Replica) -> dict[str, float]:
    """When a node campaigns or gives up a round, in its engine's time; infinity for never."""
    return {"election": replica.election.deadline, "round": replica.leader.round_deadline}


def times_up(replica: Replica, now: float) -> tuple[str, ...]:
    """Name the times that are up; perhaps none."""
    times = {
        "election delay": replica.election.deadline,
        "round": replica.leader.round_deadline,
        "announcement": replica.leader.announcements.deadline,
        "votes": replica.leader.thrifty_votes.deadline,
        "blocks": replica.learner.deadline,
        "silence": replica.reachability.deadline,
    }
    return tuple(name for name, due in times.items() if due <= now)
