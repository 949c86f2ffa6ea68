"""Lost disks: wipes a node's directory, and has a new member take the node's place."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence

from benmo.admin.changing import at_desk
from benmo.admin.desk import Desk, Survey
from benmo.admin.replace import Replaced, Wishes, replace_node
from benmo.cluster import StateDirectory
from benmo.demo.phrases import is_or_are, listed
from benmo.errors import Failure
from benmo.paxos.types import NodeId
from benmo.wording import many


class LostDisks:
    """The nodes whose directories are gone. Only for nodes that don't run."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state
        self.kept_down: Counter[NodeId] = Counter()
        """The count, by node, of the times that it was not started again, for its disk is lost."""

    def is_lost(self, node: NodeId) -> bool:
        return not self._state.node(node).is_dir()

    def lose(self, node: NodeId) -> None:
        """Wipe a node's directory. Raises `Failure`."""
        try:
            shutil.rmtree(self._state.node(node))
        except OSError as error:
            raise Failure(f"{error.filename}: {error.strerror}") from error

    def keep_down(self, nodes: Sequence[NodeId]) -> str:
        """Say why these nodes, whose disks are lost, don't just start again, and what to do."""
        self.kept_down.update(nodes)
        theirs, they = "its disk", "it has"
        remedy = f"replace {nodes[0]} puts a new member in its place"
        if len(nodes) > 1:
            theirs, they = "their disks", "they have"
            remedy = f"replace, once for each of {listed(nodes)}, puts new members in their places"
        return (
            f"{many(nodes)} {is_or_are(nodes)} kept down: without {theirs}, {they} forgotten "
            f"promises and votes, and could undo a decision. {remedy}"
        )

    def replace(self, node: NodeId) -> Replaced:
        """Have the nodes that run decide on a new member, and make its directory. Raises `Failure`.

        Waits until it is decided: an interruption ends the wait, and the next call goes on.
        """

        async def work(desk: Desk, survey: Survey) -> Replaced:
            return await replace_node(desk, survey, node, Wishes(has_bar=False))

        try:
            return at_desk(self._state, work)
        except OSError as error:
            raise Failure(f"{error.filename}: {error.strerror}") from error
