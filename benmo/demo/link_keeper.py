"""Has the nodes cut, slow and mend their links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from benmo.commands.answers import Rendered
from benmo.control.connection import NodeGone
from benmo.demo.links import Links, Pair
from benmo.demo.node_threads import at_once
from benmo.errors import Refused
from benmo.paxos.types import NodeId


class _Nodes(Protocol):
    """The nodes that can be commanded: see `benmo.demo.fleet.Fleet`."""

    def run(self, node: NodeId, line: str, output_format: str) -> Rendered: ...

    def is_paused(self, node: NodeId) -> bool: ...

    def is_answering(self, node: NodeId) -> bool: ...


_LineTo = Callable[[NodeId, NodeId], str]
"""The line that has a node, the first, set its end of the link to another, the second."""


class LinkKeeper:
    """Has both nodes of a link do what `links` says of it; a paused node, once it is woken."""

    def __init__(self, links: Links, nodes: _Nodes) -> None:
        self._links = links
        self._nodes = nodes
        self._behind: set[NodeId] = set()
        """Nodes that were paused while links were changed, and don't know of that yet."""

    def apply_cuts(self, pairs: Iterable[Pair]) -> None:
        self._apply(_ends(pairs), self._cut)

    def apply_delays(self, pairs: Iterable[Pair]) -> None:
        self._apply(_ends(pairs), self._delay)

    def apply(self, pairs: Iterable[Pair]) -> None:
        """Apply both the cuts and the delays of these links."""
        self._apply(_ends(pairs), self._cut, self._delay)

    def set_up(self, nodes: Iterable[NodeId]) -> None:
        """Apply both to these nodes' own ends of all their links."""
        ends = {node: [other for other in self._links.nodes if other != node] for node in nodes}
        self._apply(ends, self._cut, self._delay)

    def starts_anew(self, node: NodeId) -> None:
        """Note that a node starts, and has its cuts from there."""
        self._behind.discard(node)

    def catch_up(self, nodes: Iterable[NodeId]) -> None:
        """Apply to these nodes, which were woken, what changed while they were paused."""
        behind = self._behind.intersection(nodes)
        self._behind -= behind
        self.set_up(sorted(behind))

    def _apply(self, ends: Mapping[NodeId, Sequence[NodeId]], *lines_to: _LineTo) -> None:
        """Have each node set its ends of its links to the others that stand with it in `ends`."""
        self._behind.update(filter(self._nodes.is_paused, ends))
        at_once(
            lambda node: self._run_all(
                node, [line_to(node, other) for line_to in lines_to for other in ends[node]]
            ),
            [node for node in ends if self._nodes.is_answering(node)],
        )

    def _run_all(self, node: NodeId, lines: Sequence[str]) -> None:
        """Have a node carry out these lines; if the node goes meanwhile, it has no links."""
        with suppress(Refused, NodeGone):
            for line in lines:
                self._nodes.run(node, line, "json")

    def _cut(self, node: NodeId, other: NodeId) -> str:
        if (node, other) not in self._links.cut:
            return f"restoreLink {other}"
        one_way = "" if (other, node) in self._links.cut else " --one-way"
        return f"severLink {other}{one_way}"

    def _delay(self, node: NodeId, other: NodeId) -> str:
        return f"delayLink {other} {self._links.delays_of(node).get(other, 0)}"


def _ends(pairs: Iterable[Pair]) -> dict[NodeId, list[NodeId]]:
    """Both ends of these links: the nodes, each with those at the other ends."""
    ends: dict[NodeId, list[NodeId]] = {}
    for one, other in pairs:
        ends.setdefault(one, []).append(other)
        ends.setdefault(other, []).append(one)
    return ends
