"""Whatever the machine fails at, each program says so in one line, with the right exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import BENMO, INITIALIZE, NODE, ROOT, environment, run
from tests.support.real_cluster import RealCluster
from tests.support.terminals import Terminal

DEMO = (sys.executable, str(ROOT / "scripts" / "demo.py"))
PROGRAMS: dict[str, tuple[str, ...]] = {
    "scripts/initialize.py": (*INITIALIZE, "--yes", "--state-dir"),
    "scripts/demo.py": (*DEMO, "-e", "ls", "--state-dir"),
    "python -m benmo.node": (*NODE, "1", "--state-dir"),
    "initialize": (*BENMO, "initialize", "--yes", "--state-dir"),
    "demo": (*BENMO, "demo", "-e", "ls", "--state-dir"),
    "node": (*BENMO, "node", "1", "--state-dir"),
    "attach": (*BENMO, "attach", "1", "-e", "printBalance", "--state-dir"),
    "status": (*BENMO, "status", "--state-dir"),
    "verify": (*BENMO, "verify"),
    "export": (*BENMO, "export", "--format", "csv", "--state-dir"),
    "client-certificate": (*BENMO, "client-certificate", "shop", "--state-dir"),
    "add": (*BENMO, "add", "--state-dir"),
    "move": (*BENMO, "move", "1", "--port", "10000", "--state-dir"),
    "remove": (*BENMO, "remove", "1", "--state-dir"),
    "replace": (*BENMO, "replace", "1", "--state-dir"),
}
ANSWERING: dict[str, tuple[str, ...]] = {
    "attach": (*BENMO, "attach", "1", "-e", "printBalance", "--state-dir"),
    "status": (*BENMO, "status", "--state-dir"),
    "verify": (*BENMO, "verify"),
    "export": (*BENMO, "export", "--format", "csv", "--state-dir"),
    "client-certificate": (*BENMO, "client-certificate", "shop", "--state-dir"),
    "initialize": (*BENMO, "initialize", "--yes", "--nodes", "1", "--port", "10000", "--state-dir"),
    "replace": (*BENMO, "replace", "3", "--state-dir"),
    "rescue": (*BENMO, "rescue", "--accept-loss", "--state-dir"),
}
HELP = {
    "benmo": BENMO,
    "scripts/initialize.py": INITIALIZE,
    "scripts/demo.py": DEMO,
    "python -m benmo.node": NODE,
    "simulate": (*BENMO, "simulate"),
    "explore": (*BENMO, "explore"),
    "bench": (*BENMO, "bench"),
    "torture": (sys.executable, str(ROOT / "scripts" / "torture.py")),
}
FULL = b"benmo: the answer can't be written: No space left on device\n"
_NO_LOCKS = """
import errno, fcntl, os, sys
def flock(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
from benmo.cli import main
main(prog_name="benmo")
"""


@pytest.mark.parametrize(
    "command",
    [
        (*NODE, "1", "--state-dir", "nowhere"),
        (*BENMO, "replace", "3", "--state-dir", "nowhere"),
        (*BENMO, "attach", "three"),
    ],
    ids=str,
)
def test_an_error_on_a_terminal_is_broken_between_words(command: tuple[str, ...]) -> None:
    """A terminal by itself breaks a line within a word."""
    whole = run(*command)
    shown = Terminal(*command, columns=47, cwd=ROOT)
    try:
        assert shown.wait_exit() == whole.status
        lines = shown.raw.decode().splitlines()
        assert len(lines) > whole.err.count("\n")
        assert " ".join(lines).split() == whole.err.split()
    finally:
        shown.close()


def too_long(directory: Path) -> Path:
    return directory / ("x" * 300)


def below_a_file(directory: Path) -> Path:
    (directory / "file").write_text("")
    return directory / "file" / "state"


def in_a_circle(directory: Path) -> Path:
    (directory / "circle").symlink_to("circle")
    return directory / "circle" / "state"


def full(*command: str) -> subprocess.CompletedProcess[bytes]:
    with open("/dev/full", "wb") as device:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=device,
            stderr=subprocess.PIPE,
            timeout=180,
            env=environment(),
            check=False,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Nodes 1 and 2 of three run."""
    with RealCluster(tmp_path_factory.mktemp("failures"), 3) as made:
        made.start(1, 2)
        yield made


@pytest.mark.parametrize("place", [too_long, below_a_file, in_a_circle])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_place_where_nothing_can_be(
    program: str, place: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = place(tmp_path)
    ended = run(*PROGRAMS[program], str(path))
    assert (ended.status, ended.out) == (1, ""), ended
    assert ended.err.startswith("benmo: ") and ended.err.count("\n") == 1, ended.err
    assert str(path) in ended.err


@pytest.mark.parametrize("place", [too_long, below_a_file, in_a_circle])
@pytest.mark.parametrize("words", ["export --format csv -o", "client-certificate shop --output"])
def test_a_place_where_nothing_can_be_written(
    words: str, place: Callable[[Path], Path], cluster: RealCluster, tmp_path: Path
) -> None:
    path = place(tmp_path)
    ended = run(*BENMO, *words.split(), str(path), *cluster.state_option)
    assert (ended.status, ended.out) == (1, ""), ended
    assert ended.err.startswith(f"benmo: {path} can't be ") and ended.err.count("\n") == 1, ended


@pytest.mark.parametrize("program", ANSWERING)
def test_an_answer_to_a_full_disk(program: str, cluster: RealCluster, tmp_path: Path) -> None:
    state = tmp_path / "state" if program in ("initialize", "rescue") else cluster.state
    source = ("--from", str(cluster.node_directory(3))) if program == "rescue" else ()
    ended = full(*ANSWERING[program], str(state), *source)
    assert (ended.returncode, ended.stderr) == (3, FULL)


@pytest.mark.parametrize("program", HELP)
def test_help_to_a_full_disk(program: str) -> None:
    ended = full(*HELP[program], "--help")
    assert (ended.returncode, ended.stderr) == (3, FULL)


def test_a_reader_that_leaves_is_told_nothing(cluster: RealCluster) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for command in (*ANSWERING["status"], str(cluster.state)), (*BENMO, "--help"):
        ended = subprocess.run(
            command,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=180,
            env=environment(),
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (3, b"")
    os.close(writing)


@pytest.mark.parametrize("program", ["node 1", "demo -e ls", "initialize --yes"])
def test_a_disk_without_locks(program: str, tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        ended = run(sys.executable, "-c", _NO_LOCKS, *program.split(), *cluster.state_option)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"benmo: {cluster.state / 'node-1' / 'lock'}: No locks available")
    assert ended.err.count("\n") == 1


def test_files_without_locks_can_be_verified(cluster: RealCluster) -> None:
    ended = run(sys.executable, "-c", _NO_LOCKS, "verify", str(cluster.state))
    assert (ended.status, ended.err) == (0, ""), ended


def remove(key: Path) -> None:
    key.unlink()


def damage(key: Path) -> None:
    key.write_text("no key")


def hide(key: Path) -> None:
    key.unlink()
    key.mkdir()


@pytest.mark.parametrize("spoil", [remove, damage, hide])
def test_status_shows_its_table_where_one_nodes_key_can_not_be_used(
    spoil: Callable[[Path], None], cluster: RealCluster
) -> None:
    key = cluster.state / "node-2" / "tls" / "key.pem"
    before = key.read_bytes()
    try:
        spoil(key)
        shown = run(*BENMO, "status", *cluster.state_option)
        told = run(*BENMO, "status", "--format", "json", *cluster.state_option)
    finally:
        if key.is_dir():
            key.rmdir()
        key.write_bytes(before)
    assert (shown.status, shown.err, told.status) == (0, "", 0), shown
    assert "1 of them can't be asked from here" in shown.out
    assert "node 2 can't be asked: " in shown.out
    assert [node["up"] for node in told.values[0]] == [True, None, False]
    assert str(key) in told.values[0][1]["reason"]


@pytest.mark.parametrize("name", ["checkpoint.json", "journal.jsonl", "chain.jsonl", "lock"])
@pytest.mark.parametrize("program", ["verify", "export"])
def test_a_file_that_can_not_be_read(program: str, name: str, tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        path = cluster.state / "node-1" / name
        path.unlink(missing_ok=True)
        path.symlink_to(path)
        ended = run(*PROGRAMS[program], str(cluster.state))
    assert ended.status == 1
    assert str(path) in ended.err + ended.out
    assert "Traceback" not in ended.err
