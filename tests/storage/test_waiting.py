"""Decisions wait in memory until more is written: what a crash at any moment leaves is a history.

Random histories, in which the node dies at any operation of its disk, or its power is cut there.
"""

from random import Random

import pytest

from benmo.paxos import Ballot
from benmo.runs import Run
from benmo.sim.disk import PowerCut
from benmo.storage import Storage
from tests.support.cluster import CLUSTER
from tests.support.storage_tests import (
    NODE,
    CrashingDisk,
    Writer,
    of_state,
    read_chain,
    reopened,
    survivors,
)

STEPS = 40


class Story:
    """A node's life until it dies; `written` and `synced` are what of its history is for sure."""

    def __init__(self, random: Random) -> None:
        self.disk = CrashingDisk()
        self.writer = Writer(self.disk, writes_each=False)
        self.written = self.synced = 0
        self.decided = 0
        self._random = random
        self._round = 0

    def live(self) -> None:
        """Until death."""
        while True:
            self._go_on()

    def _go_on(self) -> None:
        choices = [self._promise, self._pay, self._accept, self._learn, self._sync, self._write]
        if self.writer.accepted is not None:
            choices += [self._decide] * 6
        if self._random.random() < 0.1:
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
        self.decided += 1

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


@pytest.mark.parametrize("seed", range(60))
def test_what_a_crash_leaves_is_a_history_that_lacks_nothing_synced(seed: int) -> None:
    random = Random(seed)
    story = Story(random)
    story.disk.arm(random.randint(1, 2 * STEPS), random.random() < 0.3)
    with pytest.raises(PowerCut):
        story.live()
    history = story.writer.history
    for how, survivor in survivors(story.disk, range(6)):
        storage, state = Storage.open(survivor, CLUSTER, NODE)
        least = story.written if how == "the process died" else story.synced
        assert of_state(state) in history[least:] or of_state(state) == story.writer.now, how
        assert read_chain(storage) == story.writer.blocks[: state.ledger.height], how
        assert reopened(survivor) == of_state(state), how


def test_these_histories_have_many_decisions_that_wait() -> None:
    waiting = 0
    for seed in range(60):
        story = Story(Random(seed))
        story.disk.arm(2 * STEPS)
        with pytest.raises(PowerCut):
            story.live()
        waiting += story.decided
    assert waiting > 200
