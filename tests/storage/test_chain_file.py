"""The chain file: any range of slots is found by bisecting, whatever the lengths of the lines."""

import gc
from collections.abc import Callable
from functools import cache
from math import log2
from random import Random

import pytest

from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.step import DecideRecord
from benmo.paxos.types import GENESIS_HASH, Ballot, Durable
from benmo.sim.disk import MemoryDisk
from benmo.storage.chain_file import ChainFile
from benmo.storage.node_storage import CHAIN, JOURNAL, NodeStorage
from tests.support.engine_cluster import CLUSTER, Cluster
from tests.support.numbered_nodes import created, opened
from tests.support.written_storage import BALANCES, NODE, Writer, read_chain

NAME = "chain"
WINDOW = 1 << 16
"""How much of the file is searched at once, in bytes."""


class CountingDisk(MemoryDisk):
    """Knows how much was read of which file."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.bytes_read = 0
        self.whole: list[str] = []

    def read(self, name: str) -> bytes:
        self.whole.append(name)
        return super().read(name)

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        data = super().read_at(name, offset, length)
        self.reads += 1
        self.bytes_read += len(data)
        return data

    def forget(self) -> None:
        self.reads = self.bytes_read = 0
        self.whole = []


@cache
def chain_of(sizes: tuple[int, ...]) -> tuple[AppliedBlock, ...]:
    """Applied blocks with so many transfers each."""
    previous = GENESIS_HASH
    blocks = []
    for slot, size in enumerate(sizes, 1):
        runs = (Run(1, slot, (2,) * size, (1,) * size),)
        block = encode_block(slot, Ballot(slot, 1), previous, 1.0 * slot, runs)
        blocks.append(AppliedBlock(block, tuple(range(0, size, 7)), tuple(range(1, size, 7))))
        previous = block.hash
    return tuple(blocks)


def tiny(count: int) -> tuple[int, ...]:
    return (1,) * count


def mixed(count: int) -> tuple[int, ...]:
    """Mostly short lines, some of about the reading window, some of several."""
    random = Random(count)
    sizes = [random.choice((1, 1, 1, 2, 50, 700)) for _ in range(count)]
    for position in range(0, count, 97):
        sizes[position] = random.choice((9_000, 13_000, 14_000, 15_000, 40_000))
    return tuple(sizes)


def written(sizes: tuple[int, ...]) -> tuple[CountingDisk, ChainFile]:
    disk = CountingDisk()
    file = ChainFile(disk, NAME, 0, 0, 1)
    file.append(chain_of(sizes))
    file.sync()
    return disk, file


def reopened(disk: MemoryDisk, file: ChainFile) -> ChainFile:
    """The same file without anything remembered."""
    return ChainFile(disk, NAME, file.length, file.height, 1)


SIZES = {
    "1 tiny": tiny(1),
    "2 tiny": tiny(2),
    "3 tiny": tiny(3),
    "1000 tiny": tiny(1000),
    "1 huge": (40_000,),
    "2 huge": (40_000, 40_000),
    "3 huge": (14_000, 40_000, 14_000),
    "huge after tiny": (1, 40_000),
    "tiny after huge": (40_000, 1),
    "1000 mixed": mixed(1000),
}
BYTES_MAX = (1, 64, 500, WINDOW, 1 << 20)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("bytes_max", BYTES_MAX)
def test_every_slot_can_be_read_without_hints(sizes: tuple[int, ...], bytes_max: int) -> None:
    disk, file = written(sizes)
    chain = list(chain_of(sizes))
    step = max(1, len(sizes) // 60)
    for slot in {*range(1, len(sizes) + 1, step), len(sizes)}:
        blocks = reopened(disk, file).read(slot, bytes_max)
        assert blocks == chain[slot - 1 : slot - 1 + len(blocks)]
        assert len(blocks) == 1 or lines_bytes(disk, slot, len(blocks)) <= bytes_max
        follows = slot - 1 + len(blocks) < len(sizes)
        assert not follows or lines_bytes(disk, slot, len(blocks) + 1) > bytes_max


@cache
def line_ends(data: bytes) -> tuple[int, ...]:
    ends = [0]
    for line in data.splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    return tuple(ends)


def lines_bytes(disk: MemoryDisk, first_slot: int, count: int) -> int:
    ends = line_ends(disk.read(NAME))
    return ends[first_slot - 1 + count] - ends[first_slot - 1]


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("bytes_max", BYTES_MAX[2:])
def test_the_chain_is_read_on_from_where_the_last_read_ended(
    sizes: tuple[int, ...], bytes_max: int
) -> None:
    disk, file = written(sizes)
    file = reopened(disk, file)
    blocks = file.read(1, bytes_max)
    while len(blocks) < len(sizes):
        disk.forget()
        blocks += file.read(len(blocks) + 1, bytes_max)
        assert disk.bytes_read <= bytes_max + 2 * (len(blocks[-1].block.data) * 2 + WINDOW)
    assert blocks == list(chain_of(sizes))


def test_readers_at_many_places_do_not_disturb_one_another() -> None:
    sizes = mixed(1000)
    disk, file = written(sizes)
    file, chain, random = reopened(disk, file), list(chain_of(sizes)), Random(5)
    places = [random.randint(1, 1000) for _ in range(80)]
    for _ in range(8):
        for reader, slot in enumerate(places):
            blocks = file.read(slot, random.choice(BYTES_MAX[:-1]))
            assert blocks == chain[slot - 1 : slot - 1 + len(blocks)]
            places[reader] = slot + len(blocks) if slot + len(blocks) <= 1000 else 1


def test_what_is_appended_later_is_read_too() -> None:
    sizes = mixed(300)
    chain = list(chain_of(sizes))
    disk = MemoryDisk()
    file = ChainFile(disk, NAME, 0, 0, 1)
    for slot in range(1, 301):
        file.append([chain[slot - 1]])
        assert (file.height, file.length) == (slot, disk.size(NAME))
        assert file.read(slot, 1) == [chain[slot - 1]]
        middle = file.read((slot + 1) // 2, WINDOW)
        assert middle == chain[(slot + 1) // 2 - 1 :][: len(middle)]


def test_an_empty_append_changes_nothing() -> None:
    disk, file = written(tiny(3))
    length = file.length
    file.append([])
    assert (file.height, file.length, disk.size(NAME)) == (3, length, length)


@pytest.mark.parametrize("tail", [b'{"crc":"00', b"\n\n\n", b"x" * 100_000])
def test_what_follows_the_length_is_no_part_of_the_chain(tail: bytes) -> None:
    disk, file = written(mixed(10))
    disk.append(NAME, tail)
    for slot in range(1, 11):
        for bytes_max in BYTES_MAX:
            blocks = reopened(disk, file).read(slot, bytes_max)
            assert blocks == list(chain_of(mixed(10)))[slot - 1 : slot - 1 + len(blocks)]


def test_a_whole_line_that_follows_the_length_is_not_read() -> None:
    disk, file = written(tiny(2))
    short = ChainFile(disk, NAME, file.length // 2, 1, 1)
    assert short.read(1, 1 << 20) == list(chain_of(tiny(1)))
    with pytest.raises(AssertionError):
        short.read(2, 1)


@pytest.mark.parametrize("slot", [1, 2, 40])
def test_a_line_that_says_another_slot_is_damage(slot: int) -> None:
    disk, file = written(tiny(40))
    lines = disk.read(NAME).splitlines(keepends=True)
    disk.overwrite(NAME, b"".join([*lines[: slot - 1], lines[slot - 2], *lines[slot:]]))
    with pytest.raises(StateError, match=f"{disk.path / NAME}, line {slot}, is damaged"):
        ChainFile(disk, NAME, disk.size(NAME), file.height, 1).read(slot, 1)


# Through the storage.


def stored(count: int, block_size: int = 1) -> CountingDisk:
    """A node's disk with so many blocks in its chain file."""
    disk = CountingDisk()
    storage = created(disk, CLUSTER, NODE, BALANCES)
    blocks = chain_of((block_size,) * count)
    storage.append([DecideRecord(applied.block, Ballot.ZERO) for applied in blocks])
    for applied in blocks:
        storage.applied(applied)
    head = blocks[-1].block.hash
    ledger = Ledger(BALANCES, {1: count, 2: 0, 3: 0}, count, head)
    durable = Durable(Ballot.ZERO, None, count, head)
    storage.checkpoint(durable, ledger, Run(NODE, count + 1, (), ()))
    return disk


@pytest.mark.parametrize("count", [1, 10, 100, 1000, 10_000])
def test_a_start_reads_little_of_a_long_chain(count: int) -> None:
    disk = stored(count)
    disk.forget()
    storage, _ = opened(disk, CLUSTER, NODE)
    assert storage.height == count
    assert CHAIN not in disk.whole
    assert disk.reads <= 12 + 4 * log2(count)
    assert disk.bytes_read <= disk.reads * WINDOW
    assert disk.size(JOURNAL) < 200


def test_a_start_cuts_off_what_follows_the_checkpoints_length() -> None:
    disk = stored(10)
    data = disk.read(CHAIN)
    disk.append(CHAIN, data[:500])
    storage, _ = opened(disk, CLUSTER, NODE)
    assert disk.read(CHAIN) == data
    assert read_chain(storage) == list(chain_of(tiny(10)))


def test_a_start_refuses_a_chain_that_is_too_short() -> None:
    disk = stored(10)
    data = disk.read(CHAIN)
    for length in (0, 1, len(data) // 2, len(data) - 1):
        disk.overwrite(CHAIN, data[:length])
        with pytest.raises(StateError, match=f"{len(data) - length} bytes are missing"):
            opened(disk, CLUSTER, NODE)


def blocks_in_memory() -> int:
    gc.collect()
    return sum(isinstance(thing, AppliedBlock) for thing in gc.get_objects())


def test_a_checkpoint_lets_go_of_the_blocks() -> None:
    before = blocks_in_memory()
    writer = Writer(MemoryDisk())
    for number in range(1, 51):
        writer.learn(Run(2, number, (3,), (1,)))
    writer.blocks.clear()
    assert blocks_in_memory() == before + 50
    writer.checkpoint()
    assert blocks_in_memory() == before


def read_first(storage: NodeStorage, slots: int) -> list[AppliedBlock]:
    return [storage.read(slot, 1)[0] for slot in range(1, slots + 1)]


@pytest.mark.parametrize("read", [read_first, lambda storage, _: read_chain(storage)])
def test_a_range_is_the_same_across_the_checkpoint_and_a_restart(
    read: Callable[[NodeStorage, int], list[AppliedBlock]],
) -> None:
    disk = MemoryDisk()
    writer = Writer(disk)
    for number in range(1, 21):
        writer.learn(Run(2, number, (3,), (1,)), Run(3, 2 * number, (1,), (1,)))
        if number in (7, 13):
            writer.checkpoint()
        assert read(writer.storage, number) == writer.blocks
    assert read(opened(disk, CLUSTER, NODE)[0], 20) == writer.blocks


def test_a_long_catch_up_keeps_no_blocks_in_memory() -> None:
    cluster = Cluster(3, election_delay_s=(0.0, 0.0))
    cluster.crash(3)
    for _ in range(30):
        cluster.pay(1, (2, 1))
        cluster.advance(1.0)
    cluster.start(3)
    cluster.advance(5.0)
    assert len(cluster.chain(3)) == 30
    for node in cluster.up:
        cluster.engine(node).checkpoint()
        cluster.machines[node].reports.clear()
    mine = {applied.block.hash for applied in cluster.applied(1)}
    gc.collect()
    held = [thing for thing in gc.get_objects() if isinstance(thing, AppliedBlock)]
    assert not [applied for applied in held if applied.block.hash in mine]
