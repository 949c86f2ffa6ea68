"""A new member's directory at the desk: made beside the old one, put in its place once decided.

    1. `.node-3.new` is written, with a member id that is drawn for it, and becomes `node-3.new`;
    2. the nodes decide the change, which names that id;
    3. `node-3`, if it is there, becomes `node-3.retired-` and the beginning of the old member's id;
    4. `node-3.new` becomes `node-3`.

Whatever is interrupted can be begun again: before 1 is done, nobody has heard of the id; after it,
the id is that of `node-3.new`, until 4.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from benmo.admin.authority import Authority
from benmo.admin.lost_queue import OldQueue, read_queue
from benmo.admin.making import new_member, write_member
from benmo.cluster import TLS, Cluster, StateDirectory
from benmo.errors import Failure
from benmo.network.certificates import WrongCertificate, require_node
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.disk import RealDisk
from benmo.storage.lock import LOCK, is_in_use
from benmo.storage.node_storage import CHECKPOINT

_END_S = 30.0
"""The time limit, in seconds, for the end of the retired member's process, if it runs here."""


class StillRuns(Failure):
    """A change is decided, but the retired member's process runs on, so its directory stays.

    `decided` are the lines that say what is decided, without a full stop.
    """

    def __init__(self, directory: Path, decided: str = "") -> None:
        self.directory = directory
        said = f"{decided}.\n" if decided else ""
        super().__init__(
            f"{said}A process still runs in {directory}: stop it, then type the same again, "
            f"which ends the work"
        )


class NewMember:
    """The directory of a node's next member, begun in `state`, perhaps by an earlier run."""

    def __init__(self, state: StateDirectory, cluster: Cluster, node: NodeId) -> None:
        self.node = node
        self._state = state
        self._cluster = cluster

    @property
    def directory(self) -> Path:
        """The place of the node's directory."""
        return self._state.node(self.node)

    @property
    def begun(self) -> MemberId | None:
        """The member whose directory is whole, and not in its place yet; None if there is none."""
        path = self._state.new_node(self.node)
        return self._member_in(path) if path.is_dir() else None

    @property
    def unused(self) -> MemberId | None:
        """The member whose directory is in its place and has never run here; None if it has."""
        path = self.directory
        if not (path / CHECKPOINT).exists() or (path / LOCK).exists():
            return None
        with suppress(WrongCertificate):
            return self._member_in(path)
        return None

    def begin(self, authority: Authority, host: str) -> MemberId:
        """Make the directory, with a new member id, unless it is there; its member."""
        begun = self.begun
        if begun is not None:
            return begun
        unfinished = self._state.unfinished_node(self.node)
        if unfinished.exists():
            shutil.rmtree(unfinished)
        member = new_member()
        write_member(unfinished, self._cluster, authority, self.node, member, host)
        unfinished.rename(self._state.new_node(self.node))
        self._sync()
        return member

    def drop(self) -> None:
        """Remove a directory that was begun, of a member that the nodes will never have."""
        shutil.rmtree(self._state.new_node(self.node))

    def put_in_place(self, old: MemberId) -> Path | None:
        """Move the old directory away and the new one into its place; where the old one is now.

        `old` is the member that was replaced. Raises `StillRuns` if its process doesn't end.
        """
        retired = self.retire(old)
        self._state.new_node(self.node).rename(self._state.node(self.node))
        self._sync()
        return retired

    def retire(self, old: MemberId) -> Path | None:
        """Move the directory of a member that has no vote away; where it is, None if not here.

        Raises `StillRuns` if its process doesn't end.
        """
        path = self.directory
        retired = self._state.retired_node(self.node, old or "unknown")
        if path.exists():
            self._require_ended(path)
            while retired.exists():
                retired = retired.with_name(retired.name + "-again")
            path.rename(retired)
            self._sync()
        return retired if retired.exists() else None

    def old_queue(self, old: MemberId, told: int) -> OldQueue:
        """Read the queue of the replaced member, as far as it is known; `told` as in `OldQueue`."""
        path, retired = self.directory, self._state.retired_node(self.node, old or "unknown")
        if retired.exists() and not path.exists():
            path = retired
        return read_queue(path, self._cluster, self.node, old, told)

    def _require_ended(self, path: Path) -> None:
        """Wait for the retired member's process to end, if it runs here: it ends by itself."""
        end = time.monotonic() + _END_S
        while _is_running(path):
            if time.monotonic() > end:
                raise StillRuns(path)
            time.sleep(0.1)

    def _member_in(self, path: Path) -> MemberId:
        return require_node(path / TLS, self._cluster.cluster, self.node).member

    def _sync(self) -> None:
        RealDisk(self._state.path).sync_directory()


def _is_running(path: Path) -> bool:
    with suppress(OSError):
        return is_in_use(path)
    return False
