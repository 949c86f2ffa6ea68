"""`benmo find` of real nodes: what became of a key, in each form, and what is said of none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benmo.client import Client
from tests.support.processes import BENMO, Finished, run
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes of which the first has paid once under the key `rent`."""
    with RealCluster(tmp_path_factory.mktemp("paid"), 3) as cluster:
        cluster.start()
        with Client(1, cluster.state) as client:
            client.transfer(10, 2, key="rent", memo="May", timeout_s=60)
        yield cluster


def find(cluster: RealCluster, key: str, *options: str, node: int = 1) -> Finished:
    return run(*BENMO, "find", key, f"--node={node}", *cluster.state_option, *options)


def test_a_decided_payment_is_found_in_each_form(paid: RealCluster) -> None:
    made = find(paid, "rent", "--format=json")
    assert (made.status, made.err) == (0, "")
    (value,) = made.values
    assert value == {
        "key": "rent",
        "id": "1-1",
        "outcome": "decided",
        "slot": 1,
        "amount": 10,
        "debit_node": 1,
        "credit_node": 2,
        "memo": "May",
    }
    table = find(paid, "rent")
    assert table.out == "decided in slot 1: 1-1 (10 from node 1 to node 2: May)\n"
    headers, row = (
        line.split("\t") for line in find(paid, "rent", "--format=tsv").out.splitlines()
    )
    assert dict(zip(headers, row, strict=True)) == {name: str(each) for name, each in value.items()}


@pytest.mark.parametrize(("key", "node"), [("rant", 1), ("rent", 2)])
def test_a_key_under_which_the_node_has_paid_nothing_is_unknown(
    paid: RealCluster, key: str, node: int
) -> None:
    reason = f"node {node} has queued no payment under the key {key} until now"
    made = find(paid, key, node=node)
    assert (made.status, made.out, made.err) == (3, "", f"{reason}\n")
    told = find(paid, key, "--format=json", node=node)
    assert (told.status, told.err) == (3, "")
    assert told.values == [{"outcome": "unknown", "key": key, "reason": reason}]


def test_what_can_not_be_a_key_is_not_asked_for(paid: RealCluster) -> None:
    for key, says in (("", "at least one character"), ("k" * 65, "64")):
        made = find(paid, key)
        assert (made.status, made.out) == (2, "")
        assert says in made.err


def test_one_line_says_that_the_node_does_not_run(paid: RealCluster) -> None:
    paid.kill(3)
    made = find(paid, "rent", node=3)
    assert (made.status, made.out) == (1, "")
    (line,) = made.err.splitlines()
    assert line.startswith("benmo: node 3 is not running at ")
