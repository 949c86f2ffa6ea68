"""The errors of a start on files that are damaged or another's: they say what the operator can do.

`node_files.py` has errors of its own, for those who only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benmo.errors import StateError
from benmo.paxos.types import NodeId
from benmo.storage.lines import DamagedLine
from benmo.storage.replay import ForeignLine


def damage_remedy(node: NodeId) -> str:
    """Say what to do about a damaged or missing file of a node."""
    return (
        f"This node does not vote with a damaged directory: it could break a promise. "
        f"The others go on while a majority of them is up. If the disk doesn't read correctly "
        f"again, {replacing(node)}"
    )


def foreign_remedy(node: NodeId) -> str:
    """Say what to do about a file that belongs elsewhere."""
    return f"Put back the directory that belongs here; if it is lost, {replacing(node)}"


def replacing(node: NodeId) -> str:
    """Say, as a clause, what brings a node back whose directory is lost."""
    return f"benmo replace {node} gives it a new member and directory: see docs/operating.md"


class ForeignFile(StateError):
    """A file in a node's directory names another cluster, or is of another node or member.

    `what` says so, beginning with the file; `cluster` is the cluster that the file names.
    """

    def __init__(self, what: str, cluster: str, node: NodeId) -> None:
        super().__init__(f"{what}. {foreign_remedy(node)}")
        self.what = what
        self.cluster = cluster


def missing_file(path: Path, node: NodeId) -> StateError:
    return StateError(f"{path} is missing. {damage_remedy(node)}")


def damaged_file(path: Path, what: str, node: NodeId) -> StateError:
    """Word what is wrong with a file as a whole."""
    return StateError(f"{path} is damaged: {what}. {damage_remedy(node)}")


def damaged_line(path: Path, line: int, what: str, node: NodeId) -> StateError:
    """Word what is wrong with a line of a file."""
    return StateError(f"{path}, line {line}, is damaged: {what}. {damage_remedy(node)}")


@contextmanager
def damage_worded(path: Path, node: NodeId) -> Iterator[None]:
    """Turn a `DamagedLine` of a file into a `StateError` that names the line and the remedy."""
    try:
        yield
    except ForeignLine as error:
        raise ForeignFile(f"{path} {error.whose}", error.cluster, node) from error
    except DamagedLine as error:
        raise damaged_line(path, error.line, str(error), node) from error
