"""Five processes keep one chain, whatever is killed, cut off, stopped or started late."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support.processes import NODE, eventually
from tests.support.real_cluster import RealCluster

both_tenures = pytest.mark.parametrize("tenure", ["block", "stable"])


class Make(Protocol):
    def __call__(self, nodes: int = 5, **options: str) -> RealCluster: ...


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a cluster whose nodes are yet to be started; at the end, all are killed."""
    made: list[RealCluster] = []

    def one(nodes: int = 5, **options: str) -> RealCluster:
        made.append(RealCluster(tmp_path, nodes, **options))
        return made[-1]

    yield one
    for cluster in made:
        with cluster:
            pass


def pay(cluster: RealCluster, amount: int, debit: int, credit: int) -> str:
    """Queue a transfer at its debit node; its id."""
    answer = cluster.ask(debit, f"moneyTransfer {amount},{debit},{credit}")
    assert answer["outcome"] == "queued", answer
    return str(answer["id"])


def pay_and_wait(cluster: RealCluster, amount: int, debit: int, credit: int) -> str:
    paid = pay(cluster, amount, debit, credit)
    waited = cluster.ask(debit, "wait 60")
    assert waited["outcome"] == "decided", waited
    return paid


def agreed(cluster: RealCluster, *nodes: int, waiting: int = 0) -> list[Any]:
    """Wait until these nodes, or all, have one chain and empty queues; the chain.

    Nobody gained or lost money, and no transfer is in it twice.
    """
    asked = nodes or cluster.nodes
    seen: list[Any] = []

    def same() -> bool:
        seen[:] = [cluster.ask(node, "printStatus") for node in asked]
        return len({status["head"] for status in seen}) == 1 and not any(
            status["queue"] for status in seen
        )

    eventually(same, f"nodes {asked} agree", lambda: str(seen))
    chain, *others = (cluster.ask(node, "printBlockchain") for node in asked)
    assert all(other == chain for other in others), (chain, others)
    balances = [cluster.ask(node, "printBalance all")["balances"] for node in asked]
    assert all(held == balances[0] for held in balances)
    assert sum(balances[0].values()) == 100 * len(cluster.nodes)
    ids = transfers(chain)
    assert len(set(ids)) == len(ids)
    return list(chain)


def transfers(chain: list[Any]) -> list[str]:
    return [transfer["id"] for block in chain for transfer in block["transfers"]]


def sever(cluster: RealCluster, ones: tuple[int, ...], others: tuple[int, ...]) -> None:
    for one in ones:
        for other in others:
            assert cluster.ask(one, f"severLink {other}")["link"] == "severed"


def stuck(cluster: RealCluster, node: int) -> str:
    """Why the node's queue is not decided, as it says."""
    answer = cluster.ask(node, "wait 0.1")
    assert answer["outcome"] == "unknown", answer
    return str(answer["reason"])


def sees(link: str, *peers: int) -> Callable[[Any], bool]:
    """Of a `printStatus`: these links are like that, as the node sees them."""
    return lambda status: all(
        peer["link"] == link for peer in status["peers"] if peer["node"] in peers
    )


@both_tenures
def test_transfers_typed_at_three_prompts_are_decided_everywhere(make: Make, tenure: str) -> None:
    cluster = make(tenure=tenure)
    cluster.start(4, 5)
    prompts = {node: cluster.terminal(*NODE, str(node)) for node in (1, 2, 3)}
    for prompt in prompts.values():
        prompt.wait_for("quorum: yes")
    prompts[1].enter("moneyTransfer 10,1,2")
    prompts[2].enter("moneyTransfer 5 2 3")
    prompts[3].enter("m 7, 3, 1")
    for node, amount, credit in ((1, 10, 2), (2, 5, 3), (3, 7, 1)):
        prompts[node].wait_for(f"decided {node}-1 ({amount} from node {node} to node {credit})")
    chain = agreed(cluster)
    assert sorted(transfers(chain)) == ["1-1", "2-1", "3-1"]
    balances = {"1": 97, "2": 105, "3": 98, "4": 100, "5": 100}
    assert cluster.ask(5, "printBalance all") == {"balances": balances, "height": len(chain)}


@both_tenures
def test_two_nodes_that_pay_at_the_same_time_are_both_served(make: Make, tenure: str) -> None:
    cluster = make(tenure=tenure)
    cluster.start()

    def work(node: int) -> list[Any]:
        lines = [line for _ in range(3) for line in (f"moneyTransfer 1,{node},5", "wait 60")]
        finished = cluster.attach(node, *lines)
        assert finished.status == 0, finished
        return finished.values

    with ThreadPoolExecutor() as users:
        answers = list(users.map(work, (1, 2)))
    assert all(answer["outcome"] in ("queued", "decided") for said in answers for answer in said)
    assert sorted(transfers(agreed(cluster))) == ["1-1", "1-2", "1-3", "2-1", "2-2", "2-3"]


@both_tenures
def test_three_of_five_decide_and_two_wait_until_the_others_are_back(
    make: Make, tenure: str
) -> None:
    cluster = make(tenure=tenure)
    cluster.start()
    pay_and_wait(cluster, 1, 4, 5)
    cluster.kill(4, 5)
    pay_and_wait(cluster, 10, 1, 2)
    cluster.kill(3)
    cluster.until_reaches(1, 2)
    queued = cluster.attach(1, "moneyTransfer 20,1,2", form="table")
    reason = "not decided: node 1 reaches 2 of 5, needs 3"
    assert queued.out == f"queued 1-2 (20 from node 1 to node 2); {reason}\n"
    assert queued.status == 0
    assert f"queued, {reason}\n" in cluster.attach(1, "printQueue", form="table").out
    assert stuck(cluster, 1) == "node 1 reaches 2 of 5, needs 3"
    balance = {"node": 1, "balance": 90, "available": 70, "height": 2}
    assert cluster.ask(1, "printBalance") == balance
    cluster.start(3, 4, 5)
    assert cluster.ask(1, "wait 60")["outcome"] == "decided"
    assert transfers(agreed(cluster)) == ["4-1", "1-1", "1-2"]


@both_tenures
def test_the_larger_side_of_a_partition_decides_and_the_smaller_says_that_it_is_one(
    make: Make, tenure: str
) -> None:
    cluster = make(tenure=tenure)
    cluster.start()
    pay_and_wait(cluster, 1, 1, 2)
    sever(cluster, (1, 2), (3, 4, 5))
    for node in (1, 2):
        cluster.until_reaches(node, 3 - node)
        pay(cluster, 10, node, 3)
        assert stuck(cluster, node) == f"node {node} reaches 2 of 5, needs 3"
    pay_and_wait(cluster, 5, 3, 1)
    pay_and_wait(cluster, 5, 4, 1)
    agreed(cluster, 3, 4, 5)
    shown = cluster.attach(1, "printBalance", form="table").out
    assert "may be old: node 1 reaches 2 of 5, needs 3" in shown
    assert cluster.ask(1, "restoreLink all") == {"restored": [3, 4, 5]}
    assert cluster.ask(2, "restoreLink all") == {"restored": [3, 4, 5]}
    for node in (1, 2):
        assert cluster.ask(node, "wait 60")["outcome"] == "decided"
    assert sorted(transfers(agreed(cluster))) == ["1-1", "1-2", "2-1", "3-1", "4-1"]


def test_a_node_that_only_hears_can_not_decide_but_the_others_can(make: Make) -> None:
    cluster = make()
    cluster.start()
    for peer in (2, 3, 4, 5):
        cluster.until(1, "printStatus", sees("up", peer))
        severed = {"node": peer, "link": "severed", "one_way": True}
        assert cluster.ask(1, f"severLink {peer} --one-way") == severed
    pay(cluster, 10, 1, 2)
    assert stuck(cluster, 1) == "node 1 reaches 1 of 5, needs 3"
    pay_and_wait(cluster, 7, 3, 1)
    heard = {"node": 3, "link": "severed", "height": 1}
    cluster.until(1, "printStatus", lambda status: heard in status["peers"])
    assert cluster.ask(1, "restoreLink all") == {"restored": [2, 3, 4, 5]}
    assert cluster.ask(1, "wait 60")["outcome"] == "decided"
    assert transfers(agreed(cluster)) == ["3-1", "1-1"]


def test_one_bridge_between_two_pairs_is_enough_for_all(make: Make) -> None:
    cluster = make(tenure="stable")
    cluster.start()
    sever(cluster, (1, 2), (4, 5))
    for node, others in ((4, (1, 2)), (5, (1, 2))):
        cluster.until(node, "printStatus", sees("down", *others))
    for node in (1, 3, 5):
        pay(cluster, 10, node, 2)
    for node in (1, 3, 5):
        assert cluster.ask(node, "wait 60")["outcome"] == "decided"
    assert sorted(transfers(agreed(cluster))) == ["1-1", "3-1", "5-1"]


def test_what_was_queued_when_a_node_crashed_is_decided_once_after_its_return(make: Make) -> None:
    cluster = make()
    cluster.start()
    crashed = cluster.attach(1, "moneyTransfer 10,1,2", "crashNode")
    assert crashed.status == 0, crashed
    assert cluster.ended(1) == -signal.SIGKILL
    pay_and_wait(cluster, 1, 2, 3)
    cluster.start(1)
    assert cluster.ask(1, "wait 60")["outcome"] == "decided"
    pay_and_wait(cluster, 5, 1, 3)
    assert sorted(transfers(agreed(cluster))) == ["1-1", "1-2", "2-1"]


def test_nodes_may_be_started_in_any_order_and_late(make: Make) -> None:
    cluster = make()
    cluster.start(5)
    pay(cluster, 10, 5, 1)
    assert stuck(cluster, 5) == "node 5 reaches 1 of 5, needs 3"
    cluster.start(2)
    cluster.until_reaches(5, 2)
    assert stuck(cluster, 5) == "node 5 reaches 2 of 5, needs 3"
    cluster.start(4)
    assert cluster.ask(5, "wait 60")["outcome"] == "decided"
    pay_and_wait(cluster, 10, 2, 1)
    cluster.start(1, 3)
    pay_and_wait(cluster, 20, 1, 3)
    assert transfers(agreed(cluster)) == ["5-1", "2-1", "1-1"]


@pytest.mark.parametrize(("nodes", "killed"), [(1, ()), (3, (3,)), (7, (2, 4, 6))])
def test_any_odd_number_of_nodes_will_do(make: Make, nodes: int, killed: tuple[int, ...]) -> None:
    cluster = make(nodes)
    cluster.start()
    last = 7 if nodes == 7 else 1
    alive = [node for node in cluster.nodes if node not in killed]
    if nodes > 1:
        pay_and_wait(cluster, 10, last, 2)
        cluster.kill(*killed)
        pay_and_wait(cluster, 10, last, 3)
        assert transfers(agreed(cluster, *alive)) == [f"{last}-1", f"{last}-2"]
    else:
        refused = cluster.ask(1, "moneyTransfer 10,1,2")
        assert refused["outcome"] == "refused"
        assert agreed(cluster) == []


def test_a_terminated_node_leaves_a_checkpoint_and_goes_on_from_it(make: Make) -> None:
    cluster = make()
    cluster.start()
    for amount in (1, 2, 3):
        pay_and_wait(cluster, amount, 1, 2)
    chain = agreed(cluster)
    for node in cluster.nodes:
        cluster.signal(node, signal.SIGTERM)
    for node in cluster.nodes:
        assert cluster.ended(node) == 0
        journal = (cluster.node_directory(node) / "journal.jsonl").read_text()
        blocks = (cluster.node_directory(node) / "chain.jsonl").read_text()
        assert journal.count("\n") == 1, journal
        assert blocks.count("\n") == len(chain) == 3
        first, *_, last = cluster.log(node).read_text().splitlines()
        assert first.startswith(f"node {node} listens on 127.0.0.1:")
        assert last.endswith(f"SIGTERM: node {node} stopped")
    cluster.start()
    assert agreed(cluster) == chain
    pay_and_wait(cluster, 4, 1, 2)
    assert agreed(cluster)[:3] == chain


def test_all_five_killed_at_once_have_lost_nothing_that_was_decided(make: Make) -> None:
    cluster = make()
    cluster.start()
    pay_and_wait(cluster, 10, 1, 2)
    chain = agreed(cluster)
    pay(cluster, 10, 2, 3)
    cluster.kill(*cluster.nodes)
    cluster.start()
    assert cluster.ask(2, "wait 60")["outcome"] == "decided"
    after = agreed(cluster)
    assert after[:1] == chain
    assert transfers(after) == ["1-1", "2-1"]


def test_a_leader_that_was_stopped_and_goes_on_follows_the_new_one(make: Make) -> None:
    cluster = make(tenure="stable")
    cluster.start()
    pay_and_wait(cluster, 1, 1, 2)
    status = cluster.until(1, "printStatus", lambda status: status["leader"])
    leader = status["leader"]
    other = leader % 5 + 1
    assert cluster.ask(leader, "printStatus")["role"] == "leader"
    cluster.signal(leader, signal.SIGSTOP)
    pay_and_wait(cluster, 2, other, leader)
    later = cluster.ask(other, "printStatus")
    assert later["ballot"] > status["ballot"]
    cluster.signal(leader, signal.SIGCONT)
    pay_and_wait(cluster, 3, leader, other)
    chain = agreed(cluster)
    assert transfers(chain) == ["1-1", f"{other}-1", f"{leader}-{2 if leader == 1 else 1}"]
