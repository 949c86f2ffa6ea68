"""The journal: a torn end is cut off, and what can't be this node's own history is refused."""

import pytest

from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from benmo.sim.disk import MemoryDisk
from benmo.storage.damage import damage_remedy, foreign_remedy
from benmo.storage.journal import JournalRecord, OpenLine, QueueRecord
from benmo.storage.lines import checksum, seal
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import created, opened
from tests.support.written_storage import (
    NODE,
    Writer,
    append_lines,
    damaged,
    every_kind_of_line,
    of_state,
    read_chain,
    refusal,
    reopened,
)

# What may wait.


def test_a_decision_waits_for_what_follows_and_is_written_before_it() -> None:
    disk = MemoryDisk()
    writer = Writer(disk, writes_each=False)
    writer.accept(Ballot(3, 2), Run(3, 1, (1,), (5,)))
    before, undecided = disk.read(JOURNAL), writer.now
    writer.decide()
    assert disk.read(JOURNAL) == before and reopened(disk.copy()) == undecided
    writer.promise(Ballot(4, 3))
    assert reopened(disk) == writer.now


def test_a_checkpoint_forgets_what_waited_since_it_has_it() -> None:
    disk = MemoryDisk()
    writer = Writer(disk, writes_each=False)
    writer.accept(Ballot(3, 2), Run(3, 1, (1,), (5,)))
    writer.decide()
    writer.checkpoint()
    writer.storage.write()
    assert disk.read(JOURNAL).count(b"\n") == 1
    assert reopened(disk) == writer.now


# A torn end.


def whole_lines(data: bytes, length: int) -> bytes:
    """The lines that are whole in the first `length` bytes, one that lacks its newline too."""
    return data[: data.rindex(b"\n", 0, length + 1) + 1]


def test_every_prefix_of_a_journal_is_its_whole_lines() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    for length in range(data.index(b"\n") + 1, len(data) + 1):
        prefix = damaged(disk, JOURNAL, data[:length])
        storage, state = opened(prefix, CLUSTER, NODE)
        whole = whole_lines(data, length)
        assert of_state(state) == writer.history[whole.count(b"\n") - 1], f"{length} bytes"
        assert read_chain(storage) == writer.blocks[: state.ledger.height]
        assert prefix.read(JOURNAL) == whole
        assert storage.journal_bytes == len(whole)


def test_a_journal_without_its_first_line_is_refused() -> None:
    disk = MemoryDisk()
    every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    for length in range(data.index(b"\n") + 1):
        text = refusal(damaged(disk, JOURNAL, data[:length]))
        assert (
            text.startswith(f"{disk.path / JOURNAL}, line 1, is damaged")
            and damage_remedy(NODE) in text
        )


def test_after_a_torn_end_appending_goes_on_correctly() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    for length in range(data.index(b"\n") + 1, len(data) + 1):
        prefix = damaged(disk, JOURNAL, data[:length])
        storage, _ = opened(prefix, CLUSTER, NODE)
        storage.append([PromiseRecord(Ballot(99, 3))])
        storage.sync()
        found = reopened(prefix.after_power_cut())
        assert found.promised == Ballot(99, 3)
        expected = writer.history[whole_lines(data, length).count(b"\n") - 1]
        assert (found.accepted, found.head) == (expected.accepted, expected.head)
        assert (found.queue, found.balances) == (expected.queue, expected.balances)


def test_a_cut_off_end_stays_cut_off_after_a_power_cut() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    disk.append(JOURNAL, b'{"crc":"0000')
    disk.sync(JOURNAL)
    opened(disk, CLUSTER, NODE)
    survivor = disk.after_power_cut()
    assert survivor.read(JOURNAL).endswith(b"}\n")
    assert reopened(survivor) == writer.now


# Another's files, and missing ones.


@pytest.mark.parametrize("name", [JOURNAL, CHECKPOINT, CHAIN])
def test_a_node_without_one_of_its_files_does_not_start(name: str) -> None:
    disk = MemoryDisk()
    every_kind_of_line(disk)
    disk.remove(name)
    text = refusal(disk)
    assert text.startswith(f"{disk.path / name} is missing") and damage_remedy(NODE) in text


@pytest.mark.parametrize("name", [JOURNAL, CHECKPOINT])
@pytest.mark.parametrize(("cluster", "node"), [("d" * 32, NODE), (CLUSTER, 2)])
def test_a_file_of_another_node_or_cluster_is_refused(name: str, cluster: str, node: int) -> None:
    disk, other = MemoryDisk(), MemoryDisk()
    every_kind_of_line(disk)
    created(other, cluster, node, {1: 100, 2: 100, 3: 100})
    text = refusal(damaged(disk, name, other.read(name)))
    assert text.startswith(f"{disk.path / name} ")
    assert "another cluster, dddddddd" in text if node == NODE else "node 2's, not node 1's" in text
    assert foreign_remedy(NODE) in text


@pytest.mark.parametrize("generation", [-1, 3, 4, 100])
def test_a_journal_of_a_generation_that_does_not_fit_is_refused(generation: int) -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    writer.checkpoint()
    bad = damaged(disk, JOURNAL, seal(OpenLine(CLUSTER, NODE, numbered_member(NODE), generation)))
    append_lines(bad, PromiseRecord(Ballot(9, 1)))
    text = refusal(bad)
    assert text.startswith(f"{disk.path / JOURNAL}, line 1, ") and damage_remedy(NODE) in text
    assert f"generation {generation}" in text


def test_the_journal_before_a_checkpoint_is_all_in_the_checkpoint() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    before = disk.read(JOURNAL)
    writer.checkpoint()
    stale = damaged(disk, JOURNAL, before)
    assert reopened(stale) == writer.now
    assert stale.read(JOURNAL) == disk.read(JOURNAL)


# Right checksums, wrong history: the writer is at height 1, and has accepted in ballot (4, 2).


def at_height_one(disk: MemoryDisk) -> Writer:
    writer = Writer(disk)
    writer.pay((2, 10), (3, 5))
    writer.learn(Run(1, 1, (2,), (10,)))
    writer.accept(Ballot(4, 2), Run(3, 1, (1,), (7,)))
    return writer


HERE = at_height_one(MemoryDisk())
HEAD = HERE.ledger.head
NEXT = Ballot(5, 3)


def proposal(slot: int, previous: str, ballot: Ballot = NEXT) -> Proposal:
    runs = (Run(3, 1, (1,), (7,)),)
    return Proposal(ballot, encode_block(slot, ballot, previous, 1.5, runs))


def decision(writer: Writer, ballot: Ballot) -> DecideRecord:
    assert writer.accepted is not None and isinstance(writer.accepted.block, Block)
    return DecideRecord(writer.accepted.block, ballot)


IMPOSSIBLE: dict[str, tuple[JournalRecord, str]] = {
    "a promise that goes back": (PromiseRecord(Ballot(3, 3)), "a promise goes back"),
    "a promise of what was promised": (PromiseRecord(Ballot(4, 2)), "a promise goes back"),
    "an accept below the promise": (
        AcceptRecord(proposal(2, HEAD, Ballot(4, 1))),
        "it accepts below the promised ballot",
    ),
    "an accept beyond a gap": (
        AcceptRecord(proposal(3, HEAD)),
        "its block doesn't follow height 1",
    ),
    "an accept of a decided slot": (
        AcceptRecord(proposal(1, GENESIS_HASH)),
        "its block doesn't follow height 1",
    ),
    "an accept on another chain": (
        AcceptRecord(proposal(2, "a" * 64)),
        "its block doesn't follow height 1",
    ),
    "a decision in another ballot": (
        decision(HERE, Ballot(4, 1)),
        "it decides what was not accepted",
    ),
    "a decision of another slot": (
        DecideRecord(proposal(3, HEAD).block, Ballot(4, 2)),
        "it decides what was not accepted",
    ),
    "a decision of another block": (
        DecideRecord(proposal(2, HEAD).block, Ballot(4, 2)),
        "it decides another block than was accepted",
    ),
    "a learned block beyond a gap": (
        DecideRecord(proposal(3, HEAD).block, Ballot.ZERO),
        "its block doesn't follow height 1",
    ),
    "a learned block twice": (
        DecideRecord(HERE.blocks[0].block, Ballot.ZERO),
        "its block doesn't follow height 1",
    ),
    "a learned block of another chain": (
        DecideRecord(proposal(2, "a" * 64).block, Ballot.ZERO),
        "its block doesn't follow height 1",
    ),
    "a gap in the queue": (QueueRecord(Run(1, 4, (2,), (1,))), "the queue has a gap"),
    "a queued transfer twice": (QueueRecord(Run(1, 2, (3,), (5,))), "the queue has a gap"),
    "another node's queue": (QueueRecord(Run(2, 3, (3,), (5,))), "the queue has a gap"),
}


@pytest.mark.parametrize(("record", "what"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
@pytest.mark.parametrize("is_last", [True, False])
def test_a_history_that_cannot_be_is_refused(
    record: JournalRecord, what: str, is_last: bool
) -> None:
    disk = MemoryDisk()
    at_height_one(disk)
    append_lines(disk, record)
    if not is_last:
        append_lines(disk, PromiseRecord(Ballot(9, 3)))
    text = refusal(disk)
    assert text == f"{disk.path / JOURNAL}, line 5, is damaged: {what}. {damage_remedy(NODE)}"


def test_a_decision_without_anything_accepted_is_refused() -> None:
    disk = MemoryDisk()
    writer = at_height_one(disk)
    accepted = decision(writer, Ballot(4, 2))
    writer.decide()
    append_lines(disk, accepted)
    assert "line 6, is damaged: it decides what was not accepted" in refusal(disk)


def test_a_second_opening_line_is_refused() -> None:
    disk = MemoryDisk()
    at_height_one(disk)
    last = disk.read(JOURNAL).splitlines()[-1]
    disk.append(JOURNAL, seal(OpenLine(CLUSTER, NODE, numbered_member(NODE), 1), checksum(last)))
    assert "line 5, is damaged: it is the second line that opens" in refusal(disk)


def test_a_journal_that_is_refused_is_left_as_it_was() -> None:
    disk = MemoryDisk()
    every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    bad = damaged(disk, JOURNAL, data.replace(b"promise", b"prOmise", 1) + b'{"torn')
    refusal(bad)
    assert bad.read(JOURNAL).endswith(b'{"torn')


def test_two_blocks_in_one_ballot_are_refused() -> None:
    disk = MemoryDisk()
    at_height_one(disk)
    append_lines(disk, AcceptRecord(proposal(2, HEAD, Ballot(4, 2))))
    assert "line 5, is damaged" in refusal(disk)
