"""`benmo rescue`: what it finds in what is left, what it says, and the cluster that it makes."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from benmo.admin.making import write_cluster, write_member
from benmo.admin.rescue import main
from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.commands.answers import Status
from benmo.ledger.blocks import Block, Outcome, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.step import AcceptRecord, PromiseRecord
from benmo.paxos.types import Ballot, Change, ChangeKind, NodeId, Proposal
from benmo.storage.disk import RealDisk
from benmo.storage.journal import NodeState, QueueRecord
from benmo.storage.lock import DirectoryLock
from benmo.storage.node_storage import NodeStorage
from tests.support.engine_cluster import CLUSTER
from tests.support.processes import run
from tests.support.written_state import authority, chain_of, content, empty_state, write_node
from tests.support.written_storage import BALANCES

BLOCKS = chain_of(
    Run(1, 1, (2,), (10,), (), ("rent",)),
    Run(2, 1, (3, 1), (5, 6)),
    Run(3, 1, (1,), (7,)),
    Run(1, 2, (3,), (90,)),
)
KEPT = {1: 100 - 10 + 6 + 7 - 90, 2: 100 + 10 - 11, 3: 100 + 5 - 7 + 90}


@pytest.fixture
def old(tmp_path: Path) -> StateDirectory:
    """Give a cluster of three, of which node 1 alone is left: four blocks, three in the file."""
    state = empty_state(tmp_path / "old")
    write_node(state, 1, BLOCKS, checkpoint_height=3)
    return state


@pytest.fixture
def new(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "new")


def rescue(new: StateDirectory, *sources: Path, options: tuple[str, ...] = ()) -> Result:
    words = [word for source in sources for word in ("--from", str(source))]
    return CliRunner().invoke(main, [*words, "--state-dir", str(new.path), *options])


def accept(new: StateDirectory, *sources: Path, options: tuple[str, ...] = ()) -> str:
    """Rescue with the loss accepted; what it said. All that was made must be sound."""
    done = rescue(new, *sources, options=("--accept-loss", *options))
    assert done.exit_code == 0, done.output
    assert verified(new).status is Status.DONE
    return done.output


def refusal(new: StateDirectory, *sources: Path, options: tuple[str, ...] = ()) -> str:
    """Why a rescue is refused, although the loss is accepted; nothing may be made."""
    before = content(new.path)
    done = rescue(new, *sources, options=("--accept-loss", *options))
    assert done.exit_code == 1, done.output
    assert content(new.path) == before
    return done.output


def opened(state: StateDirectory, node: int) -> tuple[NodeStorage, NodeState]:
    disk = RealDisk(state.node(node))
    found = NodeStorage.open(disk, state.load().cluster, node)
    disk.close()
    return found


def write_more(state: StateDirectory) -> Block:
    """Let node 1 queue two payments, and accept a block with one of them and another's."""
    disk = RealDisk(state.node(1))
    storage, left = NodeStorage.open(disk, CLUSTER, 1)
    ledger, ballot = left.ledger, Ballot(9, 1)
    runs = (Run(1, 3, (2,), (1,)), Run(2, 3, (1,), (4,)))
    block = encode_block(ledger.height + 1, ballot, ledger.head, 1.0, runs)
    storage.append((QueueRecord(Run(1, 3, (2, 2), (1, 1))),))
    storage.append((PromiseRecord(ballot), AcceptRecord(Proposal(ballot, block))))
    storage.sync()
    disk.close()
    return block


def test_without_the_loss_accepted_it_says_what_is_lost_and_changes_nothing(
    old: StateDirectory, new: StateDirectory
) -> None:
    write_more(old)
    before = content(old.path)
    said = rescue(new, old.path)
    assert said.exit_code == 1
    *report, would, end = said.output.splitlines()
    assert report == [
        f"The longest whole chain is that of {old.node(1)}: height 4, head {BLOCKS[3].hash[:12]}.",
        "Not here, or damaged: nodes 2 and 3. What only these disks had, nobody can know:",
        "- blocks that were decided, and shown as decided, after slot 4;",
        "- payments that waited in their queues to be decided.",
        "Don't go on if 1 more whole directory is anywhere, running or not: then a majority can "
        "start, and nothing is lost.",
        f"Accepted for slot 5, by {old.node(1)}, and perhaps decided: 1-3, 2-3. The new cluster "
        f"goes on without it.",
        "Waited to be decided here, and is lost: 1-3 (1 from node 1 to node 2), 1-4 (1 from node 1 "
        "to node 2). Pay again.",
        "Their ids, and those of payments in lost queues, may be given out again, for others.",
        "Whoever pays again under the same key, where there was one, pays once.",
    ]
    assert would == (
        f"A new cluster would be made in {new.path}: a cluster of 3 nodes at 127.0.0.1:9001 … "
        f"127.0.0.1:9003. It would go on from slot 5 on."
    )
    assert end == "benmo: nothing is changed: --accept-loss begins the new cluster"
    assert not new.path.exists()
    assert content(old.path) == before


def test_addresses_that_are_no_row_are_all_named(old: StateDirectory, new: StateDirectory) -> None:
    where = ("--hosts", "127.0.0.1:9001,127.0.0.1:9423,127.0.0.1:9003")
    assert (
        "a cluster of 3 nodes at 127.0.0.1:9001, 127.0.0.1:9423, 127.0.0.1:9003."
        in rescue(new, old.path, options=where).output
    )


def test_what_is_said_is_broken_between_words(
    old: StateDirectory, new: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = rescue(new, old.path).output
    monkeypatch.setattr("benmo.admin.rescue.terminal_columns", lambda: 80)
    broken = rescue(new, old.path).output
    assert broken.split() == unbroken.split()
    *said, _ = broken.splitlines()
    assert all(len(line) <= 80 or " " not in line for line in said)


def test_the_new_cluster_continues_the_chain_with_new_members_and_another_id(
    old: StateDirectory, new: StateDirectory
) -> None:
    before = content(old.path)
    said = accept(new, old.path)
    assert "which goes on from slot 5 on. Its first blocks (5 to 7) put new members in" in said
    assert content(old.path) == before
    cluster = new.load()
    assert cluster.cluster != CLUSTER
    assert cluster.nodes == old.load().nodes
    files = {new.node(node).joinpath("chain.jsonl").read_bytes() for node in BALANCES}
    assert len(files) == 1
    states = [opened(new, node) for node in BALANCES]
    assert {state.ledger.head for _, state in states} == {states[0][1].ledger.head}
    for storage, state in states:
        assert state.ledger.balances == KEPT
        assert state.ledger.last == {1: 2, 2: 2, 3: 1}
        assert [applied.block.data for applied in storage.read(1, 1 << 20)][:4] == [
            block.data for block in BLOCKS
        ]
        assert state.ledger.membership.is_voter(storage.member)
        assert (state.promised, state.accepted) == (Ballot.ZERO, None)
    membership = states[0][1].ledger.membership
    assert [member.until for member in membership.all] == [5, 6, 7, None, None, None]
    assert {voter.ordinal for voter in membership.voters.values()} == {1}


def test_what_an_old_member_queued_or_accepted_is_never_applied(
    old: StateDirectory, new: StateDirectory
) -> None:
    late = write_more(old)
    accept(new, old.path)
    _, state = opened(new, 1)
    assert len(state.queue) == 0
    assert (state.queue.first, state.queue.member) == (3, 1)
    ledger: Ledger = state.ledger
    again = encode_block(ledger.height + 1, Ballot(1, 1), ledger.head, 1.0, late.runs)
    outcomes = [outcome for _, outcome in ledger.apply(again).outcomes()]
    assert outcomes == [Outcome.SKIPPED, Outcome.SKIPPED]
    assert ledger.balances == KEPT


def flip(path: Path, line: int) -> None:
    """Spoil a byte in the middle of a line, counted from 1."""
    lines = path.read_bytes().split(b"\n")
    middle = len(lines[line - 1]) // 2
    spoiled = bytes([lines[line - 1][middle] ^ 1])
    lines[line - 1] = lines[line - 1][:middle] + spoiled + lines[line - 1][middle + 1 :]
    path.write_bytes(b"\n".join(lines))


def cut(path: Path) -> None:
    """Cut off the end of a file's last line."""
    path.write_bytes(path.read_bytes()[:-20])


DAMAGES: dict[str, tuple[Callable[[Path], None], str, int, str]] = {
    "a block": (lambda path: flip(path, 2), "chain.jsonl", 1, ":2: its checksum is wrong"),
    "the chain's end": (cut, "chain.jsonl", 2, ":3: it has no end"),
    "the checkpoint": (lambda path: flip(path, 1), "checkpoint.json", 3, ":1: "),
    "no checkpoint": (Path.unlink, "checkpoint.json", 3, ":1: it is missing"),
    "the journal's first line": (lambda path: flip(path, 1), "journal.jsonl", 3, ":1: "),
    "the journal": (lambda path: flip(path, 3), "journal.jsonl", 4, ":3: its checksum is wrong"),
    "no journal": (Path.unlink, "journal.jsonl", 3, ":1: it is missing"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_of_a_damaged_directory_all_before_the_damage_is_rescued_and_the_damage_is_named(
    what: str, old: StateDirectory, new: StateDirectory
) -> None:
    damage, name, height, named = DAMAGES[what]
    write_more(old)
    damage(old.node(1) / name)
    said = accept(new, old.path)
    start = f"{old.node(1)}: whole up to height {height}. {old.node(1) / name}{named}"
    assert any(line.startswith(start) for line in said.splitlines()), said
    assert "Not here, or damaged: nodes 1, 2 and 3." in said
    _, state = opened(new, 2)
    assert state.ledger.height == height + 3


def test_the_longest_chain_is_taken_though_it_has_a_damaged_end(
    old: StateDirectory, new: StateDirectory
) -> None:
    write_node(old, 2, BLOCKS[:2], checkpoint_height=1)
    flip(old.node(1) / "journal.jsonl", 2)
    said = accept(new, old.node(2), old.node(1)).splitlines()
    assert said[0].startswith(f"The longest whole chain is that of {old.node(1)}: height 3, ")
    assert said[1] == f"{old.node(2)}: height 2."
    assert said[2].startswith(f"{old.node(1)}: whole up to height 3. {old.node(1)}/journal.jsonl:2")


def test_two_chains_are_refused_with_the_slot_in_which_they_part(
    old: StateDirectory, new: StateDirectory
) -> None:
    other = chain_of(Run(1, 1, (2,), (10,), (), ("rent",)), Run(2, 1, (3,), (99,)))
    write_node(old, 2, other, checkpoint_height=2)
    said = refusal(new, old.path)
    assert said == (
        f"benmo: two chains: the block of slot 2 is {BLOCKS[1].hash[:12]} in {old.node(1)}, and "
        f"{other[1].hash[:12]} in {old.node(2)}. Find out which is right, and leave the other out "
        f"of --from\n"
    )


def test_where_a_majority_is_whole_nothing_is_lost_and_nothing_is_rescued(
    old: StateDirectory, new: StateDirectory
) -> None:
    write_node(old, 3, BLOCKS[:1])
    said = refusal(new, old.path)
    assert said.startswith("benmo: the directories of nodes 1 and 3 are whole, a majority of 3:")
    flip(old.node(3) / "checkpoint.json", 1)
    accept(new, old.path)


def write_replacement(state: StateDirectory, node: NodeId) -> tuple[Block, Path]:
    """Make the directory of a node's next member; the block that replaces it, and the directory."""
    cluster, last = state.load(), BLOCKS[-1]
    old, new = cluster.founder(node), "f" * 32
    path = state.node(node).with_name("next") / f"node-{node}"
    path.parent.mkdir()
    write_member(path, cluster, authority(), node, new, "127.0.0.1")
    change = Change(ChangeKind.REPLACE, node, old, new, "127.0.0.1", 9000 + node)
    return encode_block(last.slot + 1, Ballot(9, 1), last.hash, 1.0, (), change), path


def test_a_majority_that_never_heard_of_its_own_change_does_not_stand_in_the_way(
    old: StateDirectory, new: StateDirectory
) -> None:
    change, place = write_replacement(old, 3)
    place.rename(old.node(3))
    write_node(old, 2, [*BLOCKS, change], checkpoint_height=5)
    flip(old.node(2) / "journal.jsonl", 1)  # nodes 1 and 3 are whole, and wait for its vote
    said = rescue(new, old.path)
    assert "Not here, or damaged: node 2. What only" in said.output
    assert "Don't go on if 1 more whole directory is anywhere" in said.output
    accept(new, old.path)
    _, state = opened(new, 2)
    assert state.ledger.height == 5 + 3


def test_a_retired_member_that_knows_of_the_change_is_named_among_those_to_start(
    old: StateDirectory, new: StateDirectory
) -> None:
    change, place = write_replacement(old, 3)
    write_node(old, 3, [*BLOCKS, change])
    old.node(3).rename(old.path / "node-3.retired-00000000")
    place.rename(old.node(3))
    said = refusal(new, old.path)
    assert said.startswith(
        f"benmo: the directories of nodes 1 and 3 are whole, a majority of 3: start them together "
        f"with {old.path}/node-3.retired-00000000, and nothing is lost."
    )


def test_a_directory_is_counted_once_however_often_it_is_given(
    old: StateDirectory, new: StateDirectory
) -> None:
    shutil.copytree(old.path, old.path.with_name("copy"))
    accept(new, old.path, old.node(1), old.path.with_name("copy"))


def test_a_directory_in_which_a_node_runs_is_refused(
    old: StateDirectory, new: StateDirectory
) -> None:
    lock = DirectoryLock(old.node(1))
    said = refusal(new, old.path)
    lock.release()
    assert said.startswith(f"benmo: {old.node(1)} is in use by process ")
    assert said.endswith(": stop the nodes first\n")
    accept(new, old.path)


def test_directories_of_different_clusters_are_refused(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    other = empty_state(tmp_path / "other")
    write_node(other, 2, BLOCKS)
    write_cluster(other, replace(other.load(), cluster="b" * 32))
    said = refusal(new, old.path, other.path)
    assert said == f"benmo: {old.path} and {other.path} belong to different clusters\n"
    said = refusal(new, other.path)
    assert "belongs to another cluster" in said


def test_a_source_that_holds_no_node_is_refused(new: StateDirectory, tmp_path: Path) -> None:
    (tmp_path / "any").mkdir()
    for source in (tmp_path / "any", empty_state(tmp_path / "empty").path):
        said = refusal(new, source)
        assert said.startswith(f"benmo: {source} holds no node's files: --from names a node's")


def test_a_node_s_directory_needs_the_cluster_s_file_beside_it(
    old: StateDirectory, new: StateDirectory
) -> None:
    data = old.cluster_file.read_bytes()
    old.cluster_file.unlink()
    said = refusal(new, old.node(1))
    assert said.startswith(f"benmo: {old.cluster_file} is missing: put it beside {old.node(1)}")
    old.cluster_file.write_bytes(data)
    accept(new, old.node(1))


def test_the_new_cluster_is_made_neither_in_nor_around_what_is_left(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    for place in (old.path, old.path / "inside", tmp_path):
        assert "choose another --state-dir" in refusal(StateDirectory(place), old.path)
    empty_state(new.path)
    assert f"{new.path} holds another cluster" in refusal(new, old.path)


def test_given_again_it_says_what_there_is_and_leaves_it(
    old: StateDirectory, new: StateDirectory
) -> None:
    accept(new, old.path)
    before = content(new.path)
    said = accept(new, old.path)
    assert said.startswith(f"{new.path} holds the rescued cluster already: a cluster of 3 nodes")
    assert content(new.path) == before


def test_a_longer_chain_that_is_found_later_is_not_taken_for_what_was_rescued(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    shorter = empty_state(tmp_path / "shorter")
    write_node(shorter, 2, BLOCKS[:3])
    accept(new, shorter.path)
    said = refusal(new, old.path)
    assert said.startswith(
        f"benmo: {new.path} holds a cluster that doesn't go on where this chain ends, at height 4:"
    )
    for node in BALANCES:  # they were taken to their machines: there is nothing to compare with
        shutil.rmtree(new.node(node))
    assert "holds the rescued cluster already" in rescue(new, old.path).output


def test_a_rescue_given_again_is_known_though_the_new_cluster_went_on(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    accept(new, old.path)
    again = StateDirectory(tmp_path / "again")
    accept(again, new.node(2))
    assert f"{again.path} holds the rescued cluster already" in accept(again, old.path)
    assert f"{again.path} holds the rescued cluster already" in accept(again, new.node(2))


def test_a_rescued_cluster_can_be_rescued(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    accept(new, old.path)
    again = StateDirectory(tmp_path / "again")
    accept(again, new.node(2))
    _, state = opened(again, 1)
    assert state.ledger.height == 4 + 3 + 3
    assert state.ledger.balances == KEPT
    assert state.queue.member == 2


def test_hosts_are_those_of_the_nodes_in_their_order(
    old: StateDirectory, new: StateDirectory
) -> None:
    wrong = rescue(new, old.path, options=("--accept-loss", "--hosts", "a,b"))
    assert wrong.exit_code == 2
    assert "a host for each of 3 nodes, not 2" in wrong.output
    accept(new, old.path, options=("--hosts", "a,b:7,c"))
    assert [str(address) for address in new.load().addresses] == ["a:9001", "b:7", "c:9003"]
    _, state = opened(new, 1)
    voters = state.ledger.membership.voters.values()
    assert [(voter.host, voter.port) for voter in voters] == [("a", 9001), ("b", 7), ("c", 9003)]


@pytest.mark.parametrize("name", ["x" * 300, "file/state", "circle/state"])
def test_a_place_where_nothing_can_be_made_is_named(
    name: str, old: StateDirectory, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to("circle")
    said = rescue(StateDirectory(tmp_path / name), old.path, options=("--accept-loss",)).output
    assert said.startswith("benmo: ") and said.count("\n") == 1, said
    assert str(tmp_path / name) in said


_KILLED_AT = """
import os, signal, sys
step, state = int(sys.argv.pop(1)), sys.argv.pop(1)

def hook(event, arguments):
    global step
    if event == "os.rename" and str(arguments[0]).startswith(state):
        step -= 1
        if step == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from benmo.cli import main
main()
"""
"""Kills this program just before its rename of that number."""

STEPS = 3 * 4 + 1 + 3 + 1 + 1 + 1
"""The checkpoints and journals of three nodes, twice; the new `cluster.json`; the three nodes'
directories, `ca/` and `cluster.json` in their places; and what was put away."""


def test_a_rescue_that_is_killed_at_any_step_is_ended_by_the_next(
    old: StateDirectory, new: StateDirectory
) -> None:
    before = content(old.path)
    words = ("rescue", "--from", str(old.path), "--accept-loss", "--state-dir", str(new.path))
    killed = 0
    while True:
        died = run(sys.executable, "-c", _KILLED_AT, str(killed + 1), str(new.path), *words)
        if died.status == 0:
            break
        assert died.status == -signal.SIGKILL, died
        killed += 1
        if new.cluster_file.exists():
            assert verified(new).status is Status.DONE
        accept(new, old.path)
        _, state = opened(new, 3)
        assert (state.ledger.height, state.ledger.balances) == (7, KEPT)
        shutil.rmtree(new.path)
    assert killed == STEPS
    assert content(old.path) == before
