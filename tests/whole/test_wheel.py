"""The wheel is all that a user needs: built here, installed and used where no clone can be seen."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import _bootstrap
import pytest

import benmo
from benmo.cli import ENTRIES
from tests.support.processes import (
    DEADLINE_S,
    ROOT,
    Finished,
    end_process,
    environment,
    eventually,
    run,
)
from tests.support.real_cluster import free_ports


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment in which the wheel is installed, and an empty folder to work in."""

    prefix: Path
    folder: Path

    def program(self, name: str) -> str:
        """A program of this environment: `python`, `benmo`."""
        return str(self.prefix / "bin" / name)

    def run(self, name: str, *words: str, typed: str = "", **more: str) -> Finished:
        """Run it to its end, in the folder, with nothing of the clone on Python's path."""
        variables = {"PYTHONPATH": "", **more}
        return run(self.program(name), *words, typed=typed, cwd=self.folder, **variables)

    def answer(self, code: str) -> str:
        """What a program in Python prints."""
        finished = self.run("python", "-c", code)
        assert finished.status == 0, finished
        return finished.out.strip()

    @contextmanager
    def node(self, node: int) -> Iterator[subprocess.Popen[bytes]]:
        """Run a node without a prompt; it takes commands while this lasts."""
        process = subprocess.Popen(
            [self.program("benmo"), "node", str(node), "--headless"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(PYTHONPATH=""),
        )
        try:
            eventually(lambda: self.attach(node, "printStatus").status == 0, f"node {node} answers")
            yield process
        finally:
            end_process(process)

    def attach(self, node: int, line: str) -> Finished:
        return self.run("benmo", "attach", str(node), "-e", line, "--format", "json")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the clone as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    built = run(*command, "--directory", str(folder), cwd=ROOT)
    assert built.status == 0, built
    (path,) = folder.glob("benmo-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel by pip; what it depends on is lent by the tests' own environment."""
    prefix = tmp_path_factory.mktemp("environment")
    made = run(sys.executable, "-m", "venv", "--without-pip", str(prefix))
    assert made.status == 0, made
    installed = Installed(prefix, tmp_path_factory.mktemp("elsewhere"))
    pip = ("-m", "pip", "--isolated", "--python", installed.program("python"), "install")
    offline = ("--no-index", "--no-deps", "--no-cache-dir", "--disable-pip-version-check")
    done = run(sys.executable, *pip, *offline, str(wheel))
    assert done.status == 0, done
    packages = Path(installed.answer("import sysconfig; print(sysconfig.get_path('purelib'))"))
    (packages / "lent.pth").write_text("".join(f"{place}\n" for place in _places_of_packages()))
    return installed


def _places_of_packages() -> set[str]:
    names = (*_bootstrap.RUNTIME_MODULES, "prometheus_client")
    return {str(importlib.metadata.distribution(name).locate_file("")) for name in names}


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = Path(benmo.__file__).parent
    files = {path for path in package.rglob("*") if path.is_file()}
    wanted = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert "benmo/py.typed" in held


def test_what_runs_is_what_was_installed(installed: Installed) -> None:
    place = installed.answer("import benmo; print(benmo.__file__)")
    assert Path(place).is_relative_to(installed.prefix)
    assert installed.run("benmo", "--version").out == f"benmo, version {benmo.__version__}\n"
    assert "scripts" not in os.listdir(Path(place).parents[1])


def test_the_wheel_names_what_it_needs(installed: Installed) -> None:
    needs = installed.answer(
        "import importlib.metadata as m; print(*m.requires('benmo'), sep='\\n')"
    )
    always = [need for need in needs.splitlines() if "extra ==" not in need]
    assert len(always) == len(_bootstrap.RUNTIME_MODULES)
    (metrics,) = set(needs.splitlines()) - set(always)
    assert metrics.startswith("prometheus-client>=") and metrics.endswith("extra == 'metrics'")


def test_every_module_of_the_wheel_loads_outside_the_clone(installed: Installed) -> None:
    code = (
        "import benmo, importlib, pkgutil\n"
        "for module in pkgutil.walk_packages(benmo.__path__, 'benmo.'):\n"
        "    print(importlib.import_module(module.name).__name__)\n"
    )
    loaded = installed.answer(code).splitlines()
    assert {"benmo.node", "benmo.paxos.acceptor", "benmo.sim.explore.search"} <= set(loaded)


def test_the_program_lists_its_commands(installed: Installed) -> None:
    shown = installed.run("benmo", "--help")
    listed = {words[0] for words in map(str.split, shown.out.splitlines()) if words}
    assert {"attach", "explore", "initialize", "node", "simulate"} <= set(ENTRIES) <= listed


def test_three_installed_nodes_agree(installed: Installed) -> None:
    with free_ports(3) as port:
        options = ("--nodes=3", f"--port={port}", "--election-delay=0-0.3")
        made = installed.run("benmo", "initialize", *options)
        assert made.status == 0 and "a cluster of 3 nodes" in made.out, made
        with installed.node(2) as second, installed.node(3):
            typed = "moneyTransfer 10,1,2\nwait 60\nprintBalance all\n"
            command = ("-m", "benmo.node", "1", "--format", "json")
            finished = installed.run("python", *command, typed=typed)
            assert finished.status == 0, finished
            assert finished.values[1]["outcome"] == "decided"
            assert finished.values[2]["balances"] == {"1": 90, "2": 110, "3": 100}
            eventually(lambda: _balance_of_2(installed) == 110, "node 2 has it too")
            second.send_signal(signal.SIGTERM)
            assert second.wait(DEADLINE_S) == 0


def _balance_of_2(installed: Installed) -> int:
    balance: int = json.loads(installed.attach(2, "printBalance").out)["balance"]
    return balance


def test_the_simulator_runs_from_the_wheel(installed: Installed) -> None:
    finished = installed.run("benmo", "simulate", "--seeds", "1")
    assert finished.status == 0, finished


def test_without_a_cluster_the_installed_program_is_named(installed: Installed) -> None:
    for program in (("benmo", "node", "1"), ("python", "-m", "benmo.node", "1")):
        name, *words = program
        finished = installed.run(name, *words, "--state-dir", "nowhere")
        remedy = "make one with benmo initialize --state-dir nowhere"
        assert finished.err == f"benmo: nowhere holds no cluster: {remedy}\n"


def test_without_packages_pip_is_named(installed: Installed) -> None:
    package = Path(installed.answer("import benmo; print(benmo.__file__)")).parents[1]
    bare = ("-S", "-m", "benmo.node", "1")
    finished = installed.run("python", *bare, PYTHONPATH=str(package))
    names = " ".join(_bootstrap.RUNTIME_MODULES)
    assert finished.status == 1
    assert finished.err.endswith(
        f"lacks packages that Benmo needs: python -m pip install {names}\n"
    )


@pytest.mark.parametrize(
    ("argument", "status", "said"),
    [('Path("state")', 0, "Success: no issues found"), ("17", 1, "[arg-type]")],
)
def test_a_type_checker_sees_the_types(
    installed: Installed, tmp_path: Path, argument: str, status: int, said: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\n"
        "from benmo.client import Client\n"
        f"balance: int = Client(1, {argument}).balances()[1]\n"
        "print(balance, Path())\n"
    )
    options = ("--strict", "--python-executable", installed.program("python"))
    cache = ("--cache-dir", str(installed.folder / ".mypy_cache"))
    command = (sys.executable, "-m", "mypy", *options, *cache, str(program))
    checked = run(*command, cwd=tmp_path, PYTHONPATH="")
    assert checked.status == status, checked
    assert said in checked.out
