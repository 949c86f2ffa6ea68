"""`benmo rescue`: what it says, and the cluster that it makes."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.commands.answers import Status
from benmo.ledger.blocks import Outcome, encode_block
from benmo.ledger.ledger import Ledger
from benmo.paxos.types import Ballot
from tests.admin.rescue_cases import BLOCKS, KEPT, accept, opened, refusal, rescue, write_more
from tests.support.engine_cluster import CLUSTER
from tests.support.processes import run
from tests.support.written_state import content, empty_state, write_node
from tests.support.written_storage import BALANCES


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
