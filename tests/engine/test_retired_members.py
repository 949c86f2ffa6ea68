"""A retired member leaves only once others know of the change that retired it."""

from __future__ import annotations

import pytest

from benmo.engine.events import ChangeRequested
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Decide
from benmo.paxos.types import Change, ChangeKind, Tenure
from benmo.storage.node_storage import JOURNAL
from tests.support.engine_cluster import Cluster

REMOVED = Change(ChangeKind.REMOVE, 1, numbered_member(1))


def with_leader_removed(nodes: int, tenure: Tenure) -> Cluster:
    """Node 1 has decided that it is removed, and nobody else has heard of that."""
    cluster = Cluster(nodes, tenure, (0.0, 0.1), balance=0)
    cluster.advance(1)
    cluster.turn(1, [ChangeRequested(1, REMOVED)])
    while cluster.engine(1).retired_in is None:
        cluster.drop(Decide)
        if cluster.network.pending:
            cluster.deliver(cluster.network.pending[0])
        else:
            cluster.now = max(cluster.now, cluster.engine(1).deadline)
            cluster.turn(1, [])
    cluster.drop()
    assert [cluster.engine(node).ledger.height for node in cluster.ids[1:]] == [0] * (nodes - 1)
    return cluster


@pytest.mark.parametrize("tenure", list(Tenure))
def test_a_member_goes_on_that_alone_knows_that_it_is_retired(tenure: Tenure) -> None:
    """Else nodes that need its vote for the slot before would wait for ever."""
    cluster = with_leader_removed(3, tenure)
    assert not cluster.engine(1).may_leave(())
    assert not cluster.engine(1).may_leave({2})
    assert cluster.engine(1).may_leave({2, 3})
    cluster.advance(10)
    assert [cluster.engine(node).ledger.height for node in (2, 3)] == [1, 1]
    assert cluster.engine(1).may_leave(())


@pytest.mark.parametrize("tenure", list(Tenure))
def test_the_last_but_one_of_two_nodes_can_be_removed(tenure: Tenure) -> None:
    cluster = with_leader_removed(2, tenure)
    assert not cluster.engine(1).may_leave(())
    cluster.advance(10)
    assert cluster.engine(1).may_leave(())
    cluster.crash(1)
    assert cluster.engine(2).membership.nodes == (2,)


def test_a_member_that_votes_leaves_only_if_a_quorum_says_that_it_is_retired() -> None:
    """Its chain isn't that far, and a single node that knows may lose its disk."""
    engine = Cluster(3).engine(1)
    assert not engine.may_leave(set())
    assert not engine.may_leave({2})
    assert not engine.may_leave({2, 7, 8})  # these have no vote, as far as the chain says
    assert engine.may_leave({2, 3})


@pytest.mark.parametrize("tenure", list(Tenure))
def test_a_change_that_is_decided_is_durable_before_anybody_hears_so(tenure: Tenure) -> None:
    """A member that leaves counts on it, though its own vote may have decided the change."""
    cluster = with_leader_removed(2, tenure)
    cluster.advance(10)
    cluster.crash(1)
    disk = cluster.machines[2].disk.after_power_cut()
    assert b'"type":"decide"' in disk.read(JOURNAL) or b'"type":"learn"' in disk.read(JOURNAL)
    assert b'"type":"decide"' in cluster.machines[1].disk.after_power_cut().read(JOURNAL)
