"""Lock the dependencies anew: uv.lock, and from it the pip files in requirements/.

    python3 scripts/lock.py                 keep the locked versions, follow pyproject.toml
    python3 scripts/lock.py --upgrade       take the newest versions that pyproject.toml allows

Needs uv (https://docs.astral.sh/uv/); commit the files that it changes.
"""

import os
import shutil
import subprocess
import sys

from _bootstrap import ROOT, stop

EXPORT = ("export", "--frozen", "--no-emit-project", "--format", "requirements-txt", "--quiet")


def main(arguments: "list[str]") -> None:
    """Write the lock and both pip files; exit with the status of the first that fails."""
    uv = shutil.which("uv")
    if uv is None:
        raise stop("scripts/lock.py needs uv: install it (pipx install uv), then run it again.", 2)
    os.chdir(ROOT)
    for command in (
        ("lock", *arguments),
        (*EXPORT, "--no-dev", "--output-file", "requirements/runtime.txt"),
        (*EXPORT, "--output-file", "requirements/dev.txt"),
    ):
        status = subprocess.call([uv, *command])
        if status != 0:
            sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
