"""The scripts find or make the environment they need, on any machine and without a network."""

import ast
import importlib.metadata
import os
import re
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import _bootstrap
import _venv
import pytest
from _bootstrap import Stamp

ROOT = Path(_bootstrap.ROOT)
REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)", re.MULTILINE)
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


class Restarted(Exception):
    """Stands for the process that `os.execv` would have replaced."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a folder with a lock in it, run by a Python that is in no virtual environment."""
    for name in _bootstrap.STAMPED_FILES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"the content of {name}\n")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.delenv(_bootstrap.RESTARTS_VARIABLE, raising=False)
    return str(tmp_path)


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Collect what would be executed instead of this process."""
    collected: list[tuple[str, list[str]]] = []

    def execv(path: str, arguments: list[str]) -> None:
        collected.append((path, arguments))
        raise Restarted

    monkeypatch.setattr(os, "execv", execv)
    return collected


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the groups for which .venv would be made."""
    collected: list[str] = []
    monkeypatch.setattr(_venv, "make", lambda root, group: collected.append(group))
    return collected


def fake_venv(root: str, group: str) -> Path:
    """Lay out as much of a finished .venv as the warm path looks at; returns its folder."""
    venv = Path(_bootstrap.venv_of(root))
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    _venv.write_stamp(root, _bootstrap.wanted_stamp(root, group))
    return venv


def lock_packages() -> dict[str, dict[str, Any]]:
    """Return the packages of uv.lock by name, the project itself among them."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return {package["name"]: package for package in lock["package"]}


def locked_closure(names: list[str]) -> set[str]:
    """Return the packages of uv.lock that the named ones need, with themselves."""
    packages, closure, pending = lock_packages(), set[str](), list(names)
    while pending:
        name = pending.pop()
        if name not in closure:
            closure.add(name)
            pending += [need["name"] for need in packages[name].get("dependencies", [])]
    return closure


def locked_names(group: str) -> set[str]:
    """Return what uv.lock installs for `group`."""
    project = lock_packages()["benmo"]
    needs = list(project["dependencies"])
    if group == "dev":
        needs += project["dev-dependencies"]["dev"]
    return locked_closure([need["name"] for need in needs])


def artifact_hashes(package: dict[str, Any]) -> set[str]:
    """Return the hashes under which uv.lock accepts a package."""
    artifacts = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return {artifact["hash"] for artifact in artifacts}


@pytest.mark.parametrize("group", ["runtime", "dev"])
def test_the_pip_file_pins_what_the_lock_pins(group: str) -> None:
    packages = lock_packages()
    text = (ROOT / "requirements" / f"{group}.txt").read_text()
    pins = {found["name"]: found["version"] for found in REQUIREMENT.finditer(text)}
    assert pins == {name: packages[name]["version"] for name in locked_names(group)}
    assert set(HASH.findall(text)) == set[str]().union(
        *(artifact_hashes(packages[name]) for name in pins)
    )


def test_the_lock_knows_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    asked = [
        *project["project"]["dependencies"],
        *chain(*extras),
        *project["dependency-groups"]["dev"],
    ]
    locked = lock_packages()["benmo"]["metadata"]
    known = [*locked["requires-dist"], *locked["requires-dev"]["dev"]]
    assert sorted(asked_name.replace("_", "-") for asked_name in asked) == sorted(
        need["name"] + need["specifier"] for need in known
    )


def test_the_modules_looked_for_are_those_of_the_packages_asked_for() -> None:
    project = lock_packages()["benmo"]
    asked = [*project["dependencies"], *project["dev-dependencies"]["dev"]]
    owners = importlib.metadata.packages_distributions()
    found = {owner for module in _bootstrap.MODULES["dev"] for owner in owners[module]}
    assert {name.lower().replace("_", "-") for name in found} == {need["name"] for need in asked}


@pytest.mark.parametrize("name", ["_bootstrap", "initialize", "lock", "test"])
def test_an_old_python_can_read_the_script(name: str) -> None:
    source = (ROOT / "scripts" / f"{name}.py").read_text()
    ast.parse(source, feature_version=(3, 6))


def test_too_old_a_python_is_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/test.py", "-k", "storage"])
    with pytest.raises(SystemExit) as ended:
        _bootstrap.refuse_old_python((3, 8), "/usr/bin/python3.8")
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "Benmo needs Python 3.11 or newer; this is Python 3.8 (/usr/bin/python3.8). "
        "Run it with e.g. python3.12 scripts/test.py\n"
    )


def test_a_python_without_ensurepip_is_refused_with_the_remedy(
    project: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        _venv.make(project, "runtime")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "apt install python3-venv" in said
    assert "install uv" in said
    assert not Path(_bootstrap.venv_of(project)).exists()


@pytest.mark.parametrize(
    ("made_for", "wanted_for", "ready"),
    [
        ("runtime", "runtime", True),
        ("dev", "dev", True),
        ("dev", "runtime", True),
        ("runtime", "dev", False),
    ],
)
def test_dev_is_a_superset_of_runtime(
    project: str, made_for: str, wanted_for: str, ready: bool
) -> None:
    fake_venv(project, made_for)
    assert _bootstrap.is_ready(project, wanted_for, inside=False) is ready


@pytest.mark.parametrize("name", _bootstrap.STAMPED_FILES)
def test_a_changed_lock_makes_the_stamp_invalid(project: str, name: str) -> None:
    fake_venv(project, "dev")
    (Path(project) / name).write_text("changed\n")
    assert not _bootstrap.is_ready(project, "dev", inside=False)


def test_a_half_made_venv_is_not_ready(project: str) -> None:
    venv = fake_venv(project, "dev")
    (venv / "benmo-stamp").unlink()
    assert not _bootstrap.is_ready(project, "dev", inside=False)


@pytest.mark.parametrize("content", [b"", b"one line\n", b"\xff\xfe\n", b"1\n2\n3\n4\n5\n"])
def test_a_damaged_stamp_is_no_stamp(project: str, content: bytes) -> None:
    (fake_venv(project, "dev") / "benmo-stamp").write_bytes(content)
    assert _bootstrap.read_stamp(project) is None


def test_a_venv_whose_python_has_gone_is_not_ready(project: str) -> None:
    python = fake_venv(project, "dev") / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    assert not _bootstrap.is_ready(project, "dev", inside=False)


def test_only_inside_venv_is_its_python_version_compared(project: str) -> None:
    fake_venv(project, "dev")
    stamp = _bootstrap.wanted_stamp(project, "dev")._replace(python="3.99")
    _venv.write_stamp(project, stamp)
    assert _bootstrap.is_ready(project, "dev", inside=False)
    assert not _bootstrap.is_ready(project, "dev", inside=True)


def test_a_moved_project_is_not_ready(project: str) -> None:
    fake_venv(project, "dev")
    _venv.write_stamp(project, _bootstrap.wanted_stamp(project, "dev")._replace(root="/elsewhere"))
    assert not _bootstrap.is_ready(project, "dev", inside=False)


def test_a_warm_entry_only_restarts_inside_venv(
    project: str, restarts: list[tuple[str, list[str]]], made: list[str]
) -> None:
    fake_venv(project, "dev")
    with pytest.raises(Restarted):
        _bootstrap.enter("runtime", project)
    python = _bootstrap.python_of(project)
    assert restarts == [(python, [python, *sys.orig_argv[1:]])]
    assert made == []


def test_a_cold_entry_makes_venv_first(
    project: str, restarts: list[tuple[str, list[str]]], made: list[str]
) -> None:
    with pytest.raises(Restarted):
        _bootstrap.enter("dev", project)
    assert made == ["dev"]
    assert len(restarts) == 1


def test_inside_a_ready_venv_the_entry_just_returns(
    project: str,
    restarts: list[tuple[str, list[str]]],
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "prefix", str(fake_venv(project, "dev")))
    _bootstrap.enter("dev", project)
    assert (restarts, made) == ([], [])


def test_an_activated_environment_that_has_the_packages_is_respected(
    project: str,
    restarts: list[tuple[str, list[str]]],
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "prefix", "/somewhere/else")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "/inherited")
    _bootstrap.enter("dev", project)
    assert (restarts, made) == ([], [])
    assert sys.path[0] == project
    assert os.environ["PYTHONPATH"] == f"{project}{os.pathsep}/inherited"


def test_an_activated_environment_that_lacks_a_package_is_left_for_venv(
    project: str,
    restarts: list[tuple[str, list[str]]],
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "prefix", "/somewhere/else")
    monkeypatch.setitem(_bootstrap.MODULES, "dev", ("surely_not_installed",))
    with pytest.raises(Restarted):
        _bootstrap.enter("dev", project)
    assert made == ["dev"]
    assert len(restarts) == 1


def test_restarts_without_effect_come_to_an_end(
    project: str,
    restarts: list[tuple[str, list[str]]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_venv(project, "dev")
    for _ in range(_bootstrap.RESTARTS_MAX):
        with pytest.raises(Restarted):
            _bootstrap.enter("dev", project)
    with pytest.raises(SystemExit) as ended:
        _bootstrap.enter("dev", project)
    assert ended.value.code == 1
    assert "Remove the folder" in capsys.readouterr().err
    assert len(restarts) == _bootstrap.RESTARTS_MAX


def test_a_script_started_by_a_restarted_one_counts_from_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(_bootstrap.RESTARTS_VARIABLE, f"{os.getppid()}:{_bootstrap.RESTARTS_MAX}")
    assert _bootstrap.restarts_so_far() == 0


def test_a_script_that_waited_for_another_does_not_make_venv_again(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    venv = fake_venv(project, "dev")
    _venv.make(project, "runtime")
    assert sorted(path.name for path in venv.iterdir()) == ["benmo-stamp", "bin"]
    assert capsys.readouterr().err == ""


def test_only_a_venv_that_lacks_the_tools_alone_keeps_its_packages(project: str) -> None:
    runtime = _bootstrap.wanted_stamp(project, "runtime")
    dev = runtime._replace(group="dev")
    other_lock = runtime._replace(digest="0" * 64)
    cases: list[tuple[Stamp | None, bool]] = [(runtime, True), (other_lock, False), (None, False)]
    assert [_venv.lacks_only_dev(found, dev) for found, _ in cases] == [kept for _, kept in cases]


def test_a_failing_installer_shows_its_last_lines_and_a_remedy(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "print(*range(100), sep='\\n'); raise SystemExit(7)"
    with _venv.locked(project) as lock, pytest.raises(SystemExit) as ended:
        _venv.run([sys.executable, "-c", script], project, lock)
    assert ended.value.code == 1
    *tail, remedy = capsys.readouterr().err.splitlines()
    assert [int(line) for line in tail] == list(range(100 - _venv.TAIL_LINES, 100))
    assert "status 7" in remedy
    assert "network" in remedy
