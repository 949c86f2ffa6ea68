"""Continue inside an environment that has what a script needs, making it first if need be.

A script calls `enter` before it imports anything that has to be installed. `enter` returns in
a Python that has the packages: the project's own .venv, or a virtual environment that the user
activated and filled. Otherwise it has .venv made (see _venv.py) and starts the script again
with .venv's Python, with the same arguments and the same process id.

Whether .venv is good is read from a stamp, a file of four lines that is removed before the
first change to .venv and written after the last one. So a .venv without a stamp is half made,
and one whose stamp holds another digest was made from another lock.

Any Python 3 must be able to run this file as far as the sentence that asks for a newer one:
only the standard library, and only the grammar of Python 3.6.
"""

import hashlib
import importlib.util
import os
import sys
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PYTHON_MIN = (3, 11)

# After a change in any of these, .venv is looked at again, and made again unless its packages fit.
STAMPED_FILES = (
    "uv.lock",
    "requirements/runtime.txt",
    "requirements/dev.txt",
    "scripts/_bootstrap.py",
    "scripts/_venv.py",
)

RUNTIME_MODULES = (
    "click",
    "cryptography",
    "msgpack",
    "msgspec",
    "prompt_toolkit",
    "rich",
    "uvloop",
    "websockets",
)
DEV_MODULES = (
    "hatchling",
    "hypothesis",
    "mypy",
    "pip",
    "playwright",
    "prometheus_client",
    "pyte",
    "pytest",
    "pytest_timeout",
    "ruff",
    "xdist",
)
MODULES = {"runtime": RUNTIME_MODULES, "dev": RUNTIME_MODULES + DEV_MODULES}

# These make .venv's Python another one's, or let other packages pass for those in .venv.
MISLEADING_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__")

# Two restarts are honest: into .venv, and once more if .venv's Python had changed its version.
RESTARTS_MAX = 2
RESTARTS_VARIABLE = "BENMO_RESTARTS"


class Stamp(NamedTuple):
    """What .venv was made from; or, as wanted, what it should be made from."""

    digest: str
    group: str
    python: str
    root: str


def enter(group: str, root: str = ROOT) -> None:
    """Return in a Python that has the packages of `group`: "runtime", or "dev" for all.

    Call it first thing in a script: it may make .venv, which takes about a minute, and start
    the script again. Exits with status 2 and one sentence where the user has to do something
    first, and with status 1 if .venv cannot be made.
    """
    refuse_system(os.name)
    refuse_old_python(sys.version_info[:2], sys.executable)
    restarts = restarts_so_far()
    inside = is_inside(venv_of(root))
    if not inside and is_virtual_environment() and has_modules(MODULES[group]):
        make_importable(root)
        return
    if not is_ready(root, group, inside):
        make_venv(root, group)
    elif inside:
        return
    restart_inside(root, restarts)


def refuse_system(name: str) -> None:
    """Exit with one sentence on a system that is not POSIX."""
    if name != "posix":
        raise stop("Benmo runs on Linux and macOS. On Windows, run it inside WSL.", 2)


def refuse_old_python(version: "tuple[int, int]", executable: str) -> None:
    """Exit with one sentence if `version` is older than the project supports."""
    if version >= PYTHON_MIN:
        return
    sentence = "Benmo needs Python {} or newer; this is Python {} ({}). Run it with e.g. {} {}"
    words = (dotted(PYTHON_MIN), dotted(version), executable, "python3.12", sys.argv[0])
    raise stop(sentence.format(*words), 2)


def is_ready(root: str, group: str, inside: bool) -> bool:
    """Tell whether .venv has the packages of `group` from the present lock.

    Only from inside .venv is its Python's version known, so only then is it compared: an
    upgrade of the system's Python can leave .venv with packages for the one before. Only from
    there is it seen, too, whether a package has gone since .venv was made.
    """
    found, wanted = read_stamp(root), wanted_stamp(root, group)
    if found is None or not os.access(python_of(root), os.X_OK):
        return False
    if found.group == "dev":
        found = found._replace(group=group)
    if not inside:
        found = found._replace(python=wanted.python)
    return found == wanted and (not inside or has_modules(MODULES[group]))


def wanted_stamp(root: str, group: str) -> Stamp:
    """Return the stamp of a .venv made now, by this Python, for `group`."""
    digest = hashlib.sha256()
    for name in STAMPED_FILES:
        with open(os.path.join(root, name), "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return Stamp(digest.hexdigest(), group, dotted(sys.version_info[:2]), root)


def read_stamp(root: str) -> "Stamp | None":
    """Return .venv's stamp, or None if there is none or it is damaged."""
    try:
        with open(stamp_path(root), encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return Stamp(*lines) if len(lines) == len(Stamp._fields) else None


def is_virtual_environment() -> bool:
    """Tell whether this Python is that of some virtual environment."""
    return sys.prefix != sys.base_prefix


def is_inside(venv: str) -> bool:
    """Tell whether this Python is that of the virtual environment in the folder `venv`."""
    return is_virtual_environment() and os.path.realpath(sys.prefix) == os.path.realpath(venv)


def has_modules(names: "tuple[str, ...]") -> bool:
    """Tell whether each of the modules could be imported here, without importing any."""
    return all(importlib.util.find_spec(name) is not None for name in names)


def make_importable(root: str) -> None:
    """Let this process and those that it starts import the project's package."""
    sys.path.insert(0, root)
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = root if not inherited else root + os.pathsep + inherited


def make_venv(root: str, group: str) -> None:
    """Have .venv made or brought up to date; exit with one sentence if that fails."""
    import _venv

    try:
        _venv.make(root, group)
    except OSError as error:
        raise stop(f"Cannot make {venv_of(root)}: {error}", 1) from error
    except KeyboardInterrupt:
        raise stop("Interrupted; the next run makes .venv from the start.", 130) from None


def restarts_so_far() -> int:
    """Return how often this very process was started again.

    A restart keeps the process id, so a script started by a restarted one counts from zero.
    """
    process_id, _, count = os.environ.pop(RESTARTS_VARIABLE, "").partition(":")
    return int(count) if process_id == str(os.getpid()) and count.isdigit() else 0


def restart_inside(root: str, restarts: int) -> None:
    """Replace this process by .venv's Python running the same script with the same arguments."""
    remedy = f"Remove the folder {venv_of(root)} and run the same command again."
    if restarts >= RESTARTS_MAX:
        raise stop("The environment .venv does not take effect. " + remedy, 1)
    os.environ[RESTARTS_VARIABLE] = f"{os.getpid()}:{restarts + 1}"
    for name in MISLEADING_VARIABLES:
        os.environ.pop(name, None)
    python = python_of(root)
    sys.stderr.flush()
    try:
        os.execv(python, [python, *sys.orig_argv[1:]])
    except OSError as error:
        raise stop(f"Cannot run {python}: {error.strerror}. {remedy}", 1) from error


def venv_of(root: str) -> str:
    """Return the folder of the project's own virtual environment."""
    return os.path.join(root, ".venv")


def python_of(root: str) -> str:
    """Return the path of .venv's Python."""
    return os.path.join(venv_of(root), "bin", "python")


def stamp_path(root: str) -> str:
    """Return the path of .venv's stamp."""
    return os.path.join(venv_of(root), "benmo-stamp")


def dotted(version: "tuple[int, int]") -> str:
    """Return a version as people write it: "3.11"."""
    return "{}.{}".format(*version)


def say(sentence: str) -> None:
    """Tell the user in one line what is being done, on stderr."""
    print("benmo: " + sentence, file=sys.stderr, flush=True)


def stop(sentence: str, status: int) -> SystemExit:
    """Say why the script ends, and return the exception that ends it with `status`."""
    print(sentence, file=sys.stderr, flush=True)
    return SystemExit(status)
