"""A crash between, and in, any two operations of a checkpoint loses nothing, and neither do two."""

from collections.abc import Iterator
from random import Random

import pytest

from benmo.engine.surroundings import Limits
from benmo.errors import StateError
from benmo.ledger.transfers import Run
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot, Tenure
from benmo.sim.disk import MemoryDisk, PowerCut
from benmo.storage.disk import Disk
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL, NodeStorage
from tests.support.engine_cluster import CLUSTER, Cluster
from tests.support.numbered_nodes import created, opened
from tests.support.written_storage import (
    BALANCES,
    NODE,
    CrashingDisk,
    Snapshot,
    Writer,
    crashing_copy,
    of_engine,
    of_state,
    operations_of,
    power_may_fail,
    read_chain,
    reopened,
    snapshot,
    survivors,
)

SEEDS = range(4)
CHECKPOINT_OPERATIONS = [
    f"append {CHAIN}",
    f"sync {CHAIN}",
    f"append {CHECKPOINT}.new",
    f"sync {CHECKPOINT}.new",
    f"rename {CHECKPOINT}.new",
    "sync_directory",
    f"append {JOURNAL}.new",
    f"sync {JOURNAL}.new",
    f"rename {JOURNAL}.new",
    "sync_directory",
]


def written() -> tuple[CrashingDisk, Writer]:
    """A disk with a chain file, a checkpoint and a journal, all of which matter; all synced."""
    disk = CrashingDisk()
    writer = Writer(disk)
    writer.promise(Ballot(2, 2))
    writer.learn(Run(2, 1, (3,), (7,)))
    writer.checkpoint()
    own = writer.pay((2, 10), (3, 5))
    writer.accept(Ballot(3, 2), own)
    writer.decide()
    writer.learn(Run(3, 1, (1, 9), (5, 6)))
    writer.pay((3, 80), (2, 3))
    writer.accept(Ballot(5, 3), Run(2, 2, (1,), (1,)))
    writer.promise(Ballot(6, 1))
    writer.sync()
    return disk, writer


def crashed(crash_at: int, appends_half: bool) -> tuple[CrashingDisk, Writer]:
    """The same, and a checkpoint that died at this operation."""
    disk, writer = written()
    disk.arm(crash_at, appends_half)
    with pytest.raises(PowerCut):
        writer.checkpoint()
    disk.arm(0)
    return disk, writer


CRASHES = [
    (crash_at, appends_half)
    for crash_at, operation in enumerate(CHECKPOINT_OPERATIONS, 1)
    for appends_half in (False, True)[: 1 + operation.startswith("append")]
]


def assert_recovers(disk: Disk, writer: Writer) -> NodeStorage:
    storage, state = opened(disk, CLUSTER, NODE)
    assert of_state(state) == writer.now
    assert read_chain(storage) == writer.blocks
    return storage


def test_a_checkpoint_works_in_the_order_that_its_description_gives() -> None:
    disk, writer = written()
    disk.arm(0)
    writer.checkpoint()
    assert disk.operations == CHECKPOINT_OPERATIONS
    assert_recovers(disk.after_power_cut(), writer)


@pytest.mark.parametrize(("crash_at", "appends_half"), CRASHES)
def test_a_crash_in_a_checkpoint_loses_nothing(crash_at: int, appends_half: bool) -> None:
    disk, writer = crashed(crash_at, appends_half)
    for _, survivor in survivors(disk, SEEDS):
        assert_recovers(survivor, writer)


@pytest.mark.parametrize(("crash_at", "appends_half"), CRASHES)
def test_what_is_synced_after_a_crash_in_a_checkpoint_outlasts_a_power_cut(
    crash_at: int, appends_half: bool
) -> None:
    disk, writer = crashed(crash_at, appends_half)
    for how, survivor in survivors(disk, SEEDS):
        storage = assert_recovers(survivor, writer)
        storage.append((PromiseRecord(Ballot(9, 2)),))
        storage.sync()
        assert reopened(survivor.after_power_cut()).promised == Ballot(9, 2), how


@pytest.mark.parametrize(("crash_at", "appends_half"), CRASHES)
def test_a_crash_in_the_recovery_from_a_crash_loses_nothing(
    crash_at: int, appends_half: bool
) -> None:
    disk, writer = crashed(crash_at, appends_half)
    for _, survivor in survivors(disk, SEEDS):
        for twice in crashed_while_opening(survivor):
            assert_recovers(twice, writer)


def crashed_while_opening(disk: CrashingDisk) -> Iterator[CrashingDisk]:
    """What is left of the disk by a crash at any operation of its opening."""
    count = len(operations_of(disk, lambda twin: opened(twin, CLUSTER, NODE)))
    assert count > 0
    for crash_at in range(1, count + 1):
        for appends_half in (False, True):
            twin = crashing_copy(disk)
            twin.arm(crash_at, appends_half)
            with pytest.raises(PowerCut):
                opened(twin, CLUSTER, NODE)
            twin.arm(0)
            for _, survivor in survivors(twin, range(2)):
                yield survivor


@pytest.mark.parametrize(("crash_at", "appends_half"), CRASHES)
def test_the_next_checkpoint_after_a_crash_in_one_is_whole(
    crash_at: int, appends_half: bool
) -> None:
    disk, writer = crashed(crash_at, appends_half)
    for _, survivor in survivors(disk, SEEDS):
        storage, state = opened(survivor, CLUSTER, NODE)
        storage.checkpoint(state.durable, state.ledger, state.queue)
        cut = survivor.after_power_cut()
        assert_recovers(cut, writer)
        assert cut.names() == [CHAIN, CHECKPOINT, JOURNAL]
        assert cut.read(JOURNAL).count(b"\n") == 1


def test_a_crash_while_a_torn_journal_is_opened_loses_nothing() -> None:
    disk, writer = written()
    disk.append(JOURNAL, b'{"crc":"12345678","type":"pro')
    disk.append(CHAIN, b'{"crc":"12345678","slot":2,"ha')
    for twice in crashed_while_opening(disk):
        assert_recovers(twice, writer)


# What was never synced.


def test_a_power_cut_leaves_what_was_synced_and_perhaps_some_of_what_followed() -> None:
    disk, writer = written()
    synced = len(writer.history) - 1
    writer.pay((2, 1))
    writer.decide()
    writer.promise(Ballot(7, 2))
    writer.learn(Run(3, 3, (2,), (4,)))
    assert reopened(disk.after_power_cut()) == writer.history[synced]
    found = {
        writer.history.index(reopened(disk.after_power_cut(Random(seed)))) for seed in range(60)
    }
    assert found <= set(range(synced, len(writer.history))) and len(found) > 2


@pytest.mark.parametrize(("crash_at", "appends_half"), CRASHES)
def test_a_checkpoint_of_what_was_not_synced_leaves_an_earlier_state_or_all(
    crash_at: int, appends_half: bool
) -> None:
    disk, writer = written()
    synced = len(writer.history) - 1
    writer.decide()
    writer.learn(Run(3, 3, (2,), (4,)))
    disk.arm(crash_at, appends_half)
    with pytest.raises(PowerCut):
        writer.checkpoint()
    for how, survivor in survivors(disk, SEEDS):
        storage, state = opened(survivor, CLUSTER, NODE)
        assert of_state(state) in writer.history[synced:], how
        assert read_chain(storage) == writer.blocks[: state.ledger.height]


# The first checkpoint.


def test_a_crash_while_the_state_is_made_leaves_a_new_node_or_one_that_does_not_start() -> None:
    first = Writer(MemoryDisk()).now
    count = len(operations_of(MemoryDisk(), create))
    started = 0
    for crash_at in range(1, count + 1):
        for appends_half in (False, True):
            disk = CrashingDisk()
            disk.arm(crash_at, appends_half)
            with pytest.raises(PowerCut):
                create(disk)
            for _, survivor in survivors(disk, SEEDS):
                started += starts(survivor, first)
    assert started > 0
    disk = CrashingDisk()
    create(disk)
    assert starts(crashing_copy(disk.after_power_cut()), first)


def create(disk: Disk) -> NodeStorage:
    return created(disk, CLUSTER, NODE, BALANCES)


def starts(disk: CrashingDisk, expected: Snapshot) -> bool:
    disk.arm(0)
    try:
        found = reopened(disk)
    except StateError:
        return False
    assert found == expected
    return True


# Through the engine.


def test_the_engine_makes_a_checkpoint_at_the_size_limit() -> None:
    limits = Limits(queue_limit=100, journal_bytes_max=3000)
    cluster = Cluster(3, Tenure.STABLE, (0.0, 0.0), limits=limits, balance=1000)
    chain_bytes = []
    for amount in range(1, 31):
        cluster.pay(1, (2, amount))
        cluster.advance(1.0)
        disk = cluster.machines[1].disk
        assert disk.size(JOURNAL) <= 3000
        assert recovered(disk, 1) == of_engine(cluster.engine(1))
        chain_bytes.append(disk.size(CHAIN))
    assert chain_bytes == sorted(chain_bytes)
    assert len(set(chain_bytes)) > 3
    assert cluster.engine(1).ledger.balances[2] == 1000 + sum(range(1, 31))
    cluster.assert_agreement()


def recovered(disk: MemoryDisk, node: int) -> Snapshot:
    """What the node would start from now, with nothing lost."""
    _, state = opened(disk.copy(), CLUSTER, node)
    return snapshot(state.promised, state.accepted, state.ledger, state.queue)


@pytest.mark.parametrize("tenure", Tenure)
@pytest.mark.parametrize("seed", range(6))
def test_a_replay_leads_to_the_state_of_the_running_engine(tenure: Tenure, seed: int) -> None:
    limits = Limits(queue_limit=5, journal_bytes_max=2500, blocks_bytes_max=600)
    cluster = Cluster(3, tenure, (0.0, 0.3), seed, limits)
    for _ in range(120):
        something_happens(cluster, cluster.random)
        for node in cluster.up:
            assert recovered(cluster.machines[node].disk, node) == of_engine(cluster.engine(node))
    cluster.assert_agreement()


def something_happens(cluster: Cluster, random: Random) -> None:
    node = random.choice(cluster.ids)
    what = random.random()
    if node not in cluster.up:
        cluster.start(node)
    elif what < 0.3:
        cluster.pay(node, (random.choice(cluster.ids), random.randint(-1, 40)))
    elif what < 0.35:
        cluster.crash(node, with_disk_fault=random.random() < 0.5)
    elif what < 0.5:
        cluster.advance(random.random())
    else:
        some = random.sample(cluster.network.pending, min(4, len(cluster.network.pending)))
        for envelope in some:
            cluster.deliver(envelope)


def a_run(cluster: Cluster) -> None:
    for amount in range(1, 7):
        for node in cluster.up:
            cluster.pay(node, (node % 3 + 1, amount))
        cluster.advance(0.7)


RUN_LIMITS = Limits(queue_limit=50, journal_bytes_max=1500)


@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_at_any_operation_of_a_run_forks_nothing(seed: int) -> None:
    whole = with_crashing_disk(seed, 0)
    a_run(whole)
    count = len(operations(whole))
    assert count > 60
    for crash_at in range(1, count + 1, 3):
        cluster = with_crashing_disk(seed, crash_at)
        with power_may_fail():
            a_run(cluster)
        shown = [applied for report in cluster.machines[NODE].reports for applied in report.applied]
        cluster.crash(NODE, with_disk_fault=True)
        cluster.network.pending.clear()
        cluster.start(NODE)
        a_run(cluster)
        cluster.advance(10.0)
        cluster.assert_agreement()
        assert cluster.applied(NODE)[: len(shown)] == shown
        assert len({len(cluster.chain(node)) for node in cluster.ids}) == 1


def with_crashing_disk(seed: int, crash_at: int) -> Cluster:
    cluster = Cluster(3, Tenure.STABLE, (0.0, 0.2), seed, RUN_LIMITS)
    cluster.crash(NODE)
    disk = crashing_copy(cluster.machines[NODE].disk)
    cluster.machines[NODE].disk = disk
    cluster.start(NODE)
    disk.arm(crash_at)
    return cluster


def operations(cluster: Cluster) -> list[str]:
    disk = cluster.machines[NODE].disk
    assert isinstance(disk, CrashingDisk)
    return disk.operations
