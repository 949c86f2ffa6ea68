"""Changes of the members of a real cluster, and what must be true after them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import Finished, run
from tests.support.real_cluster import RealCluster

UNHURRIED = """
import sys
from benmo.admin import desk, status
from benmo.cli import main
from benmo.control import places
desk.ANSWER_S = status.ANSWER_S = places.ANSWER_S = 60.0
main(prog_name="benmo")
"""


IMPATIENT = """
from benmo.admin import new_member
new_member._END_S = 0.0
"""


CHANGE = (sys.executable, "-c", UNHURRIED)
"""`benmo`, which waits longer than a busy machine makes a node take."""


def change(cluster: RealCluster, *words: str) -> Finished:
    return run(*CHANGE, *words, *cluster.state_option)


def members(cluster: RealCluster, node: int, at: int = 1) -> list[dict[str, Any]]:
    """The node's members, the first one first, as another node knows them."""
    return [each for each in cluster.ask(at, "printMembers") if each["node"] == node]


def require_paying(cluster: RealCluster, node: int) -> None:
    """See a node's payment decided, for which its link to the others must be up."""
    other = 2 if node == 1 else 1
    paid = cluster.attach(node, f"moneyTransfer 1,{node},{other}", "wait 120")
    assert [each["outcome"] for each in paid.values] == ["queued", "decided"], paid


def require_account(cluster: RealCluster, node: int) -> None:
    """See the account of a node that was added and removed: it began with nothing."""
    for order, balances in (("--oldest-first",), [2, 0]), ((), [0, 2]):
        shown = run(
            *CHANGE, "history", str(node), *order, "--format", "json", *cluster.state_option
        )
        assert [each["balance"] for each in shown.values[0]["transfers"]] == balances


def require_added(cluster: RealCluster, node: int) -> None:
    """Start an added node, and see that it has nothing and votes."""
    cluster.start(node)
    cluster.until(
        node, "printMembers", lambda seen: [m for m in seen if m["node"] == node and not m["until"]]
    )
    balance = cluster.ask(node, "printBalance")
    assert balance["balance"] == 0


@contextmanager
def three_that_run(directory: Path) -> Iterator[RealCluster]:
    """Give three nodes that run."""
    with RealCluster(directory, 3, tenure="stable") as running:
        running.start()
        running.until_linked()
        yield running
