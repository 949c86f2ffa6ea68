"""Blocks can be read while a checkpoint moves them to the chain file: at each step of the disk."""

from __future__ import annotations

from collections.abc import Callable

from benmo.ledger.transfers import Run
from benmo.sim.disk import MemoryDisk
from tests.support.instances import node_with_blocks

BLOCKS = 5


class ObservedDisk(MemoryDisk):
    """Lets somebody look at each of its syncs, before it begins."""

    look: Callable[[], None] | None = None

    def sync(self, name: str) -> None:
        if self.look is not None:
            self.look()
        super().sync(name)

    def sync_directory(self) -> None:
        if self.look is not None:
            self.look()
        super().sync_directory()


def test_every_block_can_be_read_while_the_disk_is_at_work_on_a_checkpoint() -> None:
    disk = ObservedDisk()
    storage, state = node_with_blocks(disk, BLOCKS)
    looks: list[list[int]] = []

    def look() -> None:
        slots = [storage.read(slot, 1)[0].block.slot for slot in range(1, storage.height + 1)]
        looks.append(slots)

    disk.look = look
    storage.checkpoint(state.durable, state.ledger, Run(1, 1, (2,), (5,)))
    assert len(looks) >= 5
    assert looks == [list(range(1, BLOCKS + 1))] * len(looks)
