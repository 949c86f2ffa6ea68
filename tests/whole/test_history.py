"""`benmo history` of real nodes: what each form shows, from which directory, and its failures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import BENMO, Finished, run
from tests.support.real_cluster import RealCluster

PAID = [(10, 1, 2), (25, 1, 3), (7, 2, 1)]
CHANGES = [7, -25, -10]
"""What these payments add to node 1's balance, the newest first."""


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes that run and have decided some payments."""
    with RealCluster(tmp_path_factory.mktemp("paid"), 3) as cluster:
        cluster.start()
        for amount, debit, credit in PAID:
            made = cluster.attach(debit, f"moneyTransfer {amount},{debit},{credit}", "wait 60")
            assert made.status == 0, made
        height = cluster.ask(2, "printStatus")["height"]
        for node in (1, 3):
            cluster.until(node, "printStatus", lambda status: status["height"] >= height)
        yield cluster


def history(cluster: RealCluster, *options: str) -> Finished:
    return run(*BENMO, "history", "1", *cluster.state_option, *options)


def value(cluster: RealCluster, *options: str) -> Any:
    made = history(cluster, "--format=json", *options)
    assert (made.status, made.err) == (0, ""), made
    return made.values[0]


def changes(transfers: list[Any]) -> list[int]:
    return [each["amount"] * (1 if each["direction"] == "in" else -1) for each in transfers]


def test_the_newest_come_first_with_the_balance_after_each(paid: RealCluster) -> None:
    shown = value(paid)
    assert changes(shown["transfers"]) == CHANGES
    assert [each["balance"] for each in shown["transfers"]] == [72, 65, 90]
    assert [each["other_node"] for each in shown["transfers"]] == [2, 3, 2]
    assert (shown["node"], shown["balance"], shown["after"]) == (1, 72, None)


@pytest.mark.parametrize("options", [(), ("--oldest-first",), ("--node=3",)], ids=str)
def test_each_page_goes_on_where_the_one_before_ended(
    paid: RealCluster, options: tuple[str, ...]
) -> None:
    whole = value(paid, *options)["transfers"]
    after, pages = None, list[Any]()
    while True:
        page = value(paid, *options, "--limit=2", *([f"--after={after}"] if after else []))
        pages.append(page["transfers"])
        after = page["after"]
        if after is None:
            break
    assert [len(page) for page in pages] == [2, 1]
    assert [*pages[0], *pages[1]] == whole


def test_the_account_as_it_was_at_a_height(paid: RealCluster) -> None:
    last = value(paid)["transfers"][0]
    before = value(paid, f"--height={last['slot'] - 1}")
    assert before["balance"] == 65
    assert changes(before["transfers"]) == CHANGES[1:]
    opening = value(paid, "--height=0")
    assert (opening["balance"], opening["transfers"]) == (100, [])


def test_people_read_dates_and_what_is_left_out(paid: RealCluster) -> None:
    shown = history(paid, "--limit=1")
    header, row, balance, more = shown.out.splitlines()
    assert "time (UTC)" in header and " 20" in row and row.split()[-1] == "72"
    assert balance.startswith("node 1 has 72 at height ")
    assert more == f"there are more: --after {row.split()[0]}"


def test_tsv_has_the_fields_of_json(paid: RealCluster) -> None:
    headers, *rows = [line.split("\t") for line in history(paid, "--format=tsv").out.splitlines()]
    for row, transfer in zip(rows, value(paid)["transfers"], strict=True):
        told = {name: cell for name, cell in zip(headers, row, strict=True) if cell}
        assert told == {name: str(cell) for name, cell in transfer.items()}


def test_a_client_that_may_only_read_is_enough(paid: RealCluster, tmp_path: Path) -> None:
    client = tmp_path / "reader"
    made = run(
        *(*BENMO, "client-certificate", "reader", "--read-only"),
        *(f"--output={client}", *paid.state_option),
    )
    assert made.status == 0, made
    shown = run(*BENMO, "history", "1", "--format=json", f"--state-dir={client}")
    assert shown.values == [value(paid)]


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (("--height=99",), 1, "there is no 99"),
        (("--node=9",), 1, "there is no node 9"),
        (("--after=7",), 2, "SLOT/POSITION"),
        (("--limit=0",), 2, "--limit"),
    ],
)
def test_what_there_is_not_is_said(
    paid: RealCluster, options: tuple[str, ...], status: int, says: str
) -> None:
    made = history(paid, *options)
    assert (made.status, made.out) == (status, "")
    assert says in made.err


def test_one_line_says_that_no_node_answers(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        made = history(cluster)
        assert (made.status, made.out) == (1, "")
        (line,) = made.err.splitlines()
        assert line.startswith("benmo: no node answers: node 1 is not running at ")
