"""The end of all faults: a majority lives on, and the others are down or cut off."""

from __future__ import annotations

from benmo.paxos.types import ChangeKind, NodeId
from benmo.sim.machine import Machine, height_of
from benmo.sim.operators import ahead, changes_under_way
from benmo.sim.world import World

_ALONE = -1
"""The number of the cut between the survivors and the others."""


def calm(world: World) -> tuple[Machine, ...]:
    """End all faults for the survivors, which are returned; the others are down or cut off."""
    world.trace.fault(world.now, "all faults end")
    if world.trace.recording is not None:
        world.trace.recording.calm()
    survivors = survivors_of(world)
    world.is_calm = True
    world.network.calm()
    world.ambushes.clear()
    well = {machine.node for machine in survivors}
    for machine in world.roster.machines.values():
        if machine in survivors:
            _revive(world, machine)
        elif world.plan.is_rest_down or machine.node in well:
            machine.is_out = True
            if machine.engine is not None:
                world.die(machine, True, "stays down")
    _cut_off_all_but(world, well)
    for change in changes_under_way(world):
        is_removed = change.kind is ChangeKind.REMOVE  # whose account may never be empty
        if change in world.asking and not is_removed:
            world.watchers.liveness.expect(change)
    return survivors


def _revive(world: World, machine: Machine) -> None:
    machine.mend()
    world.start(machine)
    if machine.engine is not None:
        world.arm_timer(machine)
        machine.is_scheduled = False  # its turn may have been put off for long
        world.schedule_turn(machine, 0.0)


def _cut_off_all_but(world: World, well: set[NodeId]) -> None:
    nodes = world.roster.nodes
    others = [node for node in nodes if node not in well]
    for node in others if not world.plan.is_rest_down else ():
        world.trace.told(world.now, f"node {node} is cut off from all others for good")
    every = [(one, other) for one in nodes for other in nodes if one != other]
    pairs = tuple(pair for pair in every if pair[0] in others or pair[1] in others)
    world.network.cut(_ALONE, pairs)
    if pairs and world.trace.recording is not None:
        world.trace.recording.cut(_ALONE, pairs, "cut off for good")
    for one, other in every:
        world.link_news.spread_news(one, other)


def survivors_of(world: World) -> tuple[Machine, ...]:
    """Choose the plan's survivors; other machines take the place of those that are damaged.

    They hold a majority of each membership that may count from here on: those of the slots that
    they don't know to be decided, and those to which changes under way may lead.
    """
    latest = world.watchers.history.latest
    new = {change.member for change in changes_under_way(world)}
    well = [
        machine
        for machine in world.roster.machines.values()
        if not machine.is_damaged and not (machine.is_out and machine.engine is None)
    ]
    members = [each for each in well if latest.is_voter(each.member) or each.member in new]
    chosen = [each for each in members if _is_planned(world, each)]
    others = [each for each in (*members, *well) if each not in chosen]
    for machine in dict.fromkeys(others):
        if _is_majority(world, chosen):
            break
        chosen.append(machine)
    return tuple(sorted(chosen, key=lambda machine: (machine.node, machine.member)))


def _is_planned(world: World, machine: Machine) -> bool:
    return machine.node in world.plan.survivors or machine.node not in world.plan.nodes


def _is_majority(world: World, machines: list[Machine]) -> bool:
    """Whether these machines can go on, whatever is decided next."""
    height = max((_height(machine) for machine in machines), default=0)
    members = {machine.member for machine in machines}
    needed = ahead(world, height, changes_under_way(world))
    return all(voters.has_quorum(members) for voters in needed)


def _height(machine: Machine) -> int:
    engine = machine.engine
    return engine.ledger.height if engine is not None else height_of(machine, machine.disk)
