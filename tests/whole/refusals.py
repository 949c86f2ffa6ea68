"""Programs that refuse what they are given: in one line, and with nothing lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.support.processes import (
    INITIALIZE,
    NODE,
    Finished,
    run,
)


def content(state: Path) -> dict[Path, bytes]:
    """Every file's bytes, but for the lock's, which names who last had it."""
    files = (path for path in state.rglob("*") if path.is_file() and path.name != "lock")
    return {path: path.read_bytes() for path in files}


def require_one_line(finished: Finished, *parts: str) -> None:
    """Check for one line on standard error that says all that, and nothing on standard output."""
    assert finished.status > 0, finished
    assert finished.out == "", finished
    assert finished.err.count("\n") == 1 and finished.err.endswith("\n"), finished.err
    for part in parts:
        assert part in finished.err, finished.err


def require_usage(finished: Finished, *parts: str) -> None:
    """Check for a misused option's few lines: usage, a hint, an empty line, the error."""
    assert finished.status == 2, finished
    assert finished.out == ""
    lines = finished.err.splitlines()
    assert len(lines) <= 4 and lines[-1].startswith("Error: "), finished.err
    for part in parts:
        assert part in lines[-1], finished.err


def run_node(state: Path, *command: str, node: str = "1") -> Finished:
    return run(*(command or NODE), node, "--state-dir", str(state), typed="printBalance\n")


def initialize(state: Path, *options: str) -> Finished:
    return run(*INITIALIZE, "--state-dir", str(state), *options)


def damage(state: Path, how: str, name: str) -> None:
    """Damage a file, or node 1's directory, in one of the ways of the table below."""
    path = state / name
    match how:
        case "remove" if path.is_dir():
            shutil.rmtree(path)
        case "remove":
            path.unlink()
        case "replace by node 2's" if path.is_dir():
            shutil.rmtree(path)
            shutil.copytree(state / "node-2", path)
        case "replace by node 2's":
            shutil.copy(state / name.replace("node-1", "node-2"), path)
        case "halve":
            os.truncate(path, path.stat().st_size // 2)
        case "alter a byte":
            data = bytearray(path.read_bytes())
            data[len(data) // 3] ^= 1
            path.write_bytes(data)
        case text:
            path.write_text(text)
