"""What no later event can tell apart: states of a node, and messages without a further effect.

All of this rests on what is said here of the code. The tests compare it with a search without
`Bounds.reduces`.
"""

from __future__ import annotations

from typing import Any, Protocol

from benmo.paxos.leader import Leader, Phase
from benmo.paxos.messages import Accepted, Blocks, Decide, Forward, Message, Nack, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, MemberId, Tenure
from benmo.sim.explore.bounds import Actor, Bounds
from benmo.sim.explore.parts import Parts
from benmo.sim.explore.snapshot import identity


class KnownMoment(Protocol):
    """What is looked at here of a node between two events."""

    bounds: Bounds
    actor: Actor
    chain: tuple[str, ...]
    campaigns: int
    parts: Parts
    now: float

    @property
    def replica(self) -> Replica: ...

    @property
    def durable(self) -> object: ...

    @property
    def settled_height(self) -> int: ...

    @property
    def may_campaign(self) -> bool: ...

    @property
    def may_propose(self) -> bool: ...


def identity_of(moment: KnownMoment) -> tuple[object, ...]:
    """Compute what is equal for two moments that no later event can tell apart.

    Left out is what the exploration itself decides:

    - what `Reachability` and the learner's request remember: they decide whom this node asks for
      blocks, and when, with a `Behind`. Each `Behind` can be delivered at any time.
    - the election's times: the exploration decides when a node campaigns.
    - a leader's time limit: its phase says whether it is set.
    - how long a quorum takes to answer, and in which order it did.
    - what the disk would lose, if nobody crashes (or not any more: see `Moment.calm`).

    And what has no effect, as long as the bounds have `reduces`:

    - the highest round heard of, if no campaign is left to outbid it.
    - the reports of promises that are of no use any more: see `known_promises`.
    - all that a leader knows, and the change that it was asked for, once it can't propose.
    """
    parts, replica = moment.parts, moment.replica
    known: dict[int, Any] = {
        id(parts.storage): moment.durable if moment.bounds.crashes else None,
        id(parts.outbox): None,
        id(replica.reachability): None,
        id(replica.leader.round_limit): None,
        id(replica.election): (moment.may_campaign, _forwards_to(moment)),
    }
    but = {"deadline", "round_deadline", "_asked", "_asked_at", "_patience_ms"}
    if moment.bounds.reduces:
        _leave_out(moment, known, but)
    whole = identity(parts.engine, moment.now, known, but)
    return (moment.actor, moment.chain, moment.campaigns, whole)


def _leave_out(moment: KnownMoment, known: dict[int, Any], but: set[str]) -> None:
    leader = moment.replica.leader
    known[id(leader.promises)] = known_promises(leader, len(moment.chain))
    if not moment.campaigns:
        but.add("_highest_round")
    if leader.phase in (Phase.IDLE, Phase.LEAD):
        but |= {"_accepted_by", "_counted_for", "proposed_own"}
    if not moment.may_propose:
        known[id(leader)] = None
        but |= {"change", "_sent_change"}


def _forwards_to(moment: KnownMoment) -> Ballot | None:
    """The leader to which this node's queue goes, if there is anything to forward."""
    has_some = moment.bounds.forwards and len(moment.parts.engine.queue.own)
    return moment.replica.election.leader if has_some else None


def is_spent(moment: KnownMoment, message: Message) -> bool:
    """Whether a message to this node can't change it any more, neither now nor later.

    Answers for a leader are spent when it has given their ballot up, or needs no more of their kind
    and slot; a node that promised a ballot takes only higher ones itself. What says which blocks
    are decided is spent once they are in the chain, and no crash can take them out of it again.
    """
    leader = moment.replica.leader
    cant_lead = not (moment.campaigns or leader.is_active)
    match message:
        case Forward():
            return cant_lead
        case Promise(ballot):
            may_wait = leader.phase is Phase.CATCH_UP and bool(moment.bounds.changes)
            is_open = may_wait or leader.phase is Phase.PREPARE
            return cant_lead or _is_over(leader, ballot, moment, is_open)
        case Accepted(ballot, slot):
            is_open = leader.is_active and slot > len(moment.chain)
            return cant_lead or _is_over(leader, ballot, moment, is_open)
        case Nack(ballot):  # it also says which round a later campaign must outbid
            is_over = _is_over(leader, ballot, moment, leader.is_active)
            return cant_lead or (not moment.campaigns and is_over)
        case Decide(slot, ballot):
            return slot <= moment.settled_height or _is_missed(moment, slot, ballot)
        case Blocks(blocks):
            return blocks[-1].slot <= moment.settled_height
        case _:
            return False


def _is_over(leader: Leader, ballot: Ballot, moment: KnownMoment, is_open: bool) -> bool:
    promised = moment.replica.acceptor.promised
    return ballot < promised or (ballot == promised and not (is_open and ballot == leader.ballot))


def _is_missed(moment: KnownMoment, slot: int, ballot: Ballot) -> bool:
    """Whether this node didn't accept in the ballot of a decision, and won't any more."""
    acceptor = moment.replica.acceptor
    accepted = acceptor.accepted
    has_it = accepted is not None and (accepted.slot, accepted.ballot) == (slot, ballot)
    is_settled = moment.settled_height == len(moment.chain)
    return acceptor.promised > ballot and not has_it and is_settled


def known_promises(leader: Leader, height: int) -> frozenset[tuple[MemberId, Promise | None]]:
    """The promises that a leader has, without the reports that it doesn't need any more.

    A leader that has proposed goes on in slots of which no promise reported anything; and one that
    is still behind proposes nothing for the slots that are decided meanwhile.
    """
    is_needed = leader.phase in (Phase.PREPARE, Phase.CATCH_UP)
    return frozenset(
        (member, promise if is_needed and promise.height >= height else None)
        for member, promise in leader.promises.items()
    )


def may_lose_answers(before: Replica, tenure: Tenure, has_changes: bool) -> bool:
    """Whether a leader that gave up in this state is like one that gets no further answers.

    Not so if, without giving up, it would propose as soon as its chain or the membership has grown.
    """
    if before.leader.phase is Phase.PREPARE:
        return not has_changes
    return before.leader.phase is Phase.ACCEPT and tenure is Tenure.BLOCK
