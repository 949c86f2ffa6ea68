"""The links that are cut or slowed, remembered for nodes that are restarted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benmo.commands.arguments import split_arguments
from benmo.errors import NotUnderstood, Refused
from benmo.paxos.types import NodeId

Pair = tuple[NodeId, NodeId]
Group = tuple[NodeId, ...]

EVERY_NODE = "all"


class Links:
    """All links between the nodes. Each way may be cut alone; a delay is for both."""

    def __init__(self, nodes: Sequence[NodeId]) -> None:
        self.nodes = tuple(nodes)
        self.cut: set[Pair] = set()
        """The ways that are cut: `(2, 5)` stands for all that node 2 sends to node 5."""
        self.delays_ms: dict[Pair, int] = {}

    @property
    def is_whole(self) -> bool:
        """Whether no link is cut or slowed."""
        return not self.cut and not self.delays_ms

    @property
    def all(self) -> list[Pair]:
        """Each link once, the lower node first."""
        return pairs_between(self.nodes, self.nodes)

    def split(self, groups: Iterable[Group]) -> None:
        """Cut the links between these groups, and mend those within each group."""
        self.cut = ways_between(groups)

    def mend(self, pairs: Iterable[Pair]) -> None:
        """Forget cuts and delays of these links."""
        for one, other in pairs:
            self.cut -= {(one, other), (other, one)}
            self.delays_ms.pop((one, other), None)

    def heal(self) -> None:
        """Forget every cut and every delay."""
        self.mend(self.all)

    def slow(self, pairs: Iterable[Pair], delay_ms: int) -> None:
        """Set the delay of these links, in milliseconds; 0 ends it."""
        for pair in pairs:
            self.delays_ms.pop(pair, None)
            if delay_ms:
                self.delays_ms[pair] = delay_ms

    def cut_from(self, node: NodeId) -> list[NodeId]:
        """The nodes that this node is cut off from, both ways."""
        return [other for other in self._not_sent_to(node) if (other, node) in self.cut]

    def unheard_by(self, node: NodeId) -> list[NodeId]:
        """The nodes that don't hear this node, but are heard by it."""
        return [other for other in self._not_sent_to(node) if (other, node) not in self.cut]

    def _not_sent_to(self, node: NodeId) -> list[NodeId]:
        return [other for other in self.nodes if (node, other) in self.cut]

    def connected_to(self, node: NodeId) -> list[NodeId]:
        """The nodes that hear this node and are heard by it, itself included."""
        return [
            other
            for other in self.nodes
            if (node, other) not in self.cut and (other, node) not in self.cut
        ]

    def delays_of(self, node: NodeId) -> dict[NodeId, int]:
        """The delays of a node's slowed links, in milliseconds, by the node at the other end."""
        return {
            (pair[0] if pair[1] == node else pair[1]): delay_ms
            for pair, delay_ms in self.delays_ms.items()
            if node in pair
        }

    def shown(self) -> str:
        """The cuts: `1 2 | 3 4 5` if they part the nodes into groups, else a list."""
        groups = list(dict.fromkeys(tuple(self.connected_to(node)) for node in self.nodes))
        if sum(map(len, groups)) == len(self.nodes) and self.cut == ways_between(groups):
            return " | ".join(" ".join(map(str, group)) for group in groups)
        both = [f"{a}–{b}" for a, b in self.all if {(a, b), (b, a)} <= self.cut]
        one_way = [f"{a} to {b}" for a, b in sorted(self.cut) if (b, a) not in self.cut]
        return ", ".join([*both, *one_way])

    def summary(self) -> list[str]:
        """One line about the links that are cut, if any, and one about those that are slowed."""
        lines = [f"cut: {self.shown()}"] if self.cut else []
        delays = set(self.delays_ms.values())
        if len(self.delays_ms) == len(self.all) and len(delays) == 1:
            return [*lines, f"slowed: every link by {delays.pop()} ms"]
        each = [f"{a}–{b} by {delay_ms} ms" for (a, b), delay_ms in sorted(self.delays_ms.items())]
        return [*lines, f"slowed: {', '.join(each)}"] if each else lines


def read_groups(text: str, nodes: Sequence[NodeId]) -> tuple[Group, ...]:
    """Parse `1 2 | 3 4 5`; nodes that aren't named are one more group. Raises `Refused`."""
    parts = [read_nodes(part, nodes) for part in text.split("|")]
    named = [node for part in parts for node in part]
    for node in named:
        if named.count(node) > 1:
            raise Refused(f"node {node} can't be on two sides")
    rest = tuple(node for node in nodes if node not in named)
    groups = (*filter(None, parts), rest) if rest else tuple(filter(None, parts))
    if len(groups) < 2:
        raise Refused(f"that leaves all nodes together: {_example(nodes)} cuts them in two")
    return groups


def read_nodes(text: str, nodes: Sequence[NodeId]) -> tuple[NodeId, ...]:
    """Parse a list of nodes such as `1 2` or `1,2`, or `all`. Raises `Refused`."""
    words = split_arguments(text)
    if [word.lower() for word in words] == [EVERY_NODE]:
        return tuple(nodes)
    return tuple(dict.fromkeys(read_node(word, nodes) for word in words))


def read_node(word: str, nodes: Sequence[NodeId]) -> NodeId:
    """Parse a node's number. Raises `NotUnderstood`, or `Refused` if no node has it."""
    if not (word.isascii() and word.isdigit() and len(word) < 9):
        raise NotUnderstood(f"a node is a number from {min(nodes)} to {max(nodes)}, not {word!r}")
    if int(word) not in nodes:
        raise Refused(f"there is no node {int(word)}: nodes are {min(nodes)} to {max(nodes)}")
    return int(word)


def pairs_between(some: Sequence[NodeId], others: Sequence[NodeId]) -> list[Pair]:
    """Each link between one of `some` and one of `others`, once, the lower node first."""
    pairs = {(min(a, b), max(a, b)) for a in some for b in others if a != b}
    return sorted(pairs)


def ways_between(groups: Iterable[Group]) -> set[Pair]:
    """The ways from each node of a group to each node of another: sender, receiver."""
    apart = list(groups)
    return {
        (a, b)
        for group in apart
        for other in apart
        if group is not other
        for a in group
        for b in other
    }


def links_named(pairs: Sequence[Pair], nodes: Sequence[NodeId]) -> str:
    """Name links in the singular: the one, all of a cluster, all of one node, or a list."""
    if len(pairs) == 1:
        return f"the link between {pairs[0][0]} and {pairs[0][1]}"
    if len(pairs) == len(pairs_between(nodes, nodes)):
        return "each link"
    ends = [node for node in nodes if list(pairs) == pairs_between([node], nodes)]
    if ends:
        return f"each link of node {ends[0]}"
    return f"each of the links {', '.join(f'{one}–{other}' for one, other in pairs)}"


def _example(nodes: Sequence[NodeId]) -> str:
    minority = (len(nodes) - 1) // 2 or 1
    sides = (nodes[:minority], nodes[minority:])
    return "partition " + " | ".join(" ".join(map(str, side)) for side in sides)
