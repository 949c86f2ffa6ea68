"""The explored system in numbers, and the transition of each event, computed once.

A node's next state depends only on its own state and the event. So each state of a node, each
message and each chain gets a number, and the production code runs once for each state and event
that meet; everything else is arithmetic. A set of messages is one integer, a bit per message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple

from benmo.paxos.messages import Accept, Behind, Message
from benmo.paxos.types import Ballot, Change, NodeId
from benmo.sim.checkers.history import Voters
from benmo.sim.explore.bounds import Actor, Bounds
from benmo.sim.explore.node import EventResult, Moment
from benmo.sim.explore.parts import Sent
from benmo.sim.explore.reductions import is_spent
from benmo.sim.violation import Finding, Violation


class Cause(Enum):
    """An event of a node other than a message."""

    ASK = "ask for a change"
    CAMPAIGN = "campaign"
    TIME_OUT = "time out"
    CRASH = "crash"


class Envelope(NamedTuple):
    """A sent message, which may arrive at any time, any number of times, or never.

    Of the members of its receiver, any may get it, and more than one.
    """

    sender: Actor
    to: NodeId
    message: Message


class Vote(NamedTuple):
    """The fact that a member once accepted a block: no message, but kept like one."""

    actor: Actor
    ballot: Ballot
    slot: int
    hash: str


class Transition(NamedTuple):
    """The effect of an event: the node's next state, the sent messages, the crashes it took.

    With a `violation`, the event did what must not happen. If a change was `asked` for right before
    the event, it is the planned one of that number, from 1.
    """

    target: int
    sent: int
    crashes: int
    violation: Finding | None = None
    asked: int = 0


@dataclass(slots=True)
class Local:
    """A state of a node and, as far as they are known, its answers to messages.

    `known` are the messages that were tried. `replies` has those that leave the node as it is and
    make it send something, `transitions` those that change it; all others do nothing, and the
    `spent` ones never will again. Keys are bits. `calm` is the number of the same state where
    nobody crashes any more.
    """

    moment: Moment
    chain: int
    vote: int
    confirmed_height: int
    spontaneous: tuple[tuple[Cause, Transition], ...] | None = None
    known: int = 0
    spent: int = 0
    calm: int | None = None
    replies: dict[int, int] = field(default_factory=dict)
    transitions: dict[int, tuple[Transition, ...]] = field(default_factory=dict)


class System:
    """The tables of one search: another one makes them anew, for the code may have changed."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.locals: list[Local] = []
        self.letters: list[Envelope | Vote] = []
        self.chains: list[tuple[str, ...]] = []
        self.voters: list[list[Voters]] = []
        """For each of the chains: who votes in slot 1, 2, …, and in the one after the chain."""
        self.watched = 0
        """The bits of the votes and of the accept requests."""
        self._states: dict[object, int] = {}
        self._letters: dict[Envelope | Vote, int] = {}
        self._inbox = dict.fromkeys(bounds.all_nodes, 0)

    def first(self) -> tuple[list[int], int]:
        """Make the nodes' first states, and the messages of the start: every `Behind`."""
        actors = self.bounds.actors
        states = [self._local(Moment.first(self.bounds, actor)) for actor in actors]
        asking = 0
        for sender in actors:
            others = [node for node in self.bounds.all_nodes if node != sender.node]
            for height in range(self.bounds.slots + 1):
                asking |= self._bits(sender, [(to, Behind(height)) for to in others])
        return states, asking

    def learn(self, state: int, messages: int) -> Local:
        """Return a node's state, with its answers to all of these messages."""
        local = self.locals[state]
        unknown = messages & self._inbox[local.moment.actor.node] & ~local.known
        if unknown:
            local.known |= unknown
            for bit in bits(unknown):
                self._file(state, bit)
        return local

    def spontaneous(self, state: int) -> tuple[tuple[Cause, Transition], ...]:
        """Return the transitions of a node in this state without a message."""
        local = self.locals[state]
        if local.spontaneous is None:
            local.spontaneous = tuple(
                (cause, each) for cause in Cause for each in self._caused(state, cause)
            )
        return local.spontaneous

    def _caused(self, state: int, cause: Cause) -> Iterable[Transition]:
        moment = self.locals[state].moment
        if cause is Cause.ASK:
            return self._asked(state)
        if cause is Cause.CAMPAIGN and moment.may_campaign:
            return self._tried(state, moment.campaign)
        if cause is Cause.TIME_OUT and moment.may_time_out:
            return self._tried(state, moment.time_out)
        if cause is Cause.CRASH and moment.bounds.crashes:
            crashed = {self._filed(state, after, (), 1) for after in moment.crash()}
            kept = (each for each in crashed if not self._loses_nothing(state, each))
            return sorted(kept, key=_in_order)
        return ()

    def calm(self, state: int) -> int:
        """Return the number of the same state where nobody crashes any more."""
        local = self.locals[state]
        if local.calm is None:
            local.calm = self._local(local.moment.calm)
        return local.calm

    def _loses_nothing(self, state: int, crash: Transition) -> bool:
        """Whether a crash leaves a node as it was, or as one that gets no further answers."""
        if crash.violation or not self.bounds.reduces:
            return False
        before, after = self.locals[state].moment, self.locals[crash.target].moment
        return self.calm(state) == self.calm(crash.target) or after.has_only_given_up(before)

    def _asked(self, state: int) -> Iterator[Transition]:
        """Ask for changes. What only waits for a proposal then is asked for right before that."""
        moment = self.locals[state].moment
        for change in moment.askable:
            transitions = self._tried(state, partial(moment.ask_for, change), change)
            is_seen = transitions[0].sent or transitions[0].violation
            if is_seen or not self.bounds.reduces:
                yield from transitions

    def _asked_before(self, state: int, envelope: Envelope) -> Iterator[Transition]:
        """Ask for a change right before a message that leads to its proposal."""
        moment = self.locals[state].moment
        for change in moment.askable:
            event = partial(moment.receive, envelope.sender, envelope.message, change)
            transitions = self._tried(state, event, change)
            after = self.locals[transitions[0].target].moment
            if transitions[0].violation or after.has_proposed(change, moment):
                yield from transitions

    def _file(self, state: int, bit: int) -> None:
        """Try a message on a node, and keep its transitions."""
        local = self.locals[state]
        envelope = self.letters[bit.bit_length() - 1]
        assert isinstance(envelope, Envelope)
        transitions = self._tried(state, partial(local.moment.receive, *envelope[::2]))
        first, *crashed = transitions
        after = self.locals[first.target].moment
        stays = first.target == state and not first.violation
        stays = stays or (not first.sent & ~local.vote and after.has_only_given_up(local.moment))
        if stays and first.sent & ~local.vote:
            local.replies[bit] = first.sent
        changes = tuple(crashed) if stays else transitions
        changes += tuple(self._asked_before(state, envelope))
        if changes:
            local.transitions[bit] = changes
        elif self.bounds.reduces and is_spent(local.moment, envelope.message):
            local.spent |= bit

    def _tried(
        self, state: int, event: Callable[[], EventResult], asked: Change | None = None
    ) -> tuple[Transition, ...]:
        """Try an event: the whole event first, then with crashes in the middle."""
        number = 0 if asked is None else 1 + self.bounds.planned.index(asked)
        try:
            result = event()
        except Violation as violation:
            return (self._filed(state, violation, (), 0, number),)
        crashed = {self._filed(state, after, sent, 1, number) for after, sent in result.crashed}
        whole = self._filed(state, result.moment, result.sent, 0, number)
        return (whole, *sorted(crashed, key=_in_order))

    def _filed(
        self, state: int, after: Moment | Violation, sent: Sent, crashes: int, asked: int = 0
    ) -> Transition:
        message_bits = self._bits(self.locals[state].moment.actor, sent)
        if isinstance(after, Violation):
            return Transition(state, message_bits, crashes, after.finding, asked)
        try:
            target = self._local(after)
        except Violation as violation:
            return Transition(state, message_bits, crashes, violation.finding, asked)
        return Transition(target, message_bits | self.locals[target].vote, crashes, None, asked)

    def _local(self, moment: Moment) -> int:
        number = self._states.get(moment.identity)
        if number is None:
            height = moment.confirmed_height
            local = Local(moment, self._chain(moment), self._vote(moment), height)
            number = self._states[moment.identity] = len(self.locals)
            self.locals.append(local)
        return number

    def _chain(self, moment: Moment) -> int:
        chain = moment.chain
        if chain not in self.chains:
            self.chains.append(chain)
            self.voters.append(self._voters(moment))
        return self.chains.index(chain)

    def _voters(self, moment: Moment) -> list[Voters]:
        """Count anew who votes in each slot up to the one after this chain."""
        founders = dict(self.bounds.founders)
        found = [Voters(founders, tuple(founders.values()))]
        for slot in range(1, len(moment.chain) + 1):
            voters, change = found[-1], moment.block(slot).change
            is_void = change is None or voters.is_void(change)
            found.append(voters if change is None or is_void else voters.after(change))
        return found

    def _vote(self, moment: Moment) -> int:
        accepted = moment.replica.acceptor.accepted
        if accepted is None:
            return 0
        vote = Vote(moment.actor, accepted.ballot, accepted.slot, accepted.block.hash)
        return self._bit(vote)

    def _bits(self, sender: Actor, sent: Iterable[tuple[NodeId, Message]]) -> int:
        found = 0
        for to, message in sent:
            found |= self._bit(Envelope(sender, to, message))
        return found

    def _bit(self, letter: Envelope | Vote) -> int:
        number = self._letters.get(letter)
        if number is None:
            number = self._letters[letter] = len(self.letters)
            self.letters.append(letter)
            if isinstance(letter, Vote) or isinstance(letter.message, Accept):
                self.watched |= 1 << number
            if isinstance(letter, Envelope):
                self._inbox[letter.to] |= 1 << number
        return 1 << number


def _in_order(transition: Transition) -> tuple[int, int, int, str, int]:
    target, sent, crashes, violation, asked = transition
    return (target, sent, crashes, "" if violation is None else violation.sentence, asked)


def bits(messages: int) -> Iterator[int]:
    """Iterate over the bits of a set of messages, the lowest first."""
    while messages:
        bit = messages & -messages
        messages ^= bit
        yield bit
