"""Checks what must hold before anything else of Benmo is imported.

This module loads on any Python 3 and without any package, so that it can say what is missing.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path

_PYTHON_MIN = (3, 11)
PARENT_VARIABLE = "BENMO_PARENT"
"""The environment variable that holds the id of the process with which this one is to end."""

_PR_SET_PDEATHSIG = 1
_PACKAGES = ("click", "cryptography", "msgpack", "msgspec", "prompt_toolkit", "rich", "uvloop")


def why_not():
    # type: () -> str
    """One line about what this Python lacks; empty if it lacks nothing."""
    if sys.version_info < _PYTHON_MIN:
        version = ".".join(map(str, sys.version_info[:2]))
        return "Benmo needs Python 3.11 or newer; this is Python " + version
    if not __debug__:
        return "Benmo checks its invariants as it runs: start it without python -O (PYTHONOPTIMIZE)"
    missing = [package for package in _PACKAGES if not importlib.util.find_spec(package)]
    if not missing:
        return ""
    root = Path(__file__).resolve().parent.parent
    if (root / ".venv" / "bin" / "python").exists():
        return (
            "this Python lacks Benmo's packages: source .venv/bin/activate first, "
            "or run .venv/bin/python -m benmo.node"
        )
    if (root / "scripts" / "initialize.py").exists():
        return "this Python lacks Benmo's packages: run python3 scripts/initialize.py first"
    return "this Python lacks packages that Benmo needs: python -m pip install " + " ".join(missing)


def end_with_parent():
    # type: () -> None
    """End with the program that started this node, if the program asked for that.

    On Linux the kernel then kills this process when its parent ends, even while this process is
    stopped. Exits at once if the parent has ended already.
    """
    parent = os.environ.pop(PARENT_VARIABLE, "")
    if not parent:
        return
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only this needs it

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if str(os.getppid()) != parent:
        sys.exit("benmo: the program that started this node has ended")


def fill_standard_files():
    # type: () -> None
    """Open the null device in place of each closed standard file.

    Else the next file or socket that is opened would become standard input or output.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
