"""Confirmed reads: a quorum's greatest height misses no decision, and nothing else counts."""

from __future__ import annotations

from random import Random

import pytest

from benmo.engine.events import LinkChanged, ReadRequested
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered
from benmo.paxos.messages import Accept, Blocks, Confirm, Confirmed, Decide
from benmo.paxos.quorum_reads import QuorumReads, reported_height
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import Ballot, Durable, Proposal, Tenure
from tests.support.engine_cluster import Cluster
from tests.support.replicas import Bench, at_height, blocks, proposal, received, sent, settings
from tests.support.taped_node import TapedNode

QUESTION = 7


def question(step: Step) -> int:
    """The number of the question that every peer is asked."""
    numbers = {message.number for _, message in sent(step, Confirm)}
    assert len(numbers) == 1
    return int(numbers.pop())


def ask(bench: Bench, ticket: int = 1) -> Step:
    return bench.take(bench.replica.on_confirm(ticket, bench.now))


# What an acceptor answers.


@pytest.mark.parametrize("height", [0, 3])
def test_a_node_that_accepted_nothing_answers_its_height(height: int) -> None:
    bench = Bench(durable=at_height(height))
    assert sent(bench.hear(2, Confirm(QUESTION)), Confirmed) == [(2, Confirmed(QUESTION, height))]


def test_a_node_that_accepted_a_block_answers_its_slot() -> None:
    bench = Bench(durable=at_height(3, Ballot(5, 2), proposal(5, 2, 4)))
    assert sent(bench.hear(2, Confirm(QUESTION)), Confirmed) == [(2, Confirmed(QUESTION, 4))]


def test_what_a_node_answers_never_goes_back_whatever_happens_to_what_it_accepted() -> None:
    bench = Bench()
    answers = []

    def answer() -> None:
        ((_, confirmed),) = sent(bench.hear(3, Confirm(QUESTION)), Confirmed)
        answers.append(confirmed.height)

    answer()
    bench.hear(2, Accept(proposal(5, 2, 1)))
    answer()
    bench.hear(3, Accept(proposal(6, 3, 1, "b")))
    answer()
    bench.hear(2, Blocks(blocks(1, 1), 1))
    answer()
    bench.hear(3, Accept(proposal(7, 3, 2)))
    answer()
    bench.hear(3, Decide(2, Ballot(7, 3), "a2"))
    answer()
    assert answers == [0, 1, 1, 1, 2, 2]


def test_a_restarted_node_answers_no_less_than_before() -> None:
    accepted = proposal(5, 2, 4)
    for durable in (at_height(3, Ballot(5, 2), accepted), at_height(4, Ballot(5, 2))):
        bench = Bench(durable=durable)
        ((_, answer),) = sent(bench.hear(2, Confirm(QUESTION)), Confirmed)
        assert answer.height == 4


def test_the_height_that_is_reported() -> None:
    assert reported_height(3, None) == 3
    assert reported_height(3, proposal(5, 2, 4)) == 4


# What the asker makes of it.


@pytest.mark.parametrize(("size", "others"), [(3, 1), (5, 2), (7, 3)])
def test_a_quorum_of_answers_confirms_and_one_less_does_not(size: int, others: int) -> None:
    bench = Bench(size=size, durable=at_height(5))
    number = question(ask(bench))
    peers = bench.peers
    for peer in peers[: others - 1]:
        assert bench.hear(peer, Confirmed(number, 2)).confirmations == []
    last = bench.hear(peers[others - 1], Confirmed(number, 3))
    assert last.confirmations == [Confirmation(1, 5)]


def test_a_cluster_of_one_needs_nobody() -> None:
    bench = Bench(size=1, durable=at_height(2))
    assert ask(bench).confirmations == [Confirmation(1, 2)]


@pytest.mark.parametrize(
    ("own", "answers", "expected"), [(4, [0, 2], 4), (0, [3, 1], 3), (2, [2, 2], 2)]
)
def test_the_greatest_height_of_the_quorum_counts(
    own: int, answers: list[int], expected: int
) -> None:
    bench = Bench(size=5, durable=at_height(own))
    number = question(ask(bench))
    bench.hear(2, Confirmed(number, answers[0]))
    said = bench.hear(3, Confirmed(number, answers[1])).confirmations
    while not said:
        height = bench.replica.durable.height + 1
        assert height <= expected
        bench.hear(5, Blocks(blocks(height, height), height))
        said = [each for step in bench.due() for each in step.confirmations]
    assert said == [Confirmation(1, expected)]
    assert bench.replica.durable.height == max(own, expected)


def test_a_height_above_the_chain_is_confirmed_once_the_chain_is_there() -> None:
    bench = Bench(durable=at_height(2))
    number = question(ask(bench))
    assert bench.hear(2, Confirmed(number, 4)).confirmations == []
    assert bench.hear(3, Confirmed(number, 9)).confirmations == [], "a quorum's answer stands"
    bench.hear(2, Blocks(blocks(3, 3), 3))
    assert [step.confirmations for step in bench.due()] == [[]]
    bench.hear(2, Blocks(blocks(4, 4), 4))
    assert [step.confirmations for step in bench.due()] == [[Confirmation(1, 4)]]


def test_what_this_node_itself_accepted_counts_as_its_answer() -> None:
    bench = Bench(durable=at_height(3, Ballot(5, 2), proposal(5, 2, 4)))
    number = question(ask(bench))
    assert bench.hear(2, Confirmed(number, 0)).confirmations == []
    bench.hear(2, Decide(4, Ballot(5, 2), "a4"))
    assert [step.confirmations for step in bench.due()] == [[Confirmation(1, 4)]]


def test_a_node_that_answers_twice_is_counted_once() -> None:
    bench = Bench(size=5, durable=at_height(1))
    number = question(ask(bench))
    for _ in range(3):
        assert bench.hear(2, Confirmed(number, 1)).confirmations == []
    assert bench.hear(3, Confirmed(number, 0)).confirmations == [Confirmation(1, 1)]


def test_a_question_is_answered_once() -> None:
    bench = Bench(size=5)
    number = question(ask(bench))
    bench.hear(2, Confirmed(number, 0))
    assert len(bench.hear(3, Confirmed(number, 0)).confirmations) == 1
    assert bench.hear(4, Confirmed(number, 9)).confirmations == []


def test_an_answer_to_an_older_question_says_nothing_of_a_newer_one() -> None:
    bench = Bench(size=5, durable=at_height(3))
    first = question(ask(bench, ticket=1))
    second = question(ask(bench, ticket=2))
    assert first != second
    bench.hear(2, Confirmed(second, 1))
    assert bench.hear(3, Confirmed(first, 0)).confirmations == []
    assert bench.hear(4, Confirmed(first, 0)).confirmations == [Confirmation(1, 3)]
    assert bench.hear(5, Confirmed(second, 3)).confirmations == [Confirmation(2, 3)]


def test_a_question_that_nobody_asked_is_not_answered() -> None:
    bench = Bench(size=3)
    assert bench.hear(2, Confirmed(5, 9)).confirmations == []
    number = question(ask(bench))
    assert bench.hear(2, Confirmed(number + 1, 9)).confirmations == []
    assert bench.hear(2, Confirmed(number - 1, 9)).confirmations == []


def test_no_two_lives_of_a_node_ask_under_one_number() -> None:
    """An answer that was under way when the node crashed is older than what is asked now."""
    numbers = set()
    for seed in range(50):
        confirmations = QuorumReads(settings(), Random(seed))
        for ticket in range(3):
            step = Step()
            confirmations.ask(ticket, 0, numbered((1, 2, 3)), step)
            numbers.add(question(step))
    assert len(numbers) == 150


def test_questions_without_answers_take_a_bounded_room_and_the_last_is_kept() -> None:
    bench = Bench(size=5, durable=at_height(1))
    numbers = [question(ask(bench, ticket)) for ticket in range(100)]
    confirmed = []
    for number in numbers:
        for peer in (2, 3):
            confirmed += bench.hear(peer, Confirmed(number, 1)).confirmations
    assert len(confirmed) <= 20 and confirmed[-1] == Confirmation(99, 1)


def test_a_question_changes_nothing_durable() -> None:
    bench = Bench(durable=at_height(3, Ballot(5, 2), proposal(5, 2, 4)))
    before: Durable = bench.replica.durable
    steps = [ask(bench), bench.hear(2, Confirm(QUESTION)), bench.hear(2, Confirmed(QUESTION, 9))]
    assert bench.replica.durable == before
    assert all(step.records == [] and step.decided == [] for step in steps)


# Among engines: whatever was decided before the question is in the answer.


def confirmed(cluster: Cluster, node: int) -> list[int]:
    return [
        each.height for report in cluster.machines[node].reports for each in report.confirmations
    ]


def ask_node(cluster: Cluster, node: int, ticket: int = 1) -> None:
    report = cluster.engine(node).turn([ReadRequested(ticket)], cluster.now)
    cluster.machines[node].reports.append(report)


def test_a_reader_learns_of_a_decision_of_which_only_the_leader_knows() -> None:
    """The `Decide`s are lost, and the reader wasn't even asked to accept."""
    cluster = Cluster(tenure=Tenure.STABLE, election_delay_s=(0.0, 0.0))
    cluster.network.cut |= {(1, 5), (5, 1)}
    cluster.pay(1, (2, 10))
    while cluster.engine(1).ledger.height == 0:
        if cluster.network.pending:
            cluster.deliver(cluster.network.pending[0])
        else:
            cluster.now = max(cluster.now, cluster.engine(1).deadline)
            cluster.turn(1, [])
    cluster.drop()
    cluster.network.cut |= {(1, 2), (1, 3), (1, 4)}
    heights = {node: cluster.engine(node).ledger.height for node in cluster.ids}
    assert heights == {1: 1, 2: 0, 3: 0, 4: 0, 5: 0}
    ask_node(cluster, 5)
    cluster.settle()
    assert confirmed(cluster, 5) == []
    cluster.network.cut.clear()
    cluster.advance(10.0)
    assert confirmed(cluster, 5) == [1]


def history(seed: int) -> list[tuple[int, int]]:
    """A random history: of each answer, what was decided when it was asked for, and its height.

    Messages are lost, late and reordered; nodes crash, and lose what they had not synced.
    """
    random = Random(seed)
    cluster = Cluster(tenure=Tenure.STABLE, election_delay_s=(0.0, 0.2), seed=seed)
    floors: dict[int, int] = {}
    decided = 0
    for ticket in range(1, 60):
        node = random.choice(cluster.up)
        match random.choice(["pay", "pay", "ask", "ask", "crash", "start", "lose", "time"]):
            case "pay":
                cluster.pay(node, (node % 5 + 1, 1))
            case "ask":
                floors[ticket] = decided
                ask_node(cluster, node, ticket)
            case "crash" if len(cluster.up) > 3:
                cluster.crash(node, with_disk_fault=True)
            case "start" if len(cluster.up) < 5:
                cluster.start(next(each for each in cluster.ids if each not in cluster.up))
            case "lose" if cluster.network.pending:
                cluster.network.pending.remove(random.choice(cluster.network.pending))
            case "time":
                cluster.advance(random.uniform(0.0, 0.5))
        for _ in range(random.randrange(12)):
            if cluster.network.pending:
                cluster.deliver(random.choice(cluster.network.pending))
        decided = max(decided, *(cluster.engine(each).ledger.height for each in cluster.up))
    return [
        (floors[each.ticket], each.height)
        for machine in cluster.machines.values()
        for report in machine.reports
        for each in report.confirmations
    ]


def test_no_confirmation_is_below_what_was_decided_when_it_was_asked_for() -> None:
    answers = [answer for seed in range(30) for answer in history(seed)]
    assert [(floor, height) for floor, height in answers if height < floor] == []
    assert len(answers) > 100 and max(floor for floor, _ in answers) > 3


def test_a_minority_gets_no_confirmation_until_it_is_none_any_more() -> None:
    cluster = Cluster(election_delay_s=(0.0, 0.1))
    cluster.network.cut |= {(node, other) for node in (1, 2) for other in (3, 4, 5)}
    ask_node(cluster, 1)
    cluster.advance(5.0)
    assert confirmed(cluster, 1) == []
    cluster.network.cut.clear()
    for peer in (3, 4, 5):
        cluster.turn(1, [LinkChanged(peer, True)])
    ask_node(cluster, 1, 2)
    cluster.settle()
    assert confirmed(cluster, 1) == [0]


def test_an_answer_leaves_after_what_was_accepted_before_it_is_durable() -> None:
    """Else a power cut could take back what the answer relied on."""
    node = TapedNode(delay_s=60.0)
    accepted = encode_block(1, Ballot(5, 2), "0" * 64, 1.5, (Run(2, 1, (3,), (1,)),))
    node.turn(received(2, Accept(Proposal(Ballot(5, 2), accepted))), received(3, Confirm(QUESTION)))
    answer = (3, Confirmed(QUESTION, 1))
    assert node.tape.done.index("sync") < node.tape.done.index(answer)
