"""The size of an explored system: its processes, and how much may happen in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import NamedTuple

from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Change, ChangeKind, MemberId, NodeId, Settings, Tenure
from benmo.sim.explore.snapshot import ROUND_S
from benmo.sim.member_names import label_of, numbered_successor

_DELAY_S = 8 * ROUND_S
_BALANCE = 100


class Actor(NamedTuple):
    """A process of the system: it speaks for a node, as one of the members of that node."""

    node: NodeId
    member: MemberId

    @property
    def label(self) -> str:
        """The node's number, with a letter for each later member: `2`, `2b`."""
        return label_of(self.member)


@dataclass(frozen=True)
class Bounds:
    """The size of the explored system.

    Nodes 1 to `leaders` may campaign, each of their members `campaigns` times, and have `slots`
    transfers queued; `crashes` counts those of all actors together. Nothing is proposed above slot
    `slots`, and a block holds one transfer, or none.

    `changes` are of one `kind`, each of which may be asked for at any time. Node `changed` is
    replaced, once or more; or that many nodes are added, or removed. The changes wait for no other:
    a later one is void until those before it are decided. None is proposed for the last slot, which
    would have nothing to decide after it.
    """

    nodes: int = 3
    leaders: int = 2
    slots: int = 2
    crashes: int = 1
    campaigns: int = 1
    tenure: Tenure = Tenure.STABLE
    forwarding: bool = True
    """Whether queues are forwarded to a stable leader; if not, those messages are all lost."""
    changes: int = 0
    kind: ChangeKind = ChangeKind.REPLACE
    changed: NodeId = 2
    reduces: bool = True
    """Whether a state may stand for others, as `benmo.sim.explore.search` says; tests compare."""

    @cached_property
    def ids(self) -> tuple[NodeId, ...]:
        """The nodes with which the cluster is founded."""
        return tuple(range(1, self.nodes + 1))

    @cached_property
    def founders(self) -> tuple[Actor, ...]:
        return tuple(Actor(node, numbered_member(node)) for node in self.ids)

    @cached_property
    def planned(self) -> tuple[Change, ...]:
        """The changes that may be asked for, in the order in which they make sense."""
        return tuple(self._planned(number) for number in range(self.changes))

    def _planned(self, number: int) -> Change:
        if self.kind is ChangeKind.REPLACE:
            before, after = (numbered_successor(self.changed, number + i) for i in (0, 1))
            return Change(self.kind, self.changed, before, after, "new", number + 1)
        if self.kind is ChangeKind.REMOVE:
            node = self.nodes - number
            return Change(self.kind, node, numbered_member(node))
        node = self.nodes + 1 + number
        return Change(self.kind, node, "", numbered_member(node), "new", node)

    @cached_property
    def actors(self) -> tuple[Actor, ...]:
        """The processes of the system: those of the founders, and those of members that may come.

        All run from the start: nothing keeps a new one from that, and nobody stops an old one.
        """
        known = {actor.member for actor in self.founders}
        new = [each for each in self.planned if each.member and each.member not in known]
        return (*self.founders, *(Actor(each.node, each.member) for each in new))

    @cached_property
    def all_nodes(self) -> tuple[NodeId, ...]:
        """The nodes, and those that may be added."""
        return tuple(sorted({actor.node for actor in self.actors}))

    @cached_property
    def without_crashes(self) -> Bounds:
        return replace(self, crashes=0)

    @property
    def forwards(self) -> bool:
        """Whether anything is forwarded: only to a stable leader is."""
        return self.forwarding and self.tenure is Tenure.STABLE

    def may_lead(self, node: NodeId) -> bool:
        return node <= self.leaders

    def balance(self, node: NodeId) -> int:
        """What a node has at first: nothing, if it can't pay anyway, so that it can be removed."""
        return _BALANCE if self.may_lead(node) else 0

    def settings(self, actor: Actor) -> Settings:
        """Make an actor's settings: without heartbeats, and with every wait longer than a round."""
        delay = (_DELAY_S, _DELAY_S)
        return Settings(actor.node, actor.member, self.tenure, delay, ROUND_S, inf, _DELAY_S)
