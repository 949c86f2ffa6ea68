"""Every order of deliveries, losses and crashes of a small system, on the production code.

A state of the system is the state of each node, the set of all messages ever sent, and how many
crashes are left. Any message may be delivered at any time, any number of times: that is loss,
doubling, delay and reordering at once. The search is breadth-first, so the first way that it finds
to a violation is a shortest one. In no state may there be:

- two chains of which neither is a prefix of the other;
- two blocks for one slot, each accepted by a quorum in one ballot, or one such block and another
  one in a chain (votes are never forgotten: see `Vote`; who votes in a slot is counted anew from
  the chain);
- two blocks proposed for one slot in one ballot;
- a block in a chain that no quorum accepted in one ballot;
- a node that would answer a question by less than a slot in which it once accepted, and so could
  hide a decision from a read (see `benmo.paxos.quorum_reads`);
- a node that asks how far the chain is, and confirms less than some node's chain, whichever quorum
  answers;
- a node that forgets in a crash what it promised or accepted, or can't start after one;
- a failed assertion of the production code, or a fault that it finds with a peer.

A few states stand for many. The first two reductions are sound whatever the code does; the others
rest on what is said of the code here and in `reductions.py`; the tests compare them with a search
that does without, and asks for changes at any time:

Covered states.
    Messages are never taken away. So of two states with the same nodes and as many crashes left,
    the one with more messages can do all that the other can, and shows each violation that the
    other shows: the checks ask whether something is there, not whether something is missing. A
    state is not explored if its messages are a part of those of another state that was reached in
    no more steps. (The check for a quorum does ask for what is missing. It is redundant: it only
    finds sooner what leads to different blocks later, and nothing relies on its silence.)

Replies at once.
    A node that answers a message without a change in itself (with a `Nack`, with blocks) can
    always do so at once: the state afterwards covers the one before.

Messages without a further effect.
    What can't change its receiver any more, neither now nor later, is taken away: so states differ
    only in messages that matter. `is_spent` says which; what does change the receiver is kept.

Crashes that are over, and crashes that lose nothing.
    What a disk would lose tells two states apart only as long as a crash is left. A crash that
    leaves the node as it was is none.

Leaderships that can't be tried again.
    A node without a campaign left that only gives up, or crashes, could as well lose all further
    answers, unless it would go on by itself as its chain grows: see `may_lose_answers`.

Changes of the members are asked for right before they are proposed or forwarded.
    Earlier, that changes nothing but what waits in a node's memory. A change that was decided is
    void, so asking for it again, late or twice, does nothing.

Blocks may be asked for at any time.
    Every `Behind` is there from the start, from each node to each other and at any height. So
    heartbeats, which make nodes ask, aren't needed; and what nodes remember of each other's
    heights, which decides whom they ask and when, doesn't tell two states apart.

A small system shows much, but not all. Three nodes with two leaders, two slots and a crash show
most known mistakes; but to propose the lowest instead of the highest reported ballot does harm only
with a third campaign, and to count a vote twice only with five nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from benmo.paxos.types import NodeId
from benmo.sim.explore.checks import Checks
from benmo.sim.explore.system import Cause, Local, System, Transition
from benmo.sim.violation import Finding

STATE_BITS = 24
_STATE = (1 << STATE_BITS) - 1
_REPORTED_EACH = 2000


class Place(NamedTuple):
    """A state of the system: `nodes` packs the nodes' states and the crashes left."""

    nodes: int
    messages: int


class Move(NamedTuple):
    """An event of an actor in a state. Its cause is a message's bit, or another."""

    actor_index: int
    cause: int | Cause
    transition: Transition


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A violation and a shortest way to it: `places`, the first of which is the start.

    The violation is in the last place, or in the `move` that follows it.
    """

    places: tuple[Place, ...]
    move: Move | None
    violation: Finding


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search. `states` counts those that were neither seen nor covered before."""

    states: int
    transitions: int
    depth: int
    node_states: int
    messages: int
    is_whole: bool
    counterexample: Counterexample | None


SearchWatcher = Callable[[int, int, int], None]
"""Called with the number of states, of those that still wait, and with the depth."""


class Search:
    """One exploration of `system`."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._shifts = tuple(index * STATE_BITS for index in range(len(system.bounds.actors)))
        self._crashes_shift = len(self._shifts) * STATE_BITS
        shifts: dict[NodeId, list[int]] = {}
        for actor, shift in zip(system.bounds.actors, self._shifts, strict=True):
            shifts.setdefault(actor.node, []).append(shift)
        self._shifts_of_nodes = list(shifts.values())
        self._fullest: dict[int, list[int]] = {}
        """By `Place.nodes`: the sets of messages of the states there, none a part of another."""
        self._parents: dict[Place, Place | None] = {}
        self._checks = Checks(system)
        self._transitions = 0

    @property
    def reached(self) -> set[int]:
        """The nodes' states that were reached together, packed as in `Place.nodes`."""
        return set(self._fullest)

    def run(
        self, states_max: int | None = None, watcher: SearchWatcher | None = None
    ) -> SearchResult:
        """Explore everything, or stop at the first violation or after `states_max` states."""
        depth = 0
        try:
            frontier = self._start()
            while frontier:
                depth += 1
                following: list[Place] = []
                for count, place in enumerate(frontier):
                    if watcher is not None and count % _REPORTED_EACH == 0:
                        watcher(len(self._parents), len(frontier) - count + len(following), depth)
                    if place.messages in self._fullest[place.nodes]:
                        following.extend(self._advance(place))
                    if states_max is not None and len(self._parents) >= states_max:
                        return self._result(depth, False, None)
                frontier = following
        except _Wrong as wrong:
            return self._result(depth, False, wrong.counterexample)
        return self._result(depth, True, None)

    def moves(self, place: Place) -> tuple[Place, list[Move], list[Move]]:
        """Return the place once all replies are sent, those replies, and the moves from there."""
        messages, replies = place.messages, []
        while True:
            before = messages
            for index, local in self._locals(Place(place.nodes, messages)):
                for bit, sent in local.replies.items():
                    if messages & bit and sent & ~messages:
                        messages |= sent
                        reply = Transition(self.state(place, index), sent, 0)
                        replies.append(Move(index, bit, reply))
            if messages == before:
                break
        full = Place(place.nodes, messages)
        return full, replies, list(self._changes(full))

    def after(self, place: Place, move: Move) -> Place:
        """Compute the place to which a move leads."""
        shift = self._shifts[move.actor_index]
        flip = (self.state(place, move.actor_index) ^ move.transition.target) << shift
        nodes = (place.nodes ^ flip) - (move.transition.crashes << self._crashes_shift)
        if move.transition.crashes and not nodes >> self._crashes_shift:
            nodes = self._calm(nodes)
        return self._without_spent(nodes, place.messages | move.transition.sent)

    def _calm(self, nodes: int) -> int:
        """The nodes' states where nobody crashes any more."""
        return sum(self._system.calm(nodes >> shift & _STATE) << shift for shift in self._shifts)

    def _without_spent(self, nodes: int, messages: int) -> Place:
        """Take away the messages that are spent at each member of their receiver."""
        learn, spent = self._system.learn, 0
        for shifts in self._shifts_of_nodes:
            at_all = -1
            for shift in shifts:
                at_all &= learn(nodes >> shift & _STATE, messages).spent
            spent |= at_all
        return Place(nodes, messages & ~spent)

    def state(self, place: Place, index: int) -> int:
        """Return the number of an actor's state."""
        return place.nodes >> self._shifts[index] & _STATE

    def local(self, place: Place, index: int) -> Local:
        """Return the state of an actor."""
        return self._system.locals[self.state(place, index)]

    def _start(self) -> list[Place]:
        states, messages = self._system.first()
        nodes = self._system.bounds.crashes << self._crashes_shift
        for shift, state in zip(self._shifts, states, strict=True):
            nodes |= state << shift
        first = Place(nodes, messages)
        self._fullest[nodes] = [messages]
        self._parents[first] = None
        return [first]

    def _advance(self, place: Place) -> Iterator[Place]:
        full, _, moves = self.moves(place)
        for move in moves:
            self._transitions += 1
            if move.transition.violation is not None:
                raise _Wrong(Counterexample(self._path(place), move, move.transition.violation))
            following = self.after(full, move)
            if self._is_new(following):
                self._parents[following] = place
                self._check(following)
                yield following

    def _changes(self, place: Place) -> Iterator[Move]:
        crashes_left = place.nodes >> self._crashes_shift
        for index, local in self._locals(place):
            for cause, transition in self._system.spontaneous(self.state(place, index)):
                if transition.crashes <= crashes_left:
                    yield Move(index, cause, transition)
            for bit, transitions in local.transitions.items():
                if place.messages & bit:
                    for transition in transitions:
                        if transition.crashes <= crashes_left:
                            yield Move(index, bit, transition)

    def _all(self, place: Place) -> list[Local]:
        return [self.local(place, index) for index in range(len(self._shifts))]

    def _locals(self, place: Place) -> Iterator[tuple[int, Local]]:
        for index in range(len(self._shifts)):
            yield index, self._system.learn(self.state(place, index), place.messages)

    def _is_new(self, place: Place) -> bool:
        """Whether no known state covers this one; if so, drop the states that it covers."""
        nodes, messages = place
        known = self._fullest.get(nodes)
        if known is None:
            self._fullest[nodes] = [messages]
            return True
        for other in known:
            if other | messages == other:
                return False
        self._fullest[nodes] = [other for other in known if other | messages != messages]
        self._fullest[nodes].append(messages)
        return True

    def _check(self, place: Place) -> None:
        violation = self._checks.violation(self._all(place), place.messages & self._system.watched)
        if violation is not None:
            raise _Wrong(Counterexample(self._path(place), None, violation))

    def _path(self, place: Place) -> tuple[Place, ...]:
        path = [place]
        while (parent := self._parents[path[-1]]) is not None:
            path.append(parent)
        return tuple(reversed(path))

    def _result(self, depth: int, is_whole: bool, found: Counterexample | None) -> SearchResult:
        known = (len(self._system.locals), len(self._system.letters))
        return SearchResult(len(self._parents), self._transitions, depth, *known, is_whole, found)


class _Wrong(Exception):
    """Ends a search at a counterexample."""

    def __init__(self, counterexample: Counterexample) -> None:
        super().__init__(counterexample.violation.sentence)
        self.counterexample = counterexample
