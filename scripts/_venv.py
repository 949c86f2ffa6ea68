"""Make .venv, or bring it up to date, from the locked packages alone.

uv does it where it is installed, else venv and pip. Both install the same pinned files, check
their hashes, and leave the project itself out: a .pth file makes it importable and a launcher
makes the command `benmo`, so nothing has to be built and nothing unpinned is fetched.

One script at a time works on .venv. The lock is an flock on .venv.lock, and the installers
inherit it: should the script be killed, its successor waits until they have ended as well.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator

from _bootstrap import (
    Stamp,
    is_inside,
    is_ready,
    python_of,
    read_stamp,
    say,
    stamp_path,
    stop,
    venv_of,
    wanted_stamp,
)

TAIL_LINES = 15

# A shebang line cannot hold a path with a blank in it, or a long one. This reads as shell up to
# the `exec`, and as Python with a string of two lines at its top.
LAUNCHER = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

if __name__ == "__main__":
    from benmo.cli import main

    sys.exit(main())
"""


def make(root: str, group: str) -> None:
    """Make .venv hold the packages of `group`, unless another script did so meanwhile.

    Exits with one sentence if something is missing on this machine (status 2) or if the
    installer fails (status 1, after the last lines that it printed).
    """
    with locked(root) as lock:
        if is_ready(root, group, is_inside(venv_of(root))):
            return
        uv = find_uv()
        if uv is None:
            refuse_without_ensurepip()
        found, wanted = read_stamp(root), wanted_stamp(root, group)
        announce(found, wanted, "pip" if uv is None else "uv")
        clear(root, keep_packages=lacks_only_dev(found, wanted))
        for command in pip_commands(root, group) if uv is None else [uv_command(uv, group)]:
            run(command, root, lock)
        write_path_file(root)
        write_launcher(root)
        write_stamp(root, wanted)


@contextlib.contextmanager
def locked(root: str) -> Iterator[int]:
    """Hold the lock on .venv, waiting for it if another script has it; yields its descriptor."""
    descriptor = os.open(os.path.join(root, ".venv.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another script that is making .venv …")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def find_uv() -> str | None:
    """Return the path of a uv that runs, or None."""
    uv = shutil.which("uv")
    if uv is None:
        return None
    tried = subprocess.run([uv, "--version"], capture_output=True, check=False)
    return uv if tried.returncode == 0 else None


def refuse_without_ensurepip() -> None:
    """Exit with one sentence where Debian has split pip off from Python."""
    if importlib.util.find_spec("ensurepip") is None:
        sentence = "This Python cannot make .venv, as it has no ensurepip. "
        remedy = "Run `apt install python3-venv` as root, or install uv; then run this again."
        raise stop(sentence + remedy, 2)


def announce(found: Stamp | None, wanted: Stamp, tool: str) -> None:
    """Say in one line what is about to be done."""
    time = "about a minute" if tool == "pip" else "some seconds"
    if found is None:
        work = "first run: making .venv"
    elif lacks_only_dev(found, wanted):
        work = "adding the development tools to .venv"
    else:
        work = "the locked packages, Python or this folder changed: making .venv again"
    say(f"{work} with {tool} ({time}) …")


def lacks_only_dev(found: Stamp | None, wanted: Stamp) -> bool:
    """Tell whether .venv is good, made for "runtime", and now wanted for "dev"."""
    return found is not None and found != wanted and found._replace(group="dev") == wanted


def clear(root: str, *, keep_packages: bool) -> None:
    """Remove the stamp, and unless its packages are kept the rest of .venv as well."""
    venv = venv_of(root)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(stamp_path(root))
    if keep_packages:
        return
    if os.path.islink(venv) or os.path.isfile(venv):
        os.unlink(venv)
    elif os.path.isdir(venv):
        shutil.rmtree(venv)


def uv_command(uv: str, group: str) -> list[str]:
    """Return the command by which uv makes and fills .venv."""
    options = ["--frozen", "--no-install-project", "--compile-bytecode", "--python", base_python()]
    return [uv, "sync", *options, *(["--no-dev"] if group == "runtime" else [])]


def pip_commands(root: str, group: str) -> list[list[str]]:
    """Return the commands by which venv makes .venv and pip fills it.

    Both run isolated (-I): what PYTHONPATH offers must not pass for installed.
    """
    pinned = os.path.join(root, "requirements", f"{group}.txt")
    options = ["--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check"]
    return [
        [base_python(), "-I", "-m", "venv", venv_of(root)],
        [python_of(root), "-I", "-m", "pip", "install", *options, "-r", pinned],
    ]


def base_python() -> str:
    """Return the Python that this one's virtual environment, if any, was made from."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def run(command: list[str], root: str, lock: int) -> None:
    """Run an installer unseen; if it fails, show how its output ends and exit with status 1."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment.update(
        PIP_USER="0", UV_PROJECT_ENVIRONMENT=venv_of(root), UV_PYTHON_DOWNLOADS="never"
    )
    with tempfile.TemporaryFile() as output:
        finished = subprocess.run(
            command,
            check=False,
            cwd=root,
            env=environment,
            pass_fds=[lock],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        if finished.returncode != 0:
            output.seek(0)
            show_tail(output.read().decode(errors="replace"))
            failure = f"Cannot make .venv: {command[0]} ended with status {finished.returncode}. "
            remedy = "Read the lines above, check the network, then run the same command again."
            raise stop(failure + remedy, 1)


def show_tail(text: str) -> None:
    """Print the last lines of an installer's output on stderr."""
    for line in text.splitlines()[-TAIL_LINES:]:
        print(f"    {line}", file=sys.stderr)


def write_path_file(root: str) -> None:
    """Let .venv's Python import the project from any folder."""
    venv = venv_of(root)
    places = {"base": venv, "platbase": venv}
    packages = sysconfig.get_path("purelib", scheme="venv", vars=places)
    with open(os.path.join(packages, "benmo.pth"), "w", encoding="utf-8") as file:
        file.write(root + "\n")


def write_launcher(root: str) -> None:
    """Make the command .venv/bin/benmo."""
    path = os.path.join(venv_of(root), "bin", "benmo")
    with open(path, "w", encoding="utf-8") as file:
        file.write(LAUNCHER.format(python=python_of(root)))
    os.chmod(path, 0o755)


def write_stamp(root: str, stamp: Stamp) -> None:
    """Declare .venv made. The stamp appears whole or not at all."""
    path = stamp_path(root)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write("\n".join(stamp) + "\n")
    os.replace(path + ".new", path)
