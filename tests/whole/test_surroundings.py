"""What a program finds at its start: a folder of files, signals that are ignored, no input."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.running_demos import DEMO, Place, place
from tests.support.processes import (
    DEADLINE_S,
    NODE,
    ROOT,
    end_process,
    environment,
    eventually,
    run,
)
from tests.support.real_cluster import RealCluster

SHADOWS = ("random", "queue", "struct", "logging", "asyncio")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files that are named like modules of Python's."""
    made = tmp_path / "folder"
    made.mkdir()
    for name in SHADOWS:
        (made / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    return made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, 3) as found:
        yield found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    with RealCluster(tmp_path, 1) as made:
        yield made


def test_modules_in_the_current_folder_are_not_taken_for_pythons_own(
    folder: Path, here: Place
) -> None:
    demo = (sys.executable, str(ROOT / "scripts" / "demo.py"), *here.options, "--nodes", "3")
    shown = run(*demo, "-e", "ls", cwd=folder)
    assert (shown.status, shown.err) == (0, ""), shown
    shown = run(*NODE, "1", "--state-dir", str(here.state), typed="printBalance\n", cwd=folder)
    assert (shown.status, shown.err) == (0, ""), shown


def ignoring_hangups(*command: str) -> subprocess.Popen[bytes]:
    """Start a program as `nohup` does, but with its output on a pipe."""
    return subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
    )


def is_ignored(process: int, number: signal.Signals) -> bool:
    lines = Path("/proc", str(process), "status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) & 1 << number - 1)


def test_a_node_that_is_to_ignore_hangups_does(cluster: RealCluster) -> None:
    node = ignoring_hangups(*NODE, "1", "--headless", *cluster.state_option)
    try:
        eventually(lambda: cluster.listens(1), "it listens")
        node.send_signal(signal.SIGHUP)
        assert cluster.attach(1, "printBalance").status == 0
        assert is_ignored(node.pid, signal.SIGHUP)
        node.send_signal(signal.SIGTERM)
        assert node.wait(DEADLINE_S) == 0
    finally:
        end_process(node)


def test_a_demo_that_is_to_ignore_hangups_does(here: Place) -> None:
    demo = ignoring_hangups(*DEMO, *here.options, "--nodes", "3", "--format", "json")
    try:
        assert demo.stdin is not None and demo.stdout is not None
        demo.stdin.write(b"ls\n")
        demo.stdin.flush()
        assert b'"up"' in demo.stdout.readline()
        demo.send_signal(signal.SIGHUP)
        demo.stdin.write(b"1> printBalance\n")
        demo.stdin.flush()
        assert b'"balance":100' in demo.stdout.readline()
        demo.stdin.close()
        assert demo.wait(DEADLINE_S) == 0
    finally:
        end_process(demo)


@pytest.mark.parametrize("given", ["</dev/null", "<&-"])
def test_a_node_without_any_input_names_the_option_that_keeps_it_running(
    given: str, cluster: RealCluster
) -> None:
    ended = run("sh", "-c", f'exec "$@" {given}', "sh", *NODE, "1", *cluster.state_option)
    assert (ended.status, ended.out) == (0, "")
    assert "--headless" in ended.err and ended.err.count("\n") == 1
    assert run(*NODE, "1", *cluster.state_option).err == "", "an empty pipe is what was wanted"


def test_a_node_that_can_not_kill_itself_ends_all_the_same(cluster: RealCluster) -> None:
    """As the first process of a container can't."""
    program = "import os; os.kill = lambda *_: None; from benmo.node.__main__ import main; main()"
    typed = "moneyTransfer 1,1,1\n"
    ended = run(
        sys.executable, "-c", program, "1", *cluster.state_option, typed="crashNode\n" + typed
    )
    assert (ended.status, ended.out) == (128 + signal.SIGKILL, ""), ended


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_a_node_that_is_stopped_before_it_has_begun_ends_well(
    number: signal.Signals, cluster: RealCluster
) -> None:
    program = (
        "import os\n"
        "from benmo.node import __main__ as program\n"
        f"program.why_not = lambda: os.kill(os.getpid(), {int(number)}) or ''\n"
        "program.main()\n"
    )
    ended = run(sys.executable, "-c", program, "1", *cluster.state_option)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
