"""What a script may believe when an answer doesn't reach it: 1 only where nothing can apply."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benmo.commands.answers import Status
from benmo.network.frames import FRAME_BYTES_MAX
from tests.support.processes import BENMO, NODE, environment, eventually, run
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Node 1 of three, alone; nodes 2 and 3 are down."""
    options = {"log_limit": "100"}
    with RealCluster(tmp_path_factory.mktemp("shared"), 3, election_delay="0", **options) as made:
        made.start(1)
        yield made


def queued(cluster: RealCluster) -> int:
    return len(cluster.attach(1, "printQueue").values[0])


@pytest.mark.parametrize("form", ["table", "json"])
def test_an_answer_that_the_disk_has_no_room_for_is_unknown(shared: RealCluster, form: str) -> None:
    before = queued(shared)
    command = [*BENMO, "attach", "1", *shared.state_option, "--format", form]
    with open("/dev/full", "wb") as full:
        pays = [*command, "-e", "moneyTransfer 1,1,2"]
        ended = subprocess.run(
            pays, stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
        )
    assert ended.returncode == Status.UNKNOWN, ended
    assert ended.stderr == b"benmo: the answer can't be written: No space left on device\n"
    assert queued(shared) == before + 1


def test_an_answer_that_nobody_reads_any_more_is_unknown(shared: RealCluster) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pays = [*BENMO, "attach", "1", *shared.state_option, "-e", "moneyTransfer 1,1,2"]
    try:
        ended = subprocess.run(
            pays, stdout=writer, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert ended.returncode == Status.UNKNOWN, ended
    assert ended.stderr == b"benmo: the answer can't be written: Broken pipe\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_whoever_wants_no_answer_is_given_none(shared: RealCluster, closed: str) -> None:
    before = queued(shared)
    pays = [*BENMO, "attach", "1", *shared.state_option, "-e", "moneyTransfer 1,1,2"]
    ended = run("sh", "-c", f'exec "$@" {closed}', "sh", *pays)
    assert ended.status == Status.DONE, ended
    assert queued(shared) == before + 1


def test_a_line_that_is_too_long_is_refused(shared: RealCluster) -> None:
    typed = f"printBalance\nhelp {'x' * FRAME_BYTES_MAX}\n"
    ended = run(*BENMO, "attach", "1", *shared.state_option, "--format", "json", typed=typed)
    assert ended.status == Status.REFUSED, ended.err
    assert ended.values[1] == {
        "outcome": "refused",
        "reason": "that is too much for one request",
    }


def test_a_wait_for_a_node_that_is_down_says_nothing_of_what_was_queued(
    shared: RealCluster,
) -> None:
    waited = shared.attach(2, "wait")
    assert waited.status == Status.UNKNOWN
    assert waited.values[0]["outcome"] == "unknown"
    assert "node 2 is not running" in waited.values[0]["reason"]
    commented = shared.attach(2, "", "# what became of it?", "wait")
    assert commented.status == Status.UNKNOWN
    paid = shared.attach(2, "moneyTransfer 1,2,1")
    assert (paid.status, paid.out) == (Status.REFUSED, "")


# A node that is fed by a pipe.

_TELLS_WHAT_IT_BEGINS = """
import sys
from benmo.node import own_node, process
from benmo.node.__main__ import main

execute, standard_input = own_node.execute, process.standard_input

def lines():
    for line in standard_input():
        yield line
        print("wants another line", file=sys.stderr, flush=True)

def begin(*arguments):
    print("begun", file=sys.stderr, flush=True)
    return execute(*arguments)

own_node.execute, process.standard_input = begin, lines
main()
"""


def test_a_node_whose_answer_can_not_be_written_blames_what_it_was_to_be_written_to(
    tmp_path: Path,
) -> None:
    with RealCluster(tmp_path, 3) as cluster, open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*NODE, "1", *cluster.state_option],
            input=b"moneyTransfer 1,1,2\n",
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=60,
            check=False,
        )
        assert ended.returncode == Status.UNKNOWN, ended
        assert ended.stderr == b"benmo: the answer can't be written: No space left on device\n"
        cluster.start(1)
        assert queued(cluster) == 1


def test_a_node_whose_answer_nobody_takes_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """The pipe is full; SIGTERM comes while the answer is being written, or before."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with RealCluster(tmp_path, 3) as cluster:
        node = subprocess.Popen(
            [*NODE, "1", *cluster.state_option],
            stdin=subprocess.PIPE,
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        try:
            assert node.stdin is not None
            node.stdin.write(b"moneyTransfer 1,1,2\n")
            node.stdin.flush()
            eventually(lambda: cluster.listens(1) and queued(cluster) == 1, "it is queued")
            node.send_signal(signal.SIGTERM)
            assert node.wait(60) == Status.UNKNOWN
        finally:
            node.kill()
            node.communicate()
            os.close(writer)
            os.close(reader)


def test_a_node_that_takes_long_to_stop_is_given_the_time(tmp_path: Path) -> None:
    """Longer than it takes until a signal comes again that was not heeded."""
    program = (
        "import time\n"
        "from benmo.node import process\n"
        "from benmo.node.__main__ import main\n"
        "stop = process.Service.stop\n"
        "def slowly(service):\n"
        "    time.sleep(2 * process._AGAIN_S)\n"
        "    stop(service)\n"
        "    print('stopped')\n"
        "process.Service.stop = slowly\n"
        "main()\n"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        with RealCluster(tmp_path / number.name, 3) as cluster:
            node = subprocess.Popen(
                [sys.executable, "-c", program, "1", "--headless", *cluster.state_option],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
            )
            try:
                assert node.stderr is not None
                assert b"listens" in node.stderr.readline()
                node.send_signal(number)
                out, err = node.communicate(timeout=60)
            finally:
                node.kill()
            assert (node.returncode, out) == (0, b"stopped\n")
            assert err.decode().splitlines()[-1].endswith(f"{number.name}: node 1 stopped")


def test_a_node_without_a_standard_input_has_no_commands(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        ended = run("sh", "-c", 'exec "$@" <&-', "sh", *NODE, "1", *cluster.state_option)
        assert (ended.status, ended.out) == (Status.DONE, "")
        assert ended.err == (
            "benmo: standard input is empty, so the node leaves at once: "
            "--headless keeps it running\n"
        )


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        (b"moneyTransfer 1,1,2\n", Status.DONE),
        (b"moneyTransfer 1,1,2\nwait 100\n", Status.UNKNOWN),
    ],
)
def test_a_node_that_is_told_to_end_says_whether_it_owes_an_answer(
    tmp_path: Path, typed: bytes, status: Status
) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        node = subprocess.Popen(
            [sys.executable, "-c", _TELLS_WHAT_IT_BEGINS, "1", *cluster.state_option],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        try:
            assert node.stdin is not None and node.stdout is not None and node.stderr is not None
            node.stdin.write(typed)
            node.stdin.flush()
            told = [node.stderr.readline() for _ in range(2 if status is Status.DONE else 3)]
            assert told == [b"begun\n", b"wants another line\n", b"begun\n"][: len(told)]
            assert b"queued" in node.stdout.readline()
            node.send_signal(signal.SIGTERM)
            assert node.wait(60) == status
        finally:
            node.kill()
            node.communicate()
