"""The explored system in numbers, and what follows from each event, worked out once.

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
from benmo.paxos.types import Ballot, NodeId
from benmo.sim.explore.node import Moment, Outcome, Violation
from benmo.sim.explore.parts import Bounds, Sent


class Cause(Enum):
    """What happens to a node, other than a message."""

    CAMPAIGN = "campaign"
    TIME_OUT = "time out"
    CRASH = "crash"


class Envelope(NamedTuple):
    """A message that was sent: it may arrive at any time, any number of times, or never."""

    sender: NodeId
    to: NodeId
    message: Message


class Vote(NamedTuple):
    """Not a message, but kept like one: this node once accepted this block."""

    node: NodeId
    ballot: Ballot
    slot: int
    hash: str


class Step(NamedTuple):
    """What an event may lead to: the node's next state, what is sent, how many crashes it took.

    Or what must not happen and does.
    """

    target: int
    sent: int
    crashes: int
    violation: str = ""


@dataclass(slots=True)
class Local:
    """A state of a node and, as far as they are known, its answers to messages.

    `known` are the messages that were tried. In `replies` are those that leave the node as it is
    and have it send something, in `steps` those that don't; all others do nothing. Keys are bits.
    """

    moment: Moment
    chain: int
    vote: int
    told: int
    spontaneous: tuple[tuple[Cause, Step], ...] | None = None
    known: int = 0
    replies: dict[int, int] = field(default_factory=dict)
    steps: dict[int, tuple[Step, ...]] = field(default_factory=dict)


class System:
    """The tables. They are made anew for each search, since the code may have been changed."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.locals: list[Local] = []
        self.letters: list[Envelope | Vote] = []
        self.chains: list[tuple[str, ...]] = []
        self.watched = 0
        """The votes and the accept requests."""
        self._states: dict[object, int] = {}
        self._letters: dict[Envelope | Vote, int] = {}
        self._inbox = dict.fromkeys(bounds.ids, 0)

    def first(self) -> tuple[list[int], int]:
        """The nodes' states, and the messages there are from the start: every `Behind`."""
        states = [self._local(Moment.first(self.bounds, node)) for node in self.bounds.ids]
        asking = 0
        for sender in self.bounds.ids:
            others = [node for node in self.bounds.ids if node != sender]
            for height in range(self.bounds.slots + 1):
                asking |= self._bits(sender, [(to, Behind(height)) for to in others])
        return states, asking

    def learn(self, state: int, messages: int) -> Local:
        """The node's state, with its answers to all of these messages."""
        local = self.locals[state]
        unknown = messages & self._inbox[local.moment.node] & ~local.known
        if unknown:
            local.known |= unknown
            for bit in bits(unknown):
                self._file(state, bit)
        return local

    def spontaneous(self, state: int) -> tuple[tuple[Cause, Step], ...]:
        """What may happen to a node in this state without a message."""
        local = self.locals[state]
        if local.spontaneous is None:
            local.spontaneous = tuple(
                (cause, step) for cause in Cause for step in self._caused(state, cause)
            )
        return local.spontaneous

    def _caused(self, state: int, cause: Cause) -> Iterable[Step]:
        moment = self.locals[state].moment
        if cause is Cause.CAMPAIGN and moment.may_campaign:
            return self._steps(state, moment.campaign)
        if cause is Cause.TIME_OUT and moment.may_time_out:
            return self._steps(state, moment.time_out)
        if cause is Cause.CRASH and self.bounds.crashes:
            return sorted({self._step(state, after, (), 1) for after in moment.crash()})
        return ()

    def _file(self, state: int, bit: int) -> None:
        """Try a message on a node, and keep what it leads to."""
        local = self.locals[state]
        envelope = self.letters[bit.bit_length() - 1]
        assert isinstance(envelope, Envelope)
        steps = self._steps(state, partial(local.moment.receive, *envelope[::2]))
        first, *crashed = steps
        stays = first.target == state and not first.violation
        if stays and first.sent & ~local.vote:
            local.replies[bit] = first.sent
        changes = tuple(crashed) if stays else steps
        if changes:
            local.steps[bit] = changes

    def _steps(self, state: int, event: Callable[[], Outcome]) -> tuple[Step, ...]:
        """The whole event first, then those in which the node crashes in the middle."""
        try:
            outcome = event()
        except Violation as violation:
            return (self._step(state, violation, (), 0),)
        crashed = {self._step(state, after, sent, 1) for after, sent in outcome.crashed}
        return (self._step(state, outcome.moment, outcome.sent, 0), *sorted(crashed))

    def _step(self, state: int, after: Moment | Violation, sent: Sent, crashes: int) -> Step:
        message_bits = self._bits(self.locals[state].moment.node, sent)
        if isinstance(after, Violation):
            return Step(state, message_bits, crashes, str(after))
        try:
            target = self._local(after)
        except Violation as violation:
            return Step(state, message_bits, crashes, str(violation))
        return Step(target, message_bits | self.locals[target].vote, crashes)

    def _local(self, moment: Moment) -> int:
        number = self._states.get(moment.identity)
        if number is None:
            local = Local(moment, self._chain(moment.chain), self._vote(moment), moment.told)
            number = self._states[moment.identity] = len(self.locals)
            self.locals.append(local)
        return number

    def _chain(self, chain: tuple[str, ...]) -> int:
        if chain not in self.chains:
            self.chains.append(chain)
        return self.chains.index(chain)

    def _vote(self, moment: Moment) -> int:
        accepted = moment.replica.acceptor.accepted
        if accepted is None:
            return 0
        vote = Vote(moment.node, accepted.ballot, accepted.slot, accepted.block.hash)
        return self._bit(vote)

    def _bits(self, sender: NodeId, sent: Iterable[tuple[NodeId, Message]]) -> int:
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


def bits(messages: int) -> Iterator[int]:
    """Each bit of a set of messages, the lowest first."""
    while messages:
        bit = messages & -messages
        messages ^= bit
        yield bit
