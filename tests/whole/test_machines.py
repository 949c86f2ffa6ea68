"""docs/machines.md, carried out: five machines and a desk, each with a network of its own."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.node.process import FAILED, RETIRED
from tests.support.documents import Change, Way, fences, heading_of, shown_lines, way_of
from tests.support.machines import DOCUMENT, Machine, Machines, NoNamespaces, Unit, network
from tests.support.processes import eventually

NO_SSH = Change(
    r"scp (\S+) root@10\.0\.0\.\$k:/root/", r"cp \1 ../../machine-$k/root/", "no machine runs sshd"
)
NO_SSH_OF_A_CLIENT = Change(
    r"scp -r (\S+) shop@10\.0\.0\.2:", r"cp -r \1 ../../machine-2/home/", "no machine runs sshd"
)
NO_USER = Change("benmo:benmo", "root:root", "the user is made on the machine's own disk alone")
OWN_DISK = Change(
    "^useradd", "useradd --prefix $(dirname $PWD)", "else the user is made on the tester's"
)


def pack(desk: Machine, line: str) -> None:
    """Pack the nodes' directories; nobody else at the desk may read what holds their keys."""
    desk.types(line)
    packed = list(desk.home.glob("*.tar"))
    assert len(packed) == 5
    for path in packed:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


DESK: tuple[Way[Machine], ...] = (
    Way(r"python3 scripts/initialize\.py --hosts .*", Machine.types),
    Way(r"\(umask 077; for k in 1 2 3 4 5; do tar .*; done\)", pack),
    Way(r"for k in 1 2 3 4 5; do scp .*; done", Machine.types, (NO_SSH,)),
    Way(r"rm node-\?\.tar", Machine.types),
    Way(r"find state/node-\* -maxdepth 1 -type f -delete", Machine.types),
    Way(r"benmo status", Machine.types),
    Way(r"benmo client-certificate .*", Machine.types),
    Way(r"benmo attach 2 .*", Machine.types),
    Way(r"scp -r .*", Machine.types, (NO_SSH_OF_A_CLIENT,)),
)
MACHINE: tuple[Way[Machine], ...] = (
    Way(r"python3 /opt/benmo/scripts/initialize\.py --help", Machine.types),
    Way(r"useradd .*", Machine.types, (OWN_DISK,)),
    Way(r"chown -R .*", Machine.types, (NO_USER,)),
    Way(r"(install|tar|rm) .*", Machine.types),
    Way(r"/opt/benmo/\.venv/bin/benmo (verify|export) .*", Machine.types),
    Way(r"systemctl daemon-reload", lambda _machine, _line: require_unit()),
    Way(r"systemctl (enable --now|start) benmo@2", lambda machine, _line: machine.start()),
    Way(r"systemctl stop benmo@2", lambda machine, _line: machine.stop()),
)
PLACES = {
    "Make the cluster": DESK,
    "Set a machine up": MACHINE,
    "Commands from the desk": DESK,
    "Programs that pay or read": DESK,
    "Watching over it": MACHINE,
    "Backups": MACHINE,
    "A new version": MACHINE,
}


def require_unit() -> None:
    """What systemd would find in the unit file."""
    unit = Unit.shown()
    assert "%i" in unit.command
    assert unit.final_statuses == (FAILED, RETIRED)


def follow(machine: Machine, heading: str) -> None:
    """Do at a machine what the document says under a heading."""
    lines = [line for line in shown_lines(DOCUMENT) if heading_of(line) == heading]
    assert lines
    for line in lines:
        way_of(line, PLACES[heading]).go(machine, line.text)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """All set up as the document says, and started."""
    try:
        with network() as made, Machines(made, tmp_path_factory.mktemp("machines")) as found:
            follow(found.desk, "Make the cluster")
            for machine in found.all.values():
                follow(machine, "Set a machine up")
            yield found
    except NoNamespaces as error:
        pytest.skip(str(error))


def test_each_line_of_the_document_has_its_place_and_its_way() -> None:
    for line in shown_lines(DOCUMENT):
        assert heading_of(line) in PLACES, f"{line}: no test does what is under this heading"
        way_of(line, PLACES[heading_of(line)])


def test_a_machine_has_its_own_node_alone_and_nobody_else_may_read_it(machines: Machines) -> None:
    for number, machine in machines.all.items():
        assert {path.name for path in machine.state.iterdir()} == {"cluster.json", f"node-{number}"}
        for path in (machine.state, *machine.state.rglob("*")):
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
        assert list((machine.disk / "root").iterdir()) == []


def test_the_desk_has_keys_and_no_node_can_be_started_there(machines: Machines) -> None:
    state = machines.desk.state
    kept = {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()}
    assert {path for path in kept if "/tls/" not in path} == {
        "cluster.json",
        "ca/key.pem",
        "ca/authority.pem",
    }
    machines.desk.run("python3 -m benmo.node 2 --headless", status=1)


def test_every_machine_pays_and_all_have_one_chain(machines: Machines) -> None:
    for number, machine in machines.all.items():
        credit = number % 5 + 1
        queued, decided = machine.attach(number, f"moneyTransfer 1,{number},{credit}", "wait 60")
        assert (queued["outcome"], decided["outcome"]) == ("queued", "decided")
    require_one_chain(machines)


def test_the_commands_of_the_desk_reach_a_node(machines: Machines) -> None:
    follow(machines.desk, "Commands from the desk")


def test_a_program_pays_with_a_certificate_of_its_own(machines: Machines) -> None:
    follow(machines.desk, "Programs that pay or read")
    machine = machines.all[2]
    client = machine.home / "client-shop"
    for path in (client, *client.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    (program,) = [fence.text for fence in fences(DOCUMENT) if fence.kind == "python"]
    (machine.home / "shop.py").write_text(program)
    assert "is decided in slot" in machine.run("python3 shop.py")
    machine.run("benmo attach 2 --state-dir client-shop -e 'severLink 1'", status=1)


def test_a_machine_that_loses_its_network_waits_and_goes_on(machines: Machines) -> None:
    lost, other = machines.all[3], machines.all[1]
    machines.network.plug(3, "down")
    try:
        until(lost, 3, "quorum", False)
        (queued,) = lost.attach(3, "moneyTransfer 2,3,4")
        assert queued["outcome"] == "queued"
        assert other.attach(1, "moneyTransfer 3,1,2", "wait 60")[-1]["outcome"] == "decided"
        assert lost.attach(3, "printQueue")[0][0]["id"] == queued["id"]
    finally:
        machines.network.plug(3, "up")
    assert lost.attach(3, "wait 60")[0]["outcome"] == "decided"
    require_one_chain(machines)


def test_a_new_version_is_brought_to_one_machine_while_the_others_decide(
    machines: Machines,
) -> None:
    payer = machines.all[1]
    two = machines.all[2]
    two.stop()
    assert payer.attach(1, "moneyTransfer 1,1,5", "wait 60")[-1]["outcome"] == "decided"
    two.start()
    follow(two, "A new version")
    height = payer.attach(1, "printStatus")[0]["height"]
    until(two, 2, "height", height)
    require_one_chain(machines)


def test_what_a_machine_holds_is_sound_and_can_be_exported_while_its_node_runs(
    machines: Machines,
) -> None:
    two = machines.all[2]
    assert two.attach(2, "moneyTransfer 1,2,3", "wait 60")[-1]["outcome"] == "decided"
    follow(two, "Watching over it")
    follow(two, "Backups")
    heads, *rows = (two.disk / "root" / "ledger.csv").read_text().splitlines()
    assert "debit_node" in heads
    assert rows


def until(machine: Machine, node: int, field: str, wanted: object) -> None:
    """Wait until a field of the node's `printStatus` is as wanted."""
    found: list[object] = []

    def look() -> bool:
        found[:] = [machine.attach(node, "printStatus")[0]]
        return bool(found[0][field] == wanted)  # type: ignore[index]

    eventually(look, f"{field} is {wanted}", lambda: str(found))


def require_one_chain(machines: Machines) -> None:
    """All chains become the longest of them."""
    statuses = {
        number: machine.attach(number, "printStatus")[0] for number, machine in machines.all.items()
    }
    height = max(status["height"] for status in statuses.values())
    for number, machine in machines.all.items():
        until(machine, number, "height", height)
    heads = {
        machine.attach(number, "printStatus")[0]["head"] for number, machine in machines.all.items()
    }
    assert len(heads) == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    (fence,) = [fence for fence in fences(DOCUMENT) if fence.kind == "ini"]
    text = fence.text.replace("/opt/benmo/.venv/bin/python", shutil.which("env") or "")
    unit = tmp_path / "benmo@.service"
    unit.write_text(text.replace("User=benmo", "User=root"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit).replace("@.", "@2.")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
