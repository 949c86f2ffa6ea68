"""Every order of deliveries, losses and crashes of a small system, on the production code.

A state of the system is the state of each node, the set of all messages ever sent, and how many
crashes are left. Any message may be delivered at any time, any number of times: that is loss,
doubling, delay and reordering at once. The search is breadth-first, so the first way that it finds
to a violation is a shortest one. In no state may there be:

- two chains of which neither is a prefix of the other;
- two blocks for one slot, each accepted by a quorum in one ballot, or one such block and another
  one in a chain (votes are never forgotten: see `Vote`);
- two blocks proposed for one slot in one ballot;
- a block in a chain that no quorum accepted in one ballot;
- a node that would answer a question by less than a slot in which it once accepted, and so could
  hide a decision from a read (see `benmo.paxos.quorum_reads`);
- a node that forgets in a crash what it promised or accepted, or can't start after one;
- a failed assertion of the production code, or a fault that it finds with a peer.

A few states stand for many. The first two reductions are sound whatever the code does; the third
rests on what `Moment.identity` says of the code:

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
from itertools import combinations
from typing import NamedTuple

from benmo.paxos.messages import Accept
from benmo.paxos.types import Ballot
from benmo.sim.explore.system import Cause, Local, System, Transition, Vote, bits

STATE_BITS = 24
_STATE = (1 << STATE_BITS) - 1
_REPORTED_EACH = 2000


class Place(NamedTuple):
    """A state of the system: `nodes` packs the nodes' states and the crashes left."""

    nodes: int
    messages: int


class Move(NamedTuple):
    """An event of node `node_index + 1` in a state. Its cause is a message's bit, or another."""

    node_index: int
    cause: int | Cause
    transition: Transition


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A violation and a shortest way to it: `places`, the first of which is the start.

    The violation is in the last place, or in the `move` that follows it.
    """

    places: tuple[Place, ...]
    move: Move | None
    violation: str


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
        self._shifts = tuple(index * STATE_BITS for index in range(system.bounds.nodes))
        self._crashes_shift = len(self._shifts) * STATE_BITS
        self._fullest: dict[int, list[int]] = {}
        """By `Place.nodes`: the sets of messages of the states there, none a part of another."""
        self._parents: dict[Place, Place | None] = {}
        self._sound: set[tuple[int, ...]] = set()
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
        shift = self._shifts[move.node_index]
        flip = (self.state(place, move.node_index) ^ move.transition.target) << shift
        nodes = (place.nodes ^ flip) - (move.transition.crashes << self._crashes_shift)
        return Place(nodes, place.messages | move.transition.sent)

    def state(self, place: Place, index: int) -> int:
        """Return the number of node `index + 1`'s state."""
        return place.nodes >> self._shifts[index] & _STATE

    def local(self, place: Place, index: int) -> Local:
        """Return the state of node `index + 1`."""
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
            if move.transition.violation:
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
        locals_ = [self.local(place, index) for index in range(len(self._shifts))]
        chains = [local.chain for local in locals_]
        watched = place.messages & self._system.watched
        heights = tuple(local.confirmed_height for local in locals_)
        key = (watched, *heights, *sorted(set(chains)))
        if key not in self._sound:
            wrong = self._what_is_wrong(chains, watched)
            violation = wrong or self._what_is_hidden(heights, watched)
            if violation:
                raise _Wrong(Counterexample(self._path(place), None, violation))
            self._sound.add(key)

    def _what_is_wrong(self, numbers: list[int], watched: int) -> str:
        chains = [self._system.chains[number] for number in numbers]
        for (one, chain), (other, another) in combinations(enumerate(chains, 1), 2):
            for slot, (mine, theirs) in enumerate(zip(chain, another, strict=False), 1):
                if mine != theirs:
                    return f"nodes {one} and {other} have different blocks in slot {slot}"
        letters = [self._system.letters[bit.bit_length() - 1] for bit in bits(watched)]
        quorum = self._system.bounds.nodes // 2 + 1
        chosen = _chosen([letter for letter in letters if isinstance(letter, Vote)], quorum)
        for slot, hashes in chosen.items():
            in_chains = {chain[slot - 1] for chain in chains if len(chain) >= slot}
            if len(hashes | in_chains) > 1:
                return f"quorums have accepted different blocks for slot {slot}"
        for node, chain in enumerate(chains, 1):
            for slot, block_hash in enumerate(chain, 1):
                if block_hash not in chosen.get(slot, ()):
                    return f"node {node} decided slot {slot} without a quorum"
        return _contradiction([each.message for each in letters if not isinstance(each, Vote)])

    def _what_is_hidden(self, heights: tuple[int, ...], watched: int) -> str:
        letters = [self._system.letters[bit.bit_length() - 1] for bit in bits(watched)]
        for vote in letters:
            if isinstance(vote, Vote) and heights[vote.node - 1] < vote.slot:
                height = heights[vote.node - 1]
                return f"node {vote.node} answers {height}, and has accepted slot {vote.slot}"
        return ""

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
        super().__init__(counterexample.violation)
        self.counterexample = counterexample


def _chosen(votes: list[Vote], quorum: int) -> dict[int, set[str]]:
    """Find, by slot, the hashes of the blocks that a quorum accepted in one ballot."""
    nodes: dict[tuple[int, Ballot, str], set[int]] = {}
    for vote in votes:
        nodes.setdefault((vote.slot, vote.ballot, vote.hash), set()).add(vote.node)
    chosen: dict[int, set[str]] = {}
    for (slot, _, block_hash), voters in nodes.items():
        if len(voters) >= quorum:
            chosen.setdefault(slot, set()).add(block_hash)
    return chosen


def _contradiction(messages: list[object]) -> str:
    proposed: dict[tuple[Ballot, int], str] = {}
    for message in messages:
        assert isinstance(message, Accept)
        proposal = message.proposal
        key = (proposal.ballot, proposal.slot)
        if proposed.setdefault(key, proposal.block.hash) != proposal.block.hash:
            return f"two blocks are proposed for slot {proposal.slot} in ballot {proposal.ballot}"
    return ""
