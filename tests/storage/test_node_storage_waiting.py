"""Decisions wait in memory until more is written: what a crash at any moment leaves is a history.

Random histories, in which the node dies at any operation of its disk, or its power is cut there.
"""

from random import Random

import pytest

from benmo.ledger.transfers import Run
from benmo.paxos.types import Ballot
from benmo.sim.disk import PowerCut
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import opened
from tests.support.written_storage import (
    NODE,
    CrashingDisk,
    Writer,
    of_state,
    read_chain,
    reopened,
    survivors,
)

SEEDS = range(60)
OPERATIONS_MAX = 80
"""The disk's, of which one is the last."""


class Story:
    """A node's life until it dies; `written` and `synced` are what of its history is for sure."""

    def __init__(self, random: Random) -> None:
        self.disk = CrashingDisk()
        self.writer = Writer(self.disk, writes_each=False)
        self.written = self.synced = 0
        self._random = random
        self._round = 0

    def live(self) -> None:
        """Until death."""
        while True:
            self._go_on()

    def _go_on(self) -> None:
        choices = [self._promise, self._pay, self._accept, self._learn, self._sync, self._write]
        choices += [self._accept if self.writer.accepted is None else self._decide] * 12
        if self._random.random() < 0.03:
            choices = [self._checkpoint]
        self._random.choice(choices)()

    @property
    def _now(self) -> int:
        return len(self.writer.history) - 1

    def _next_ballot(self) -> Ballot:
        self._round += 1
        return Ballot(self._round, self._random.randint(1, 3))

    def _promise(self) -> None:
        self.writer.promise(self._next_ballot())
        self.written = self._now

    def _pay(self) -> None:
        self.writer.pay((self._random.choice((2, 3)), 1))
        self.written = self._now

    def _accept(self) -> None:
        self.writer.accept(self._next_ballot(), self._some_run())
        self.written = self._now

    def _decide(self) -> None:
        self.writer.decide()

    def _learn(self) -> None:
        self.writer.learn(self._some_run())
        self.written = self._now

    def _write(self) -> None:
        self.writer.storage.write()
        self.written = self._now

    def _sync(self) -> None:
        self.writer.sync()
        self.written = self.synced = self._now

    def _checkpoint(self) -> None:
        self.writer.checkpoint()
        self.written = self.synced = self._now

    def _some_run(self) -> Run:
        if len(self.writer.queue) and self._random.random() < 0.5:
            return self.writer.queue
        debit = self._random.choice((2, 3))
        number = self.writer.ledger.last[debit] + 1
        return Run(debit, number, (NODE,), (self._random.randint(1, 3),))


def died(seed: int) -> Story:
    random = Random(seed)
    story = Story(random)
    story.disk.arm(random.randint(1, OPERATIONS_MAX), random.random() < 0.3)
    with pytest.raises(PowerCut):
        story.live()
    return story


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_crash_leaves_is_a_history_that_lacks_nothing_synced(seed: int) -> None:
    story = died(seed)
    history = story.writer.history
    for how, survivor in survivors(story.disk, range(6)):
        storage, state = opened(survivor, CLUSTER, NODE)
        least = story.written if how == "the process died" else story.synced
        assert of_state(state) in history[least:] or of_state(state) == story.writer.now, how
        assert read_chain(storage) == story.writer.blocks[: state.ledger.height], how
        assert reopened(survivor) == of_state(state), how


def test_in_many_of_these_histories_decisions_wait_when_death_comes() -> None:
    stories = [died(seed) for seed in SEEDS]
    assert sum(story.written < len(story.writer.history) - 1 for story in stories) > len(SEEDS) / 4
