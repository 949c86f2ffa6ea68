"""What the ends of a link learn of it: each notices after a while that it broke, or is back."""

from __future__ import annotations

from collections.abc import Callable

from benmo.engine.events import Event, LinkChanged
from benmo.paxos.types import NodeId
from benmo.sim.agenda import Agenda
from benmo.sim.dice import Dice
from benmo.sim.machine import Machine
from benmo.sim.network import Network
from benmo.sim.roster import Roster

NEWS_S = 0.2
"""The longest time until an end of a link notices that the link broke or is back."""


class LinkNews:
    """Tells machines which links are up. `happen` puts an event into a machine's inbox."""

    def __init__(
        self,
        roster: Roster,
        network: Network,
        agenda: Agenda,
        dice: Dice,
        happen: Callable[[Machine, Event], None],
    ) -> None:
        self._roster = roster
        self._network = network
        self._after = agenda.after
        self._dice = dice
        self._happen = happen

    def spread_news(self, one: NodeId, other: NodeId) -> None:
        """Let both ends of a link notice soon whether the link is up."""
        self._after(self._dice.share() * NEWS_S, self.tell, one, other)
        self._after(self._dice.share() * NEWS_S, self.tell, other, one)

    def tell(self, node: NodeId, peer: NodeId) -> None:
        """Let a node's machines know whether they are linked to a peer, if they don't already."""
        for machine in self._roster.living(node):
            is_up = self._is_up(machine, peer)
            if is_up == (peer in machine.told_up):
                continue
            if is_up:
                machine.told_up.add(peer)
            else:
                machine.told_up.discard(peer)
            self._happen(machine, LinkChanged(peer, is_up))

    def _is_up(self, machine: Machine, peer: NodeId) -> bool:
        """Whether both connections of a link can exist, to any of the peer's machines."""
        node = machine.node
        return (
            self._network.passes(node, peer)
            and self._network.passes(peer, node)
            and peer not in machine.sends_not | machine.takes_not
            and any(
                node not in other.sends_not | other.takes_not for other in self._roster.living(peer)
            )
        )
