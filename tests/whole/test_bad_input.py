"""What is wrong is told in one line, with a status that is not zero, and nothing is lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import (
    BENMO,
    NODE,
    ROOT,
    environment,
    eventually,
    run,
)
from tests.support.real_cluster import RealCluster
from tests.whole.refusals import (
    content,
    damage,
    initialize,
    require_one_line,
    require_usage,
    run_node,
)

# Root may read and write whatever it likes, unless it gave that right up before.
WITHOUT_PRIVILEGE = (
    sys.executable,
    "-c",
    "import ctypes, os, sys\n"
    "for capability in (1, 2): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


# Which node?


@pytest.mark.parametrize("program", [NODE, (*BENMO, "attach")], ids=["node", "attach"])
def test_a_number_of_no_node_is_refused(state: Path, program: tuple[str, ...]) -> None:
    before = content(state)
    finished = run_node(state, *program, node="6")
    require_one_line(finished, "there is no node 6", "nodes are 1 to 3")
    for wrong in ("0", "abc", "1.5"):
        require_usage(run_node(state, *program, node=wrong), wrong)
    require_usage(run_node(state, *program, node="-1"), "-1")
    require_usage(run(*program, "--state-dir", str(state)), "N")
    assert content(state) == before


def test_a_node_that_is_not_running_can_not_be_attached(used: RealCluster) -> None:
    finished = used.attach(2, "printBalance")
    where = f"127.0.0.1:{used.port + 1}"
    require_one_line(finished, "node 2 is not running at", where, "python -m benmo.node 2")


# What state?


@pytest.mark.parametrize("program", [NODE, (*BENMO, "attach")], ids=["node", "attach"])
def test_missing_state_is_answered_with_the_way_to_make_some(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    wanted = tmp_path / "state"
    require_one_line(run_node(wanted, *program), str(wanted), "scripts/initialize.py")
    assert not wanted.exists()


@pytest.mark.parametrize(
    ("how", "name", "parts"),
    [
        ("remove", "cluster.json", ("holds no cluster", "scripts/initialize.py")),
        ("", "cluster.json", ("cluster.json is damaged",)),
        ("{}", "cluster.json", ("cluster.json is damaged",)),
        ("[1, 2", "cluster.json", ("cluster.json is damaged",)),
        ("halve", "cluster.json", ("cluster.json is damaged",)),
        ("remove", "node-1", ("node-1 is missing", "benmo replace 1")),
        ("replace by node 2's", "node-1", ("checkpoint.json is node 2's, not node 1's",)),
        ("replace by node 2's", "node-1/checkpoint.json", ("checkpoint.json is node 2's",)),
        ("replace by node 2's", "node-1/journal.jsonl", ("journal.jsonl is node 2's",)),
        ("remove", "node-1/journal.jsonl", ("journal.jsonl is missing",)),
        ("remove", "node-1/checkpoint.json", ("checkpoint.json is missing",)),
        ("remove", "node-1/chain.jsonl", ("chain.jsonl is missing",)),
        ("alter a byte", "node-1/journal.jsonl", ("journal.jsonl, line ", "is damaged")),
        ("alter a byte", "node-1/checkpoint.json", ("checkpoint.json, line 1, is damaged",)),
        ("", "node-1/journal.jsonl", ("journal.jsonl, line 1, is damaged",)),
        ("halve", "node-1/checkpoint.json", ("checkpoint.json, line 1, is damaged",)),
        ("no key\n", "node-1/tls/key.pem", ("node-1/tls", "key")),
        ("remove", "node-1/tls/key.pem", ("node-1/tls/key.pem",)),
        ("remove", "node-1/tls/authority.pem", ("node-1/tls/authority.pem",)),
        ("replace by node 2's", "node-1/tls/key.pem", ("node-1/tls", "key")),
    ],
)
def test_damaged_state_is_told_with_its_file_and_left_as_it_is(
    state: Path, how: str, name: str, parts: tuple[str, ...]
) -> None:
    damage(state, how, name)
    before = content(state)
    remedy = ("benmo replace 1 gives it a new member",) if "node-1" in name else ()
    require_one_line(run_node(state), *parts, *remedy)
    assert content(state) == before


def test_another_clusters_state_is_not_taken(state: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert initialize(other, "--nodes=3").status == 0
    shutil.copy(other / "cluster.json", state / "cluster.json")
    before = content(state)
    told = run_node(state)
    require_one_line(told, "node-1/checkpoint.json belongs to another cluster")
    require_one_line(told, "cluster.json names cluster", "the cluster's own file back")
    assert content(state) == before


def test_a_flipped_bit_in_the_clusters_id_is_not_blamed_on_the_node(state: Path) -> None:
    path = state / "cluster.json"
    data = path.read_text()
    start = data.index('"cluster"') + len('"cluster": "')
    wrong = chr(ord(data[start]) ^ 1)
    path.write_text(data[:start] + wrong + data[start + 1 :])
    require_one_line(run_node(state), "/cluster.json names cluster", "node's certificate")


def test_another_clusters_key_does_not_attach(used: RealCluster, tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        cluster.start()
        other = tmp_path / "other"
        assert initialize(other, "--nodes=1", f"--port={cluster.port}").status == 0
        command = (*BENMO, "attach", "1", "-e", "printBalance", "--state-dir", str(other))
        require_one_line(run(*command), "node 1", f"127.0.0.1:{cluster.port}", "cluster")
        assert cluster.attach(1, "printBalance").status == 0


@pytest.mark.parametrize(
    "name",
    ["cluster.json", "node-1/tls/key.pem", "node-1/journal.jsonl", "node-1/checkpoint.json"],
)
def test_what_may_not_be_read_is_named(state: Path, name: str) -> None:
    before = content(state)
    (state / name).chmod(0o000)
    finished = run_node(state, *WITHOUT_PRIVILEGE, *NODE)
    (state / name).chmod(0o600)
    require_one_line(finished, name, "ermission denied")
    assert content(state) == before


def test_a_directory_that_may_not_be_written_is_named(state: Path) -> None:
    directory = state / "node-1"
    (directory / "lock").unlink()
    before = content(state)
    directory.chmod(0o500)
    finished = run_node(state, *WITHOUT_PRIVILEGE, *NODE)
    directory.chmod(0o700)
    require_one_line(finished, "node-1", "ermission denied")
    assert content(state) == before


# Is it free?


def test_a_port_in_use_is_named_with_its_holder(used: RealCluster) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(used.port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        eventually(lambda: used.listens(1), "the port is in use")
        before = content(used.state)
        where = f"127.0.0.1:{used.port}"
        require_one_line(run_node(used.state), where, f"rocess {holder.pid}", "http.server")
        journal = used.node_directory(1) / "journal.jsonl"
        assert content(used.state)[journal] == before[journal]
    finally:
        holder.kill()
        holder.wait()


def test_a_second_process_for_a_node_is_refused(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        cluster.start()
        first = (cluster.node_directory(1) / "lock").read_text().strip()
        require_one_line(run_node(cluster.state), "node-1 is in use", f"process {first}")
        assert cluster.attach(1, "printBalance").status == 0
        cluster.signal(1, signal.SIGTERM)
        assert cluster.ended(1) == 0
        assert run_node(cluster.state).status == 0


# Which Python?


def test_an_optimizing_python_is_refused(state: Path) -> None:
    before = content(state)
    finished = run_node(state, sys.executable, "-O", "-m", "benmo.node")
    require_one_line(finished, "without python -O")
    by_environment = run(*NODE, "1", "--state-dir", str(state), PYTHONOPTIMIZE="1")
    require_one_line(by_environment, "without python -O")
    assert content(state) == before


def test_a_python_without_packages_says_how_to_get_them(tmp_path: Path) -> None:
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benmo", tmp_path / "benmo", ignore=without_caches)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "initialize.py", tmp_path / "scripts")
    bare = (sys.executable, "-S", "-m", "benmo.node", "1")
    finished = run(*bare, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    require_one_line(finished, "packages", "python3 scripts/initialize.py")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    finished = run(*bare, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    require_one_line(finished, "packages", "source .venv/bin/activate")
