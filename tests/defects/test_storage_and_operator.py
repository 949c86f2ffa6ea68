"""Defects 34 to 40 of the original: files that tore, locks that jammed, nodes that fell over."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from click.testing import CliRunner

from benmo.admin.initialize import main as initialize
from benmo.engine.engine import Engine
from benmo.engine.surroundings import Limits
from benmo.errors import StateError
from benmo.ledger.transfers import Run
from benmo.node.service import Service
from benmo.notices import Notice
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Prepare
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot, Settings
from benmo.sim.disk import MemoryDisk, PowerCut
from benmo.storage.journal import NodeState, QueueRecord
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.instances import CountingDisk, NoTransport, node_with_blocks
from tests.support.mixed_cluster import MixedCluster, answer, command, one_line, run
from tests.support.numbered_nodes import opened
from tests.support.processes import BENMO, NODE, ROOT, eventually
from tests.support.replicas import received
from tests.support.terminals import Terminal


def _with_old_and_new_blocks() -> tuple[MemoryDisk, NodeState]:
    """All three files hold something, and what they tell together."""
    disk = MemoryDisk()
    storage, state = node_with_blocks(disk, 2)
    storage.checkpoint(state.durable, state.ledger, state.queue)
    storage.append((PromiseRecord(Ballot(8, 2)), QueueRecord(Run(1, 2, (3,), (6,)))))
    storage.sync()
    return disk, opened(disk, CLUSTER, 1)[1]


@pytest.mark.parametrize("harmed", ["each write of a checkpoint", JOURNAL, CHECKPOINT, CHAIN])
def test_defect_34_a_crash_harms_no_file_and_damage_of_one_is_noticed(harmed: str) -> None:
    disk, state = _with_old_and_new_blocks()
    if harmed not in disk.names():
        operations = 0
        while _checkpoint_cut_at(operations):
            operations += 1
        assert operations > 5
        return
    data = disk.read(harmed)
    for index in range(len(data)):
        for mask in (1, 0x20, 0xFF):
            flipped = bytes((data[index] ^ mask,))
            disk.overwrite(harmed, data[:index] + flipped + data[index + 1 :])
            with pytest.raises(StateError, match=harmed):
                opened(disk.copy(), CLUSTER, 1)[0].read(1, 1 << 20)
    disk.overwrite(harmed, data)
    assert opened(disk, CLUSTER, 1)[1].durable == state.durable


def _checkpoint_cut_at(operation: int) -> bool:
    """Cut the power at an operation; nothing is lost. False if there is no such operation."""
    disk, state = _with_old_and_new_blocks()
    storage, _ = opened(disk, CLUSTER, 1)
    left = operation

    def cut(_operation: str, _name: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise PowerCut

    disk.before = cut
    try:
        storage.checkpoint(state.durable, state.ledger, state.queue)
    except PowerCut:
        survivors = [disk.after_power_cut(Random(seed)) for seed in range(20)]
        for survivor in (disk.copy(), disk.after_power_cut(), *survivors):
            storage, found = opened(survivor, CLUSTER, 1)
            assert found.durable == state.durable
            assert (found.queue, found.ledger.balances) == (state.queue, state.ledger.balances)
            assert [applied.block.slot for applied in storage.read(1, 1 << 20)] == [1, 2]
        return True
    return False


_LOCKS = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Barrier"}
_MODULES_OF_LOCKS = {"threading", "asyncio", "multiprocessing", "_thread"}


def test_defect_35_there_is_no_lock_to_jam_however_much_happens_at_once(tmp_path: Path) -> None:
    for file in (ROOT / "benmo").rglob("*.py"):
        names: set[str] = set()
        locks: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Name(name) | ast.Attribute(attr=name) | ast.alias(name=name):
                    names.add(name)
            match node:
                case ast.ImportFrom(module, aliases) if module in _MODULES_OF_LOCKS:
                    locks.update(alias.name for alias in aliases)
                case ast.Attribute(ast.Name(module), name) if module in _MODULES_OF_LOCKS:
                    locks.add(name)
        assert not locks & _LOCKS, f"{file} has a lock"
        if file.parent.name in ("paxos", "ledger", "engine"):
            assert not names & {"threading", "asyncio", "socket"}, f"{file} is not pure"
    with MixedCluster(tmp_path, log_limit=1000) as cluster:
        services = [cluster.service(node) for node in cluster.definition.ids]

        leavers = _watch_once(services[0], 5)
        lines = ["moneyTransfer 1,1,2", "severLink 2", "restoreLink all", "moneyTransfer 1,1,3"]
        threads = [
            Thread(target=lambda: [command(services[0], line) for line in lines * 10])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert answer(services[0], "wait 60")["outcome"] == "decided"
        assert answer(services[0], "printBalance")["balance"] == 100 - 4 * 20
        eventually(lambda: all(told for told in leavers), "all that watched have left")
        assert all(told == leavers[0] for told in leavers), "each of them of the first notice"


def _watch_once(service: Service, watchers: int) -> list[list[Notice]]:
    """Watchers that leave at the first notice, while it is being told to the others."""

    def add(told: list[Notice]) -> None:
        def leave(notice: Notice, _at: float) -> None:
            told.append(notice)
            stop_watching()

        stop_watching = service.watch(leave)

    async def add_all() -> list[list[Notice]]:
        leavers: list[list[Notice]] = [[] for _ in range(watchers)]
        for told in leavers:
            add(told)
        return leavers

    return service.call(add_all()).result(60)


def _remove(name: str) -> Callable[[Path], None]:
    return lambda state: (state / name).unlink()


def _write(name: str, data: bytes) -> Callable[[Path], None]:
    def write(state: Path) -> None:
        (state / name).write_bytes(data)

    return write


def _cut(name: str) -> Callable[[Path], None]:
    """Only the first half is left."""
    return lambda state: os.truncate(state / name, (state / name).stat().st_size // 2)


def _nothing(state: Path) -> None:
    state.rename(state.with_name("elsewhere"))


def _no_node(state: Path) -> None:
    (state / "node-1").rename(state / "elsewhere")


@pytest.mark.parametrize(
    ("harm", "names"),
    [
        (_nothing, "scripts/initialize.py"),
        (_no_node, "benmo replace 1"),
        (_remove("cluster.json"), "scripts/initialize.py"),
        (_cut("cluster.json"), "cluster.json"),
        (_write("cluster.json", b"\xff[]"), "cluster.json"),
        (_remove(f"node-1/{JOURNAL}"), JOURNAL),
        (_remove(f"node-1/{CHECKPOINT}"), CHECKPOINT),
        (_remove(f"node-1/{CHAIN}"), CHAIN),
        (_cut(f"node-1/{CHECKPOINT}"), CHECKPOINT),
        (_write(f"node-1/{CHECKPOINT}", b""), CHECKPOINT),
        (_write(f"node-1/{JOURNAL}", b""), JOURNAL),
        (_write(f"node-1/{JOURNAL}", b"\x00\n"), JOURNAL),
        (_write("node-1/tls/key.pem", b"?"), "node-1/tls"),
        (_remove("node-1/tls/authority.pem"), "node-1/tls"),
    ],
)
def test_defect_36_missing_or_torn_state_is_told_in_one_line(
    tmp_path: Path, harm: Callable[[Path], None], names: str
) -> None:
    with MixedCluster(tmp_path) as cluster:
        harm(cluster.state.path)
        failed = run((*NODE, "1", "--state-dir", str(cluster.state.path)))
        assert failed.returncode == 1
        line = one_line(failed.stderr)
        assert line.startswith("benmo: ")
        assert names in line
        assert failed.stdout == b""


def test_defect_37_what_a_promise_or_a_block_costs_does_not_grow_with_the_chain() -> None:
    promise_bytes, checkpoint_bytes = {}, {}
    for blocks in (1000, 2000):
        disk = CountingDisk()
        storage, state = node_with_blocks(disk, blocks)
        settings = Settings(1, numbered_member(1))
        engine = Engine(settings, Limits(), state, storage, NoTransport(), Random(0), 0.0)
        engine.checkpoint()
        before = disk.written
        engine.turn([received(2, Prepare(Ballot(8, 2)))], 0.0)
        promise_bytes[blocks] = disk.written - before
        before = disk.written
        engine.checkpoint()
        checkpoint_bytes[blocks] = disk.written - before
        assert engine.ledger.height == blocks
    assert 0 < promise_bytes[1000] == promise_bytes[2000] < 200
    assert checkpoint_bytes[1000] + 10 > checkpoint_bytes[2000] > 0


_MISTYPED = (
    "a,b,c",
    "moneyTransfer a,b,c",
    "moneyTransfer 10",
    "moneyTransfer 1,1,2,3",
    "pri",
    ",",
)


@pytest.mark.parametrize("way", ["prompt", "attached", "pipe"])
def test_defect_38_neither_a_typing_error_nor_the_end_of_input_kills_a_node(
    tmp_path: Path, way: str
) -> None:
    with MixedCluster(tmp_path) as cluster:
        where = ("--state-dir", str(cluster.state.path))
        if way == "prompt":
            _mistype_at_the_prompt((*NODE, "1", *where))
        elif way == "attached":
            process = cluster.process(1)
            attach = (*BENMO, "attach", "1", *where)
            for typed in (*_MISTYPED, "printQueue \udcff"):
                mistyped = run((*attach, "-e", typed))
                assert mistyped.returncode == 2
                one_line(mistyped.stderr)
            assert run(attach).returncode == 0, "the end of input"
            shown = run((*attach, "-e", "printBalance")).stdout
            assert b"node 1 has 100" in shown
            assert process.poll() is None
        else:
            lines = [(line.encode(), "strict") for line in _MISTYPED]
            lines += [(b"printQueue \xff", "strict"), (b"printQueue \xff", "surrogateescape")]
            for line, errors in lines:
                encoding = f"utf-8:{errors}"
                ended = run((*NODE, "1", *where), line + b"\n", PYTHONIOENCODING=encoding)
                assert ended.returncode == 2, "it stops at an error, and in order"
                one_line(ended.stderr)
            ended = run((*NODE, "1", *where), b"printBalance")
            assert (ended.returncode, ended.stderr) == (0, b"")


def _mistype_at_the_prompt(arguments: tuple[str, ...]) -> None:
    with closing(Terminal(*arguments, cwd=ROOT)) as terminal:
        terminal.wait_for("benmo 1>")
        for line in _MISTYPED:
            terminal.type(f"{line}\r")
        terminal.type("moneyTransfer\r")
        terminal.wait_for("amount,debit_node,credit_node:")
        terminal.type("a,b,c\r")
        terminal.type("printBalance\r")
        terminal.wait_for("node 1 has 100")
        assert "Traceback" not in terminal.all_text()
        assert terminal.process.poll() is None
        terminal.type("\x04")
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize("nodes", [1, 3, 7])
def test_defect_39_any_number_of_nodes_at_any_address_and_money_only_to_them(
    tmp_path: Path, nodes: int
) -> None:
    hosts = ",".join(f"host-{number}.example" for number in range(nodes))
    path = tmp_path / "elsewhere"
    arguments = ["--state-dir", str(path), "--hosts", hosts, "--port", "7"]
    assert CliRunner().invoke(initialize, arguments).exit_code == 0
    with MixedCluster(tmp_path, nodes) as cluster:
        made = cluster.state.__class__(path).load()
        assert [str(address) for address in made.nodes] == [
            f"{host}:7" for host in hosts.split(",")
        ]
        services = [cluster.service(node) for node in cluster.definition.ids]
        for absent in (nodes + 1, 0, -1, 99):
            refused = answer(services[-1], f"moneyTransfer 10,{nodes},{absent}")
            assert refused["outcome"] == "refused"
            assert f"there is no node {absent}" in refused["reason"]
        if nodes > 1:
            assert answer(services[-1], f"moneyTransfer 10,{nodes},1")["outcome"] == "queued"
            assert answer(services[-1], "wait 60")["outcome"] == "decided"
            eventually(lambda: answer(services[0], "printBalance")["balance"] == 110, "it is paid")


@pytest.mark.parametrize("moment", ["idle", "with a queue", "in mid-instance", "from a pipe"])
def test_defect_40_crash_node_kills_at_once_and_nothing_is_flushed(
    tmp_path: Path, moment: str
) -> None:
    with MixedCluster(tmp_path) as cluster:
        where = ("--state-dir", str(cluster.state.path))
        pays = ("-e", "moneyTransfer 10,1,2") if moment != "idle" else ()
        if moment == "from a pipe":
            script = b"moneyTransfer 10,1,2\ncrashNode\nexit\n"
            crashed = run((*NODE, "1", *where), script)
            assert crashed.stdout.startswith(b"queued 1-1")
            assert crashed.returncode == -9
            assert _journal_types(cluster) == ["open", "queue"]
        else:
            process, peer = cluster.process(1), cluster.peer(2)
            if moment == "in mid-instance":
                peer.dial(1)
            assert run((*BENMO, "attach", "1", *where, *pays)).returncode == 0
            if moment == "in mid-instance":
                eventually(lambda: peer.messages(Prepare), "it campaigns")
            run((*BENMO, "attach", "1", *where, "-e", "crashNode"))
            assert process.wait(60) == -9
            expected = {"idle": ["open"], "with a queue": ["open", "queue"]}
            assert _journal_types(cluster)[:3] == expected.get(moment, ["open", "queue", "promise"])
        again = run((*NODE, "1", *where), b"printQueue\n")
        assert again.returncode == 0
        assert (b"1-1" in again.stdout) == bool(pays)


def _journal_types(cluster: MixedCluster) -> list[str]:
    data = (cluster.state.node(1) / JOURNAL).read_bytes()
    return [json.loads(line)["type"] for line in data.splitlines()]
