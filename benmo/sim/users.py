"""The users of a world: they pay, and ask how far the chain may be."""

from __future__ import annotations

from benmo.engine.events import ReadRequested, Submitted
from benmo.ledger.transfers import Payments
from benmo.sim.happenings import UserPays
from benmo.sim.machine import Machine
from benmo.sim.world import World

_EVENTS_PER_REQUEST = 60
"""The events to which a payment or a question may lead: it goes to all and comes back, perhaps
twice, with a turn of a node each time."""


def pay(world: World, happening: UserPays) -> None:
    """Let somebody pay at a node, if there is such a node, and it lives and isn't a rogue."""
    if not world.roster.of_node(happening.node):
        return
    machine = world.machine(happening.node)
    if machine.engine is None or happening.node in world.plan.rogues:
        return
    number = ticket(world)
    world.counts["transfers asked for"] += len(happening.payments)
    credits, amounts = zip(*happening.payments, strict=True)
    payments = Payments(credits, amounts, happening.memos, happening.keys)
    event = Submitted(number, payments)
    world.trace.told(world.now, str(happening))
    world.watchers.on_submitted(machine, event)
    world.happen(machine, event)


def ask(world: World, machine: Machine, is_at_end: bool = False) -> None:
    """Let somebody at a machine ask how far the chain may be, if the machine lives.

    With `is_at_end`, all faults are over, and there must be an answer.
    """
    number = ticket(world)
    if is_at_end:
        world.watchers.linearizable.expect(number, machine)
    if machine.engine is not None:
        world.counts["questions asked"] += 1
        text = f"at node {machine.label} somebody asks how far the chain may be"
        world.trace.told(world.now, text)
        world.happen(machine, ReadRequested(number))


def ticket(world: World) -> int:
    """Number a request."""
    world.tickets += 1
    world.agenda.expect(_EVENTS_PER_REQUEST)
    return world.tickets
