"""However the demo ends, its nodes end with it, and what they had on disk is whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.demo.running_demos import DEMO, QUICK, Place, place, running
from tests.support.processes import BENMO, end_process, environment, eventually, run

MOMENTS = 20
LATEST_S = 1.5
HOLDER = """
import sys
from tests.support.terminals import Terminal
shown = Terminal(*sys.argv[1:])
shown.wait_for("benmo 1>")
print("up", flush=True)
sys.stdin.read()
"""
WORK = (
    *("1> moneyTransfer 1,1,2", "2> moneyTransfer 1,2,3", "1> wait", "stop 3", "2> wait"),
    *("kill 2", "continue 3", "restart 2", "3> moneyTransfer 1,3,1", "stop 1", "3> wait"),
    *("partition 1 | 2 3", "restart 1", "heal", "slow all all 20", "1> wait", "stop 2"),
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, 3) as found:
        yield found


def feed(demo: subprocess.Popen[bytes], *lines: str) -> None:
    assert demo.stdin is not None
    with suppress(BrokenPipeError):
        demo.stdin.write("".join(f"{line}\n" for line in lines).encode())
        demo.stdin.flush()


def until_said(demo: subprocess.Popen[bytes], wanted: bytes) -> None:
    """Read what it says, up to a line with that in it."""
    assert demo.stdout is not None
    said = b""
    for line in demo.stdout:
        said += line
        if wanted in line:
            return
    raise AssertionError(f"the demo ended before it said {wanted!r}: {said.decode()}")


def test_killed_at_random_moments_it_leaves_no_process_and_a_state_that_is_whole(
    here: Place,
) -> None:
    moments = random.Random(4)
    assert here.pipe("ls", options=("--nodes", "3", *QUICK)).status == 0
    for _ in range(MOMENTS):
        with running(here, *QUICK) as demo:
            feed(demo, *WORK)
            with suppress(subprocess.TimeoutExpired):
                demo.wait(moments.uniform(0, LATEST_S))
            demo.kill()
            demo.wait()
            here.until_nobody_is_left()
    verified = run(*BENMO, "verify", str(here.state), "--format", "json")
    assert verified.status == 0, verified
    ended = here.pipe(*(f"{node}> wait 60" for node in (1, 2, 3)), "all printBalance all")
    assert ended.status == 0, ended
    ledgers = ended.values[-1]["nodes"].values()
    assert all(sum(ledger["balances"].values()) == 300 for ledger in ledgers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_a_signal_stops_the_nodes_cleanly(here: Place, number: signal.Signals) -> None:
    with running(here, "--nodes", "3", *QUICK, "--format", "json") as demo:
        feed(demo, "stop 2", "ls")
        until_said(demo, b'"up"')
        assert len(here.nodes()) == 3
        demo.send_signal(number)
        here.until_nobody_is_left()
        assert demo.wait() == 0


def test_at_the_end_of_its_input_the_nodes_leave_with_a_checkpoint(here: Place) -> None:
    assert (
        here.pipe("1> moneyTransfer 1,1,2", "1> wait", options=("--nodes", "3", *QUICK)).status == 0
    )
    for node in (1, 2, 3):
        journal = (here.state / f"node-{node}" / "journal.jsonl").read_text()
        assert '"decide"' not in journal, "it was killed, rather than left to end"
    assert not here.processes()


def test_a_closed_terminal_ends_it(here: Place) -> None:
    """Whoever holds the terminal is killed, which hangs it up."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *DEMO, *here.options, "--nodes", "3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        until_said(holder, b"up")
        assert len(here.nodes()) == 3
        holder.kill()
        holder.wait()
        here.until_nobody_is_left()
    finally:
        end_process(holder)


def test_an_interrupt_while_it_waits_ends_it_and_the_nodes(here: Place) -> None:
    with running(here, "--nodes", "3", "--election-delay", "500", "--format", "json") as demo:
        feed(demo, "ls", "1> moneyTransfer 1,1,2", "1> wait")
        until_said(demo, b"queued")
        demo.send_signal(signal.SIGINT)
        here.until_nobody_is_left()
        assert demo.wait() == 3


def test_a_node_that_ends_unasked_is_told_with_its_last_words(here: Place) -> None:
    with running(here, "--nodes", "3", *QUICK, "--format", "json") as demo:
        feed(demo, "ls")
        until_said(demo, b'"up"')
        os.kill(here.nodes()[0], signal.SIGKILL)
        until_said(demo, b"ended by SIGKILL")
        feed(demo, "ls")
        until_said(demo, b'"up":false')


def test_a_node_that_can_not_start_is_told_and_the_others_go_on(here: Place) -> None:
    assert here.pipe("ls", options=("--nodes", "3", *QUICK)).status == 0
    checkpoint = here.state / "node-2" / "checkpoint.json"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"1", b"2"))
    ended = here.pipe("1> moneyTransfer 1,1,3", "1> wait 60", "all printBalance")
    assert ended.status == 0, ended
    assert "node 2 ended with status 1: benmo: " in ended.err
    assert "checkpoint.json" in ended.err
    assert ended.values[-1]["nodes"]["2"]["reason"] == "node 2 is not running"


def test_two_demos_do_not_share_a_state(here: Place) -> None:
    with running(here, "--nodes", "3", *QUICK, "--format", "json") as demo:
        feed(demo, "ls")
        until_said(demo, b'"up"')
        second = here.pipe("ls")
        assert second.status == 1
        assert "is in use by process" in second.err
        assert "A demo runs there already" in second.err
        assert "--state-dir" in second.err and "--port" in second.err
        third = here.pipe("ls", options=("--fresh",))
        assert third.status == 1
        feed(demo, "1> moneyTransfer 1,1,2", "1> wait 60")
        until_said(demo, b'"decided"')
    eventually(lambda: not here.processes(), "all ended")
