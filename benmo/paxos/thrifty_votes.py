"""Whom a busy stable leader asks for votes: a quorum, and all others only now and then.

Each acceptor more costs the leader a message out and one in, and the acceptor a wake-up and a
sync, for a vote that nobody waits for. *There Is More Consensus in Egalitarian Parliaments*
(Moraru, Andersen and Kaminsky, 2013) calls it thrifty to do without:

    asked at once    those whose votes decided the slot before, and those whose users wait
    asked later      the others: `thrift_s` after all were asked last; or as soon as one of those
                     who were asked is gone; or when the votes don't come within `thrift_s`

Whoever is asked later has been behind by then, and catches up as after lost messages: any majority
may be asked, so this is a matter of time only. A leader that isn't busy asks everybody; so does one
with a large block, which costs by its bytes, and those everybody needs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf

from benmo.paxos.types import NodeId, Settings, Tenure


class ThriftyVotes:
    """Who of a leader's peers was asked for the proposal under way, and who is to be asked yet."""

    def __init__(self, settings: Settings) -> None:
        self.deadline = inf
        """When to ask the rest, if the proposal isn't decided before."""
        self._settings = settings
        self._voters: Collection[NodeId] = ()
        self._asked: Collection[NodeId] = ()
        self._rest: Sequence[NodeId] = ()
        self._all_asked_at = -inf

    @property
    def _is_on(self) -> bool:
        return self._settings.tenure is Tenure.STABLE and self._settings.thrift_s > 0

    def ask(self, nodes: Sequence[NodeId], payers: Collection[NodeId], now: float) -> list[NodeId]:
        """Whom of these to ask now; this node is always one of them."""
        if not self._is_on:
            return list(nodes)
        chosen = {self._settings.node, *self._voters, *payers}
        asked = [node for node in nodes if node in chosen]
        is_due = now >= self._all_asked_at + self._settings.thrift_s
        has_voters = sum(node in self._voters for node in asked) >= self._settings.quorum - 1
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
        """Whom to ask besides, for the proposal is taking too long: nobody, or all the rest."""
        if now < self.deadline:
            return ()
        rest = self._rest
        self.end()
        self._all_asked_at = now
        return rest

    def on_decided(self, voters: Collection[NodeId]) -> None:
        """The proposal is decided, by the votes of these, which came first."""
        self.end()
        if self._is_on:
            self._voters = [node for node in voters if node != self._settings.node]

    def on_gone(self, peer: NodeId, now: float) -> None:
        """A peer became unreachable: it may be one whose vote is waited for."""
        if peer in self._voters:
            self._voters = ()
        if self._rest and peer in self._asked:
            self.deadline = now

    def end(self) -> None:
        """Nothing is under way any more; the next proposal goes to all, unless it is decided."""
        self.deadline = inf
        self._rest = self._asked = self._voters = ()
