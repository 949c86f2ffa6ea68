"""The cast of the tour: which node plays which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benmo.errors import Refused
from benmo.paxos.types import NodeId
from benmo.quorum import quorum_of

NODES_MIN = 3
MONEY = 13
"""The money that the payer needs: for the tour's transfers, and to repeat some of them."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The parts that nodes play: the payer is in the minority, the payee in the majority."""

    payer: NodeId
    payee: NodeId
    minority: tuple[NodeId, ...]
    majority: tuple[NodeId, ...]

    @property
    def everyone(self) -> tuple[NodeId, ...]:
        return tuple(sorted((*self.minority, *self.majority)))

    @property
    def nodes(self) -> int:
        return len(self.everyone)

    @property
    def quorum(self) -> int:
        return quorum_of(self.nodes)

    @property
    def victim(self) -> NodeId:
        """The node that crashes first."""
        return next(node for node in reversed(self.majority) if node != self.payee)

    @property
    def survivors(self) -> tuple[NodeId, ...]:
        """The nodes that are left after the first crash."""
        return tuple(node for node in self.everyone if node != self.victim)

    @property
    def other_victims(self) -> tuple[NodeId, ...]:
        """The nodes without which, after the first crash, no majority is left."""
        return tuple(node for node in self.majority if node != self.victim)

    @property
    def friend(self) -> NodeId:
        """The node that is paid while the payee is out of reach; in the minority, if possible."""
        others = [node for node in (*self.minority, *self.majority) if node != self.payer]
        return others[0]

    @property
    def neighbour(self) -> NodeId:
        """The node that the payee pays."""
        return next(node for node in self.majority if node != self.payee)

    @property
    def circle(self) -> tuple[NodeId, ...]:
        """The payer and as few others as make a majority, all of whose votes are needed."""
        return tuple(sorted((self.payer, *self.majority[: self.quorum - 1])))

    @property
    def outside(self) -> tuple[NodeId, ...]:
        """The nodes that are not in the circle."""
        return tuple(node for node in self.everyone if node not in self.circle)

    @property
    def heirs(self) -> tuple[NodeId, ...]:
        """The nodes that are left when the payer has died."""
        return tuple(node for node in self.everyone if node != self.payer)


def cast(available: Mapping[NodeId, int]) -> Cast:
    """Give out the parts; `available` is how much each node can spend. Raises `Refused`."""
    nodes = tuple(available)
    if len(nodes) < NODES_MIN:
        raise Refused(f"the tour needs {NODES_MIN} nodes: --fresh --nodes 5")
    payer = next((node for node in nodes if available[node] >= MONEY), None)
    if payer is None:
        raise Refused(f"the tour needs a node that has {MONEY} to spend: --fresh starts anew")
    others = [node for node in nodes if node != payer]
    strength = quorum_of(len(nodes))
    minority = tuple(sorted((payer, *others[: len(nodes) - strength - 1])))
    majority = tuple(node for node in nodes if node not in minority)
    return Cast(payer, majority[0], minority, majority)
