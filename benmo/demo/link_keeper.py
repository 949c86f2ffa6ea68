"""Has the nodes cut, slow and mend their links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from benmo.commands.answers import Rendered
from benmo.control.connection import NodeGone
from benmo.demo.links import Group, Links, Pair
from benmo.demo.node_threads import at_once
from benmo.demo.run_log import RunLog
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

    def __init__(self, links: Links, nodes: _Nodes, log: RunLog) -> None:
        self._links = links
        self._log = log
        self._nodes = nodes
        self._behind: set[NodeId] = set()
        """Nodes that were paused while links were changed, and don't know of that yet."""

    def partition(self, groups: Iterable[Group]) -> None:
        """Cut the links between these groups, and mend those within each group."""
        with self._changing(self._links.all, self._cut_line, self._delay_line):
            self._links.split(groups)

    def cut(self, ways: Iterable[Pair]) -> None:
        """Cut these ways: sender, receiver."""
        cut = set(ways)
        with self._changing({(min(way), max(way)) for way in cut}, self._cut_line):
            self._links.cut |= cut

    def mend(self, pairs: Sequence[Pair]) -> None:
        """Mend these links, also if a node's own `severLink` or `delayLink` cut or slowed them."""
        with self._changing(pairs, self._cut_line, self._delay_line):
            self._links.mend(pairs)

    def heal(self) -> None:
        """Mend every link, as `mend` does."""
        self.mend(self._links.all)

    def slow(self, pairs: Sequence[Pair], delay_ms: int) -> None:
        """Delay what is sent over these links, both ways; 0 ends a delay."""
        with self._changing(pairs, self._delay_line):
            self._links.slow(pairs, delay_ms)

    def set_up(self, nodes: Iterable[NodeId]) -> None:
        """Have these nodes set their own ends of all their links."""
        ends = {node: [other for other in self._links.nodes if other != node] for node in nodes}
        self._apply(ends, self._cut_line, self._delay_line)

    def starts_anew(self, node: NodeId) -> None:
        """Note that a node starts, and has its cuts from there."""
        self._behind.discard(node)

    def catch_up(self, nodes: Iterable[NodeId]) -> None:
        """Apply to these nodes, which were woken, what changed while they were paused."""
        behind = self._behind.intersection(nodes)
        self._behind -= behind
        self.set_up(sorted(behind))

    @contextmanager
    def _changing(self, pairs: Iterable[Pair], *lines_to: _LineTo) -> Iterator[None]:
        """Apply and log what is changed of these links in this context.

        All the while that a cut is in the log, nothing passes.
        """
        links = self._links
        cut, delays_ms = set(links.cut), dict(links.delays_ms)
        yield
        self._tell("healed", cut - links.cut)
        self._apply(_ends(pairs), *lines_to)
        self._tell("cut", links.cut - cut)
        slowed: dict[int, set[Pair]] = {}
        for one, other in links.all:
            delay_ms = links.delays_ms.get((one, other), 0)
            if delay_ms != delays_ms.get((one, other), 0):
                slowed.setdefault(delay_ms, set()).update([(one, other), (other, one)])
        for delay_ms, ways in slowed.items():
            self._tell("slowed", ways, delay_ms)

    def _tell(self, event: str, ways: set[Pair], delay_ms: int = 0) -> None:
        if ways:
            self._log.did_to_links(event, sorted(ways), delay_ms)

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

    def _cut_line(self, node: NodeId, other: NodeId) -> str:
        if (node, other) not in self._links.cut:
            return f"restoreLink {other}"
        one_way = "" if (other, node) in self._links.cut else " --one-way"
        return f"severLink {other}{one_way}"

    def _delay_line(self, node: NodeId, other: NodeId) -> str:
        return f"delayLink {other} {self._links.delays_of(node).get(other, 0)}"


def _ends(pairs: Iterable[Pair]) -> dict[NodeId, list[NodeId]]:
    """Both ends of these links: the nodes, each with those at the other ends."""
    ends: dict[NodeId, list[NodeId]] = {}
    for one, other in pairs:
        ends.setdefault(one, []).append(other)
        ends.setdefault(other, []).append(one)
    return ends
