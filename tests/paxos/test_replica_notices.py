"""What a node reports: of its peers, and of what it promises and refuses."""

from __future__ import annotations

from benmo.paxos.messages import (
    Accept,
    Heartbeat,
    Prepare,
    Promise,
)
from benmo.paxos.notices import BallotRefused, NoticeKind, PeerWentBack, PromiseMade
from benmo.paxos.step import (
    Step,
)
from benmo.paxos.types import Ballot, Tenure
from tests.support.replicas import (
    Bench,
    accept_of,
    at_height,
    receivers,
)


def notices(steps: list[Step], kind: NoticeKind) -> int:
    return sum(notice.kind is kind for step in steps for notice in step.notices)


def test_a_silent_peer_that_is_heard_again_gets_the_next_accept() -> None:
    bench = Bench(queue=("own",))
    ballot = bench.campaign()
    bench.now += 1.9
    bench.hear(2, Heartbeat(0, Ballot.ZERO))
    bench.replica.reachability.silent(bench.now + 1.2)
    bench.hear(3, Heartbeat(0, Ballot.ZERO))
    assert bench.replica.reachability.is_reachable(3)
    bench.hear(3, Promise(ballot, 0, None))
    assert receivers(bench.due(), Accept) == [1, 2, 3]


def test_a_minority_with_a_queue_says_so_once_each_time_that_it_becomes_one() -> None:
    bench = Bench(1, 5, links=False)
    assert notices(bench.wait(5.0), NoticeKind.NO_QUORUM) == 0, "nothing waits"
    bench.application.queue = ["own"]
    steps = [bench.take(bench.replica.on_request(bench.now)), *bench.wait(30.0)]
    assert notices(steps, NoticeKind.NO_QUORUM) == 1
    for peer in (2, 3):
        bench.take(bench.replica.on_link(peer, True, bench.now))
    assert notices(bench.wait(30.0), NoticeKind.NO_QUORUM) == 1, "silence has made it one again"


def test_a_node_learns_who_leads_from_a_heartbeat() -> None:
    """It may have promised that ballot before a crash, and forgotten whose Accept it heard last."""
    bench = Bench(3, tenure=Tenure.STABLE, durable=at_height(4, Ballot(5, 1)))
    bench.hear(1, Heartbeat(4, Ballot(5, 1)))
    assert bench.replica.known_leader == Ballot(5, 1)
    bench.hear(2, Heartbeat(4, Ballot(4, 2)))
    assert bench.replica.known_leader == Ballot(5, 1), "an older leader is none"


def test_a_peer_that_comes_back_with_a_shorter_chain_is_reported_once() -> None:
    """Its directory may be an old copy, which has forgotten promises."""
    bench = Bench(1, durable=at_height(4))
    bench.hear(2, Heartbeat(4, Ballot.ZERO))
    assert bench.hear(2, Heartbeat(1, Ballot.ZERO)).notices == [PeerWentBack(2, 4, 1)]
    assert bench.hear(2, Heartbeat(1, Ballot.ZERO)).notices == []
    assert bench.hear(2, Heartbeat(2, Ballot.ZERO)).notices == []
    assert bench.hear(3, Heartbeat(0, Ballot.ZERO)).notices == [], "nothing was known of it"


def test_a_node_that_does_not_campaign_gives_nothing_up() -> None:
    bench = Bench(queue=("own",))
    bench.due()
    steps = [bench.hear(2, Prepare(Ballot(1, 2))), bench.hear(2, accept_of(1, 2))]
    assert notices(steps, NoticeKind.CAMPAIGN) == 0


def told(step: Step) -> list[object]:
    return [notice for notice in step.notices if notice.kind is not NoticeKind.LINK]


def test_a_promise_is_told_with_what_it_reports() -> None:
    bench = Bench(3)
    assert told(bench.hear(1, Prepare(Ballot(1, 1)))) == [PromiseMade(Ballot(1, 1), 1, 1)]
    bench.hear(1, accept_of(1, 1, 1))
    step = bench.hear(2, Prepare(Ballot(2, 2)))
    assert told(step) == [PromiseMade(Ballot(2, 2), 2, 1, Ballot(1, 1))]


def test_a_refusal_is_told_with_both_ballots() -> None:
    bench = Bench(3, durable=at_height(4, Ballot(5, 2)))
    assert told(bench.hear(1, Prepare(Ballot(4, 1)))) == [
        BallotRefused(Ballot(4, 1), Ballot(5, 2), 1)
    ]
    assert told(bench.hear(1, accept_of(4, 1, 5))) == [
        BallotRefused(Ballot(4, 1), Ballot(5, 2), 1, 5)
    ]
