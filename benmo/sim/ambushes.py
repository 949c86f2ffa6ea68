"""Actions that wait until a machine sends a message of a kind: a crash or a cut at that moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benmo.paxos.messages import Message
from benmo.sim.machine import Machine


@dataclass(frozen=True, slots=True)
class Ambush:
    """An action that waits until `machine`, or any, sends the next message of a kind.

    `spring` is called with the sender.
    """

    kind: str
    machine: Machine | None
    spring: Callable[[Machine], None]


def spring(ambushes: list[Ambush], sender: Machine, message: Message) -> None:
    """Take the ambushes that waited for this message off the list, and call each."""
    kind = type(message).__name__
    for ambush in [each for each in ambushes if each.kind == kind]:
        if ambush.machine in (None, sender):
            ambushes.remove(ambush)
            ambush.spring(sender)
