"""Make .venv, or bring it up to date, from the locked packages alone.

uv does it where it is installed, else venv and pip. Both install the same pinned files, check
their hashes, and leave the project itself out: a .pth file makes it importable and a launcher
makes the command `benmo`, so nothing has to be built and nothing unpinned is fetched.

The user's settings for pip and uv may say from where packages come (a mirror, a proxy, a
certificate), but not to where they go or which of them are left out. .venv counts as made once
every module could be imported. A .venv that was moved or copied with its folder keeps its packages.

One script at a time works on .venv. The lock is an flock on .venv.lock, and the installers
inherit it: should the script be killed, its successor waits until they have ended as well.
"""

import ast
import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator

from _bootstrap import (
    MODULES,
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

# Settings of pip and uv that say from where packages come, and how they are fetched.
KEPT_SETTING = re.compile(
    r"(PIP|UV)_(INDEX.*|EXTRA_INDEX_URL|DEFAULT_INDEX|FIND_LINKS|NO_INDEX|PROXY|HTTP_.*|OFFLINE"
    r"|TRUSTED_HOST|INSECURE_HOST|ALLOW_INSECURE_HOST|CERT|CLIENT_CERT|NATIVE_TLS|SYSTEM_CERTS"
    r"|KEYRING_PROVIDER|CREDENTIALS_DIR|(DEFAULT_)?TIMEOUT|RETRIES|RESUME_RETRIES|USE_FEATURE"
    r"|CACHE_DIR|NO_CACHE(_DIR)?|LINK_MODE|CONCURRENT_.*)"
)
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?=\s)(?! ; sys_platform == 'win32')", re.MULTILINE)
SETTING_LINE = re.compile(r"(?:global|install)\.([a-z-]+)=(.*)")

# A shebang line longer than this, or with a blank in it, starts nothing.
SHEBANG_MAX = 120

# So this reads as shell up to the `exec`, and as Python with a string of two lines at its top. It
# finds its Python beside itself, as .venv may be moved.
LAUNCHER = """\
#!/bin/sh
'''exec' "$(dirname -- "$(readlink -f -- "$0")")/python" "$0" "$@"
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
        found, wanted = read_stamp(root), wanted_stamp(root, group)
        group_held = None if found is None else held_group(found, wanted)
        if found is not None and group_held is not None:
            wanted = wanted._replace(group=group_held)
            mend(root, found, lock)
        else:
            install(root, found, wanted, lock)
        write_path_file(root)
        write_launcher(root)
        run(import_command(root, wanted.group), root, lock)
        write_stamp(root, wanted)


def install(root: str, found: Stamp | None, wanted: Stamp, lock: int) -> None:
    """Make .venv, or add what it lacks, with uv or with venv and pip."""
    uv = find_uv()
    if uv is None:
        refuse_without_ensurepip()
    announce(found, wanted, "pip" if uv is None else "uv")
    clear(root, keep_packages=lacks_only_dev(found, wanted))
    if uv is not None:
        run(uv_command(uv, wanted.group), root, lock)
        return
    run(venv_command(root), root, lock)
    run(pip_command(root, wanted.group), root, lock, pip_environment(root))


def held_group(found: Stamp, wanted: Stamp) -> str | None:
    """Return the group of which .venv has all locked packages, "dev" if it can; or None.

    Such a .venv was moved, or made by other scripts from the same lock: its packages may stay.
    """
    path = python_of(wanted.root)
    can_stay = len(path) <= SHEBANG_MAX and not re.search(r"\s", path)
    if found.root != wanted.root and not can_stay:
        return None
    if found.python != wanted.python or not os.access(path, os.X_OK):
        return None
    return next((each for each in ("dev", wanted.group) if has_packages(wanted.root, each)), None)


def has_packages(root: str, group: str) -> bool:
    """Tell whether each locked package of `group` is in .venv, in the locked version."""
    with open(os.path.join(root, "requirements", f"{group}.txt"), encoding="utf-8") as file:
        pins = PIN.findall(file.read())
    try:
        found = {name.lower() for name in os.listdir(packages_of(root))}
    except OSError:
        return False
    return bool(pins) and found.issuperset(
        f"{name.replace('-', '_')}-{version}.dist-info".lower() for name, version in pins
    )


def packages_of(root: str) -> str:
    """Return the folder of .venv's packages."""
    places = {"base": venv_of(root), "platbase": venv_of(root)}
    return sysconfig.get_path("purelib", scheme="venv", vars=places)


def mend(root: str, found: Stamp, lock: int) -> None:
    """Write the paths in a .venv that was moved anew; its packages stay."""
    clear(root, keep_packages=True)
    if found.root == root:
        return
    say("this folder was moved or copied: mending .venv …")
    run([*venv_command(root), "--without-pip"], root, lock)
    old, new = (os.fsencode(venv_of(folder)) + b"/bin/" for folder in (found.root, root))
    folder = os.path.join(venv_of(root), "bin")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not os.path.islink(path):
            rewrite_start(path, old, new)


def rewrite_start(path: str, old: bytes, new: bytes) -> None:
    """Replace a path in the first two lines of a script, which say with what it is run."""
    with open(path, "rb") as file:
        content = file.read()
    lines = content.split(b"\n", 2)
    if content.startswith(b"#!") and old in b"\n".join(lines[:2]):
        lines[:2] = [line.replace(old, new) for line in lines[:2]]
        mode = os.stat(path).st_mode
        with open(path + ".new", "wb") as file:
            file.write(b"\n".join(lines))
        os.chmod(path + ".new", mode)
        os.replace(path + ".new", path)


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
        work = "the locked packages, Python or .venv changed: making .venv again"
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


def venv_command(root: str) -> list[str]:
    """Return the command by which venv makes .venv."""
    return [base_python(), "-I", "-m", "venv", venv_of(root)]


def pip_command(root: str, group: str) -> list[str]:
    """Return the command by which pip fills .venv."""
    pinned = os.path.join(root, "requirements", f"{group}.txt")
    options = ["--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check"]
    return [python_of(root), "-I", "-m", "pip", "install", *options, "-r", pinned]


def import_command(root: str, group: str) -> list[str]:
    """Return the command that fails unless each module can be imported from .venv."""
    return [python_of(root), "-I", "-c", f"import {', '.join(MODULES[group])}"]


def base_python() -> str:
    """Return the Python that this one's virtual environment, if any, was made from."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def environment(root: str) -> dict[str, str]:
    """Return this process's environment without what leads installers elsewhere."""
    others = ("PIP_", "UV_", "PYTHON", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(others) or KEPT_SETTING.fullmatch(name)
    }
    return {**kept, "UV_PROJECT_ENVIRONMENT": venv_of(root), "UV_PYTHON_DOWNLOADS": "never"}


def pip_environment(root: str) -> dict[str, str]:
    """Return the environment for pip: with pip.conf's settings, as far as they are kept.

    pip itself says what its files hold, and is then told to read none of them.
    """
    kept = environment(root)
    named = {name: os.environ[name] for name in ("PIP_CONFIG_FILE",) if name in os.environ}
    listed = subprocess.run(
        [python_of(root), "-I", "-m", "pip", "-vvv", "config", "list"],
        cwd=root,
        env={**kept, **named},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    for line in listed.stdout.decode(errors="surrogateescape").splitlines():
        match = SETTING_LINE.fullmatch(line.strip())
        if match is not None:
            name = "PIP_" + match[1].upper().replace("-", "_")
            if KEPT_SETTING.fullmatch(name) and name not in os.environ:
                kept[name] = str(ast.literal_eval(match[2]))
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


def run(command: list[str], root: str, lock: int, variables: dict[str, str] | None = None) -> None:
    """Run an installer unseen; if it fails, show how its output ends and exit with status 1."""
    with tempfile.TemporaryFile() as output:
        finished = subprocess.run(
            command,
            check=False,
            cwd=root,
            env=variables or environment(root),
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
    """Let .venv's Python import the project from any folder, and after .venv was moved."""
    packages = packages_of(root)
    with open(os.path.join(packages, "benmo.pth"), "w", encoding="utf-8") as file:
        file.write(os.path.relpath(root, packages) + "\n")


def write_launcher(root: str) -> None:
    """Make the command .venv/bin/benmo."""
    path = os.path.join(venv_of(root), "bin", "benmo")
    with open(path, "w", encoding="utf-8") as file:
        file.write(LAUNCHER)
    os.chmod(path, 0o755)


def write_stamp(root: str, stamp: Stamp) -> None:
    """Declare .venv made. The stamp appears whole or not at all."""
    path = stamp_path(root)
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(stamp) + "\n")
    os.replace(path + ".new", path)
