"""The machines of a world, by member and by node: a node has several if it was ever replaced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from benmo.paxos.types import MemberId, NodeId
from benmo.sim.dice import Dice
from benmo.sim.machine import Machine
from benmo.sim.member_names import numbered_successor

_NEWEST_SHARE = 0.7
"""The share of what is meant for a node's number that reaches its newest machine, of several."""


class Roster:
    """All machines that there ever were, in the order in which they came.

    `make` makes the machine of a new member.
    """

    def __init__(self, seed: int, make: Callable[[NodeId, MemberId], Machine]) -> None:
        self.machines: dict[MemberId, Machine] = {}
        self._make = make
        self._of_node: defaultdict[NodeId, list[Machine]] = defaultdict(list)
        self._dice = Dice(seed, "one of a node's machines")

    @property
    def nodes(self) -> list[NodeId]:
        """The numbers of all nodes that there ever were."""
        return sorted(self._of_node)

    def add(self, node: NodeId) -> Machine:
        """Add a machine with a node's number: the node's first, or one that replaces another."""
        member = numbered_successor(node, len(self._of_node[node]))
        machine = self.machines[member] = self._make(node, member)
        self._of_node[node].append(machine)
        return machine

    def of_node(self, node: NodeId) -> list[Machine]:
        """A node's machines, the newest last; none if there was never such a node."""
        return self._of_node.get(node, [])

    def living(self, node: NodeId) -> list[Machine]:
        return [machine for machine in self._of_node[node] if machine.engine is not None]

    def one(self, node: NodeId) -> Machine:
        """The machine that is reached under a node's number: mostly the newest that lives."""
        living = self.living(node)
        if len(living) < 2:
            return (living or self._of_node[node])[-1]
        return living[-1] if self._dice.chance(_NEWEST_SHARE) else self._dice.pick(living)

    def member(self, sender: Machine, node: NodeId, latest: Mapping[NodeId, MemberId]) -> Machine:
        """The machine that a sender takes for a node's member, if it lives; else the newest.

        A new member, whose chain doesn't say that it votes, knows from the operator where those
        are that vote by the `latest` decision: the members' ids, by their nodes.
        """
        living, engine = self.living(node), sender.engine
        is_new = engine is not None and engine.membership.find(sender.member) is None
        known = latest if engine is None or is_new else engine.membership.ids
        named = [machine for machine in living if machine.member == known.get(node)]
        return (named or living or self._of_node[node])[-1]
