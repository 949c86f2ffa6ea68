"""The errors of a start on files that are damaged or another's: they say what the operator can do.

`node_files.py` has errors of its own, for those who only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benmo.errors import StateError
from benmo.storage.lines import DamagedLine
from benmo.storage.replay import ForeignLine

REMEDY = (
    "This node does not vote with a damaged directory: it could break a promise. "
    "The others go on while a majority of them is up. If the disk doesn't read correctly again, "
    "benmo replace gives the node a new directory: see docs/operating.md"
)

FOREIGN_REMEDY = "Put back the directory that belongs here"


class ForeignFile(StateError):
    """A file names another cluster or node.

    `what` says so, beginning with the file; `cluster` is the cluster that the file names.
    """

    def __init__(self, what: str, cluster: str) -> None:
        super().__init__(f"{what}. {FOREIGN_REMEDY}")
        self.what = what
        self.cluster = cluster


def damaged_line(path: Path, line: int, what: str) -> StateError:
    """Word what is wrong with a line of a file."""
    return StateError(f"{path}, line {line}, is damaged: {what}. {REMEDY}")


@contextmanager
def damage_worded(path: Path) -> Iterator[None]:
    """Turn a `DamagedLine` of a file into a `StateError` that names the line and the remedy."""
    try:
        yield
    except ForeignLine as error:
        raise ForeignFile(f"{path} {error.whose}", error.cluster) from error
    except DamagedLine as error:
        raise damaged_line(path, error.line, str(error)) from error
