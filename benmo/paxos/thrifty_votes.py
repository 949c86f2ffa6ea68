"""Which nodes a busy stable leader asks for votes: a quorum, and all others only now and then.

Each acceptor beyond a quorum costs the leader a message out and one in, and the acceptor a wake-up
and a sync, for a vote that no decision waits for. *There Is More Consensus in Egalitarian
Parliaments* (Moraru, Andersen and Kaminsky, 2013) calls a leader thrifty that does without:

    asked at once    nodes whose votes decided the slot before, and nodes whose users wait
    asked later      all others: with the first proposal made `thrift_s` after all were last asked;
                     or as soon as one of the nodes that were asked becomes unreachable;
                     or when the proposal isn't decided within `thrift_s`

A node that is asked later is behind by then, and catches up as it does after lost messages. Any
quorum may be asked, so this module is a matter of time only. A leader that isn't busy asks all
nodes. So does a leader with a large block: most of its cost is its bytes, which all nodes need.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf

from benmo.paxos.types import NodeId, Settings, Tenure


class ThriftyVotes:
    """Knows which nodes were asked to accept the proposal under way, and which were left out."""

    def __init__(self, settings: Settings) -> None:
        self.deadline = inf
        """When to ask the rest, if the proposal isn't decided before; in seconds."""
        self._settings = settings
        self._voters: Collection[NodeId] = ()
        self._asked: Collection[NodeId] = ()
        self._rest: Sequence[NodeId] = ()
        self._all_asked_at = -inf

    @property
    def _is_on(self) -> bool:
        return self._settings.tenure is Tenure.STABLE and self._settings.thrift_s > 0

    def ask(
        self, nodes: Sequence[NodeId], payers: Collection[NodeId], quorum: int, now: float
    ) -> list[NodeId]:
        """Choose, of `nodes`, those to ask now; this node and `payers` are always among them.

        `quorum` is how many votes decide.
        """
        if not self._is_on:
            return list(nodes)
        chosen = {self._settings.node, *self._voters, *payers}
        asked = [node for node in nodes if node in chosen]
        is_due = now >= self._all_asked_at + self._settings.thrift_s
        has_voters = sum(node in self._voters for node in asked) >= quorum - 1
        if is_due or not has_voters:
            asked = list(nodes)
        self._asked = asked
        self._rest = [node for node in nodes if node not in asked]
        if self._rest:
            self.deadline = now + self._settings.thrift_s
        else:
            self.deadline, self._all_asked_at = inf, now
        return asked

    def rest(self, now: float) -> Sequence[NodeId]:
        """The nodes that weren't asked, once the proposal takes too long; none before that."""
        if now < self.deadline:
            return ()
        rest = self._rest
        self.end()
        self._all_asked_at = now
        return rest

    def on_decided(self, voters: Collection[NodeId]) -> None:
        """Note that the votes of `voters`, the first to come, decided the proposal."""
        self.end()
        if self._is_on:
            self._voters = [node for node in voters if node != self._settings.node]

    def on_gone(self, peer: NodeId, now: float) -> None:
        """Make the rest due at once if a peer that was asked became unreachable.

        If that peer was a voter, the next proposal goes to all nodes.
        """
        if peer in self._voters:
            self._voters = ()
        if self._rest and peer in self._asked:
            self.deadline = now

    def end(self) -> None:
        """Forget the proposal; the next goes to all nodes, unless `on_decided` follows."""
        self.deadline = inf
        self._rest = self._asked = self._voters = ()
