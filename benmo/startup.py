"""Checks what must hold before anything else of Benmo is imported.

This module loads on any Python 3 and without any package, so that it can say what is missing.
"""

import importlib.util
import io
import os
import signal
import sys
from pathlib import Path

_PYTHON_MIN = (3, 11)
PARENT_VARIABLE = "BENMO_PARENT"
"""The environment variable that holds the id of the process with which this one is to end."""

_PR_SET_PDEATHSIG = 1
_PACKAGES = (
    "click",
    "cryptography",
    "msgpack",
    "msgspec",
    "prompt_toolkit",
    "rich",
    "uvloop",
    "websockets",
)


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


def end_at_signals():
    # type: () -> None
    """Let SIGTERM and SIGHUP end this process with status 0, until it handles them by itself.

    Nothing has begun that would have to be ended; without this, they would end it as if it failed.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: os._exit(0))


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


class OutputLost(OSError):
    """Standard output or standard error can't be written; the text is the reason.

    It has no `errno`, since click ends a program with a status of its own for some numbers.
    """


class ReaderGone(OutputLost):
    """Standard output is a pipe that nobody reads any more."""


class _StandardText(io.TextIOWrapper):
    """Standard output or standard error, whose errors can be told from those of other files.

    Nobody can reach its bytes, so that all that is written is escaped alike: click and
    prompt_toolkit would encode it themselves, as UTF-8 or with `?` for what the terminal lacks.
    """

    @property
    def buffer(self):  # type: ignore[no-untyped-def] # grammar of any Python 3
        raise AttributeError("buffer")

    def write(self, text):  # type: ignore[no-untyped-def] # grammar of any Python 3
        try:
            return super().write(text)
        except OSError as error:
            raise _lost(error) from error

    def flush(self):
        # type: () -> None
        try:
            super().flush()
        except OSError as error:
            raise _lost(error) from error


def _lost(error):
    # type: (OSError) -> OutputLost
    kind = ReaderGone if isinstance(error, BrokenPipeError) else OutputLost
    return kind(error.strerror)


def prepare_standard_files():
    # type: () -> None
    """Make standard input, output and error what the programs rely on; call it first of all.

    A closed one becomes the null device: else the next file or socket that is opened would take its
    place. What the terminal's encoding lacks is written as an escape (`\\u2713`), and a failed
    write raises `OutputLost`.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        file = getattr(sys, name)
        if file is None:
            file = os.fdopen(number, "w" if number else "r", closefd=False)
        elif file is not getattr(sys, "__" + name + "__"):
            continue
        if number and not isinstance(file, _StandardText):
            file = _escaping(file)
        setattr(sys, name, file)
        setattr(sys, "__" + name + "__", file)


def _escaping(file):
    # type: (io.TextIOWrapper) -> io.TextIOWrapper
    encoding, is_line_buffered = file.encoding, file.line_buffering
    is_unbuffered = getattr(file, "write_through", False)
    return _StandardText(
        file.detach(),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=is_line_buffered,
        write_through=is_unbuffered,
    )
