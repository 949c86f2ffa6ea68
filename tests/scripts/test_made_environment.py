"""A .venv is made whatever the user's settings are, can be moved, and is ready only if it works.

Each test makes a real one with venv and pip, of a package of its own and without a network.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import _bootstrap
import _venv
import pytest

PACKAGE = "sesame"
_DIST_INFO = f"{PACKAGE}-1.0.dist-info"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a project that needs one package, which is in a folder of wheels."""
    root = tmp_path / "project"
    for name in _bootstrap.STAMPED_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"the content of {name}\n")
    (root / "benmo.py").write_text("")
    wheel = make_wheel(tmp_path / "wheels", PACKAGE)
    need(str(root), wheel)
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(_venv, "find_uv", lambda: None)
    monkeypatch.setitem(_bootstrap.MODULES, "runtime", (PACKAGE,))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return str(root)


def need(root: str, wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pinned = Path(root, "requirements", "runtime.txt")
    pinned.write_text(f"{PACKAGE}==1.0 --hash=sha256:{digest}\n")


def make_wheel(folder: Path, module: str) -> Path:
    """A wheel of the package, which holds a module and a program."""
    files = {
        f"{module}.py": "def main():\n    print('open')\n",
        f"{_DIST_INFO}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{_DIST_INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{_DIST_INFO}/entry_points.txt": f"[console_scripts]\n{PACKAGE} = {module}:main\n",
    }
    hashes = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{len(files[name])}"
        for name, digest in hashes.items()
    ]
    folder.mkdir(exist_ok=True)
    path = folder / f"{PACKAGE}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{_DIST_INFO}/RECORD", "\n".join([*lines, f"{_DIST_INFO}/RECORD,,"]))
    return path


def require_works(root: str) -> None:
    """Check that .venv is ready, has the package, finds the project, and its programs start."""
    assert _bootstrap.is_ready(root, "runtime", inside=False)
    assert imported_project(root) == os.path.join(root, "benmo.py")
    assert said(os.path.join(root, ".venv", "bin", PACKAGE)) == "open"
    activated = f'. "{root}/.venv/bin/activate"; echo "$VIRTUAL_ENV"; command -v python'
    assert said("sh", "-c", activated).split("\n") == [
        f"{root}/.venv",
        f"{root}/.venv/bin/python",
    ]


def imported_project(root: str) -> str:
    return said(_bootstrap.python_of(root), "-I", "-c", "import benmo; print(benmo.__file__)")


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_no_variable_leads_the_packages_elsewhere(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, false = str(tmp_path / "elsewhere"), tmp_path / "false"
    false.mkdir()
    (false / "pip.py").write_text("raise SystemExit('a false pip')\n")
    settings = {"PIP_DRY_RUN": "1", "PIP_USER": "1", "PYTHONPATH": str(false)}
    for name in ("TARGET", "PREFIX", "ROOT", "PYTHON", "CONSTRAINT", "REQUIREMENT"):
        settings[f"PIP_{name}"] = elsewhere
    settings |= dict.fromkeys(("PYTHONHOME", "VIRTUAL_ENV"), elsewhere)
    with monkeypatch.context() as patched:
        for name, value in settings.items():
            patched.setenv(name, value)
        _venv.make(project, "runtime")
    require_works(project)
    assert not Path(elsewhere).exists()


def test_a_file_may_say_where_packages_come_from_but_not_where_they_go(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, settings = tmp_path / "elsewhere", tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nno-index = true\nfind-links =\n    {tmp_path / 'wheels'}\n"
        f"dry-run = true\nquiet = 2\n[install]\ntarget = {elsewhere}\n"
    )
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    _venv.make(project, "runtime")
    require_works(project)
    assert not elsewhere.exists()


def test_a_module_that_can_not_be_imported_leaves_no_ready_venv(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need(project, make_wheel(tmp_path / "wheels", "another"))
    with pytest.raises(SystemExit) as ended:
        _venv.make(project, "runtime")
    assert ended.value.code == 1
    assert f"No module named '{PACKAGE}'" in capsys.readouterr().err
    assert not _bootstrap.is_ready(project, "runtime", inside=False)


def test_from_inside_a_venv_that_lost_a_package_is_not_ready(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.makedirs(os.path.join(project, ".venv", "bin"))
    os.symlink(sys.executable, _bootstrap.python_of(project))
    _venv.write_stamp(project, _bootstrap.wanted_stamp(project, "runtime"))
    assert not _bootstrap.is_ready(project, "runtime", inside=True)
    monkeypatch.setitem(_bootstrap.MODULES, "runtime", ("click",))
    assert _bootstrap.is_ready(project, "runtime", inside=True)


def test_a_moved_or_copied_venv_is_mended_without_its_packages_being_fetched(
    project: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _venv.make(project, "runtime")
    copied, moved = str(tmp_path / "copied"), str(tmp_path / "moved")
    shutil.copytree(project, copied, symlinks=True)
    shutil.move(project, moved)
    monkeypatch.delenv("PIP_FIND_LINKS")
    for root in (copied, moved):
        assert imported_project(root) == os.path.join(root, "benmo.py"), "before it is mended, too"
        capsys.readouterr()
        _venv.make(root, "runtime")
        assert "mending .venv" in capsys.readouterr().err
        require_works(root)


def test_packages_stay_only_if_all_are_there_in_the_locked_version(project: str) -> None:
    wanted = _bootstrap.wanted_stamp(project, "runtime")
    os.makedirs(os.path.join(project, ".venv", "bin"))
    os.symlink(sys.executable, _bootstrap.python_of(project))
    packages = Path(_venv.packages_of(project))
    moved = wanted._replace(root="/elsewhere")
    assert _venv.held_group(moved, wanted) is None
    (packages / _DIST_INFO).mkdir(parents=True)
    for found in (moved, wanted._replace(digest="0"), moved._replace(group="dev")):
        assert _venv.held_group(found, wanted) == "runtime"
    assert _venv.held_group(moved._replace(python="3.0"), wanted) is None
    (packages / _DIST_INFO).rename(packages / f"{PACKAGE}-1.1.dist-info")
    assert _venv.held_group(moved, wanted) is None


def test_a_venv_made_by_other_scripts_keeps_its_packages_and_tools(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(Path(project, "requirements", "runtime.txt"), Path(project, "requirements/dev.txt"))
    monkeypatch.setitem(_bootstrap.MODULES, "dev", ("click",))
    (Path(_venv.packages_of(project)) / _DIST_INFO).mkdir(parents=True)
    python = Path(_bootstrap.python_of(project))
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    _venv.write_stamp(project, _bootstrap.wanted_stamp(project, "dev")._replace(digest="0"))
    _venv.make(project, "runtime")
    stamp = _bootstrap.read_stamp(project)
    assert stamp is not None
    assert stamp.group == "dev"
    assert _bootstrap.is_ready(project, "dev", inside=False)
    assert (Path(_venv.packages_of(project)) / _DIST_INFO).is_dir()


def test_a_restart_leaves_behind_what_misleads_python(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: dict[str, str] = {}

    def execv(path: str, arguments: list[str]) -> None:
        left.update(os.environ)

    monkeypatch.setattr(os, "execv", execv)
    for name in _bootstrap.MISLEADING_VARIABLES:
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv(_bootstrap.RESTARTS_VARIABLE, "")
    _bootstrap.restart_inside(project, 0)
    assert not set(_bootstrap.MISLEADING_VARIABLES) & set(left)
