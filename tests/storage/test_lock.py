"""One process per directory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.errors import StateError
from benmo.storage.lock import DirectoryLock

DEADLINE_S = 60


HOLD = """
import sys, time
from pathlib import Path
from benmo.storage.lock import DirectoryLock
from benmo.errors import StateError
try:
    lock = DirectoryLock(Path(sys.argv[1]))
except StateError as error:
    print(error, flush=True)
    sys.exit(1)
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> "subprocess.Popen[str]":
    """Another process that takes the lock until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    with hold(tmp_path) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_who_has_the_directory(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    for _ in range(2):
        with pytest.raises(StateError) as caught:
            DirectoryLock(tmp_path)
        expected = f"{tmp_path} is in use by process {holder.pid}: one process a node"
        assert str(caught.value) == expected


def test_a_killed_process_leaves_no_lock(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.wait(DEADLINE_S)
    lock = DirectoryLock(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_released_lock_can_be_taken_by_another_process(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    answer, _ = hold(tmp_path).communicate("", DEADLINE_S)
    assert f"process {os.getpid()}" in answer
    lock.release()
    answer, _ = hold(tmp_path).communicate("", DEADLINE_S)
    assert answer == "held\n"
    DirectoryLock(tmp_path).release()
