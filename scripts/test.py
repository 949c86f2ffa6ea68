"""Run every check: format, lint, types, tests. With arguments, run only pytest with them.

    python3 scripts/test.py                 everything, stopping at the first failure
    python3 scripts/test.py -k storage      only the tests that pytest selects by `-k storage`

The exit status is that of the check that failed, and the last line is pytest's own.
"""

import os
import subprocess
import sys

from _bootstrap import ROOT, enter

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
)

# Work stealing hands each worker neighbouring tests, so a module's fixtures are seldom made
# twice, and yet no worker idles while the other has a long module before it.
PYTEST_IN_FULL = ("-n", "3", "--dist", "worksteal")


def main(pytest_arguments: "list[str]") -> None:
    """Run the checks, then become pytest; exit with the first status that is not zero."""
    os.chdir(ROOT)
    if not pytest_arguments:
        for check in CHECKS:
            run_check(check)
    become_pytest(pytest_arguments or list(PYTEST_IN_FULL))


def run_check(check: "tuple[str, ...]") -> None:
    """Run one tool as a module of this Python; exit with its status if it fails."""
    show_step(check)
    status = subprocess.call([sys.executable, "-m", *check])
    if status != 0:
        sys.exit(status)


def become_pytest(arguments: "list[str]") -> None:
    """Replace this process, so that signals and the exit status are pytest's own."""
    show_step(["pytest", *arguments])
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


def show_step(words: "list[str] | tuple[str, ...]") -> None:
    """Print the one line that says which step runs."""
    print("== " + " ".join(words), flush=True)


if __name__ == "__main__":
    enter("dev")
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
