"""The network between the nodes: bytes that arrive late, twice, out of order, or never."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.network.wire import decode_message, encode_message
from benmo.paxos.messages import Confirm, Confirmed, Message
from benmo.paxos.types import NodeId
from benmo.sim.dice import Dice
from benmo.sim.plan import CALM, Weather

_MEMO_MAX = 2000

_LINK, _QUESTIONS = "link", "questions"
"""The two streams of chance that each link has."""


class WireCache:
    """Encodes and decodes messages as the product does, the same message or bytes only once."""

    def __init__(self) -> None:
        self._encoded: tuple[Message | None, bytes] = (None, b"")
        self._decoded: dict[bytes, Message] = {}

    def encode(self, message: Message) -> bytes:
        if self._encoded[0] is not message:
            self._encoded = (message, encode_message(message))
        return self._encoded[1]

    def decode(self, data: bytes) -> Message:
        message = self._decoded.get(data)
        if message is None:
            if len(self._decoded) >= _MEMO_MAX:
                self._decoded.clear()
            message = self._decoded[data] = decode_message(data)
        return message


@dataclass(slots=True)
class _Lane:
    dice: Dice
    latest: float = 0.0


class Network:
    """The cuts between nodes, and the fate of each message.

    Every link has its own stream of chance, and another one for questions and their answers: so a
    run without questions is much the same otherwise.
    """

    def __init__(self, seed: int, weather: Weather) -> None:
        self._seed = seed
        self._weather = weather
        self._lanes: dict[tuple[NodeId, NodeId, str], _Lane] = {}
        self._cuts: dict[int, tuple[tuple[NodeId, NodeId], ...]] = {}
        self._blocked: dict[tuple[NodeId, NodeId], int] = {}
        self._muted: dict[int, tuple[tuple[str, ...], float]] = {}

    def passes(self, one: NodeId, other: NodeId) -> bool:
        """Whether messages pass in this direction."""
        return not self._blocked.get((one, other))

    def cut(self, number: int, pairs: tuple[tuple[NodeId, NodeId], ...]) -> None:
        """Cut these pairs, under a number that `heal` takes."""
        self.heal(number)
        self._cuts[number] = pairs
        for pair in pairs:
            self._blocked[pair] = self._blocked.get(pair, 0) + 1

    def heal(self, number: int) -> None:
        """End the cut of this number, unless it is over."""
        for pair in self._cuts.pop(number, ()):
            self._blocked[pair] -= 1

    def mute(self, number: int, kinds: tuple[str, ...], share: float) -> None:
        """Lose this share of the messages of these kinds, until `unmute` of that number."""
        self._muted[number] = (kinds, share)

    def unmute(self, number: int) -> None:
        """End the loss of this number, unless it is over."""
        self._muted.pop(number, None)

    def loses(self, one: NodeId, other: NodeId, message: Message) -> bool:
        """Draw whether this message is lost because of its kind."""
        if not self._muted:
            return False
        kind = type(message).__name__
        shares = [share for kinds, share in self._muted.values() if kind in kinds]
        dice = self._lane(one, other, message).dice
        return any(dice.chance(share) for share in shares)

    def calm(self) -> None:
        """End all cuts and the bad weather."""
        for number in list(self._cuts):
            self.heal(number)
        self._muted.clear()
        self._weather = CALM

    def arrivals(self, one: NodeId, other: NodeId, message: Message, now: float) -> list[float]:
        """Draw the times at which a message sent now arrives: none, one, or more."""
        lane, weather = self._lane(one, other, message), self._weather
        dice = lane.dice
        if weather.loss and dice.chance(weather.loss):
            return []
        low, high = weather.delay_s
        at = now + dice.between(low, high)
        if weather.slow and dice.chance(weather.slow):
            at += dice.share() * weather.slow_s
        if weather.is_ordered:
            at = lane.latest = max(at, lane.latest)
        arrivals = [at]
        if weather.doubled and dice.chance(weather.doubled):
            arrivals.append(at + dice.between(low, high))
        if weather.doubled_late and dice.chance(weather.doubled_late):
            arrivals.append(at + dice.share() * weather.late_s)
        return arrivals

    def _lane(self, one: NodeId, other: NodeId, message: Message) -> _Lane:
        stream = _QUESTIONS if is_question(message) else _LINK
        lane = self._lanes.get((one, other, stream))
        if lane is None:
            lane = _Lane(Dice(self._seed, f"{stream} {one}->{other}"))
            self._lanes[one, other, stream] = lane
        return lane


def is_question(message: Message) -> bool:
    """Whether a message asks how far the chain may be, or answers that."""
    return isinstance(message, Confirm | Confirmed)
