"""After a failed fsync, the cache may hold as clean what never reached the disk."""

from __future__ import annotations

import pytest

from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot
from benmo.sim.disk import MemoryDisk
from benmo.storage.journal import NodeState, QueueRecord
from benmo.storage.node_storage import JOURNAL
from tests.support.engine_cluster import CLUSTER, Cluster
from tests.support.numbered_nodes import created, opened


class ForgetfulCache(MemoryDisk):
    """As Linux does it: a failed sync marks pages clean, and no later sync of them writes."""

    fails_next = False
    clean_until: int | None = None

    def sync(self, name: str) -> None:
        if name == JOURNAL and self.fails_next:
            self.fails_next = False
            self.clean_until = len(self._files[name].data)
            raise OSError(5, "EIO")
        if name == JOURNAL and self.clean_until is not None:
            return
        super().sync(name)

    def rename(self, name: str, new_name: str) -> None:
        if new_name == JOURNAL:
            self.clean_until = None
        super().rename(name, new_name)


def test_a_node_that_starts_after_a_failed_fsync_keeps_what_it_goes_on_from() -> None:
    cluster = Cluster(3, election_delay_s=(0.0, 0.1))
    disk = ForgetfulCache()
    created(disk, CLUSTER, 2, dict.fromkeys(cluster.ids, 100))
    cluster.crash(2)
    cluster.machines[2].disk = disk
    cluster.start(2)
    disk.fails_next = True
    with pytest.raises(OSError, match="EIO"):
        cluster.pay(2, (1, 7))
    cluster.machines[2].engine = None
    cluster.start(2)
    assert len(cluster.engine(2).queue.own) == 1, "what the cache holds is taken up again"
    survivor = disk.after_power_cut()
    _, state = opened(survivor, CLUSTER, 2)
    assert state.queue == cluster.engine(2).queue.own


def test_without_the_fresh_start_it_would_be_lost() -> None:
    """The cache's behaviour is modelled: this is what it does to a journal that is gone on with."""
    disk = ForgetfulCache()
    storage = created(disk, CLUSTER, 1, {1: 100, 2: 100, 3: 100})
    disk.fails_next = True
    storage.append([PromiseRecord(Ballot(3, 2)), QueueRecord(Run(1, 1, (2,), (5,)))])
    with pytest.raises(OSError, match="EIO"):
        storage.sync()
    again, state = opened(disk, CLUSTER, 1)
    again.sync()
    assert state.promised == Ballot(3, 2)
    _, found = opened(disk.after_power_cut(), CLUSTER, 1)
    assert found.promised == Ballot.ZERO
    assert isinstance(found, NodeState)
    assert isinstance(found.ledger, Ledger)
