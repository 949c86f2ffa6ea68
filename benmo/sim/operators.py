"""The operators of a world: they replace, add, move and remove nodes, as their programs do.

A program asks some living node for a change, again and again, until the chain has it or has made it
void. Several changes may be under way at a time.

A program holds a change back while too few disks are left for it: at any time, a majority of the
membership that counts now, and of each that may come of the changes under way, still has its disks.
Without that, nobody could promise that the cluster ever goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from benmo.engine.events import ChangeRequested
from benmo.paxos.types import Change, ChangeKind, MemberId, NodeId
from benmo.sim.checkers.history import Voters
from benmo.sim.happenings import ChangeMembers, UserPays
from benmo.sim.machine import Machine, height_of
from benmo.sim.member_names import change_text, numbered_successor
from benmo.sim.users import pay, ticket
from benmo.sim.world import World
from benmo.tape.world_records import ProcessEvent

_UNKNOWN = 25
"""The place of a member that never was, in the count of its node's members."""
_NODES_MIN, _NODES_MAX = 3, 9
_OPEN_MAX = 3
"""The most changes that are under way at a time."""


def change_members(world: World, happening: ChangeMembers) -> None:
    """Let an operator begin a change, unless it makes no sense or has to be held back."""
    change = _change(world, happening)
    if change is None:
        return
    if not _is_safe(world, change):
        world.counts["changes held back"] += 1
        return
    world.trace.fault(world.now, f"an operator wants to {change_text(change)}")
    world.counts[f"changes wanted: {change.kind}"] += 1
    world.open_changes.append(change)
    _prepare(world, happening, change)
    world.asking.add(change)
    for _ in range(happening.askers):
        _ask(world, happening, change, happening.late)


def _change(world: World, happening: ChangeMembers) -> Change | None:
    """The change that a happening is about, as things are now; None if it makes no sense."""
    latest, node = world.watchers.history.latest, _node(world, happening)
    if len(changes_under_way(world)) >= _OPEN_MAX or node > _NODES_MAX:
        return None
    replaces = latest.ids.get(node, "")
    if happening.is_stale:
        replaces = _stale(world, node, replaces)
    match happening.kind:
        case ChangeKind.ADD:
            return Change(ChangeKind.ADD, node, "", _next(world, node), "added", node)
        case ChangeKind.REMOVE if replaces and len(latest.ids) > _NODES_MIN:
            return Change(ChangeKind.REMOVE, node, replaces)
        case ChangeKind.REPLACE if replaces:
            return Change(ChangeKind.REPLACE, node, replaces, _next(world, node), "new", node)
        case ChangeKind.MOVE if replaces:
            moved_in = latest.moved.get(node, 0)
            return Change(ChangeKind.MOVE, node, replaces, replaces, "moved", node, moved_in)
        case _:
            return None


def _node(world: World, happening: ChangeMembers) -> NodeId:
    """The node that a happening is about; one to add is new, or was removed."""
    latest, node = world.watchers.history.latest, happening.node
    if happening.kind is ChangeKind.ADD:
        removed = [each for each in world.roster.nodes if each not in latest.ids]
        return removed[-1] if removed and happening.is_newest else world.roster.nodes[-1] + 1
    return max(latest.ids) if happening.is_newest else node


def _next(world: World, node: NodeId) -> MemberId:
    return numbered_successor(node, len(world.roster.of_node(node)))


def _stale(world: World, node: NodeId, voter: MemberId) -> MemberId:
    """A member of a node that doesn't vote: an earlier one, or one that never was."""
    others = [each.member for each in world.roster.of_node(node) if each.member != voter]
    return (others or [numbered_successor(node, _UNKNOWN)])[0]


def _prepare(world: World, happening: ChangeMembers, change: Change) -> None:
    """Let what an operator does besides asking happen: disks are lost, new machines are made."""
    old = world.roster.machines.get(change.replaces)
    if change.kind is ChangeKind.REPLACE and old is not None:
        if happening.is_lost and may_lose(world, old):
            lose(world, old)
        elif happening.is_killed and old.engine is not None:
            world.die(old, False, "is taken for dead, and is killed")
            world.after(happening.back_s, _come_back, world, old)
    if change.kind in (ChangeKind.REPLACE, ChangeKind.ADD):
        machine = world.roster.add(change.node)
        machine.create()
        world.after(happening.start_s, world.start, machine)


def _come_back(world: World, machine: Machine) -> None:
    """Let a machine that was taken for dead start again, unless it has lost its disk since."""
    if machine.engine is None and not machine.is_out:
        world.start(machine)


def _empty(world: World, node: NodeId) -> None:
    """Let a node pay away all that it has, as its users must before it is removed."""
    machine = world.machine(node)
    available = machine.engine.queue.available if machine.engine is not None else 0
    other = next(each for each in world.watchers.history.latest.ids if each != node)
    if available:
        pay(world, UserPays(world.now, node, ((other, available),)))


def _ask(world: World, happening: ChangeMembers, change: Change, late: int) -> None:
    """Ask a living node for a change, and again later; `late` times more once it is over."""
    is_over = world.watchers.history.is_over(change)
    if is_over and late == 0:
        world.asking.discard(change)
        return
    if change.kind is ChangeKind.REMOVE and happening.is_emptied and not is_over:
        _empty(world, change.node)
    dice = world.operators_dice
    living = [each for each in world.roster.machines.values() if each.engine is not None]
    if living:
        machine = dice.pick(living)
        text = f"at node {machine.label} an operator asks to {change_text(change)}"
        world.trace.told(world.now, text)
        world.counts["changes asked for"] += 1
        world.happen(machine, ChangeRequested(ticket(world), change))
    if not (world.is_calm and change.kind is ChangeKind.REMOVE):
        wait_s = happening.period_s * dice.between(0.5, 1.5)
        world.after(wait_s, _ask, world, happening, change, late - is_over)


# Lost disks.


def lose(world: World, machine: Machine) -> None:
    """Let a machine lose its disk, for good."""
    world.counts["disks lost"] += 1
    if machine.engine is not None:
        world.die(machine, True, "loses power and its disk")
    else:
        world.trace.told(world.now, f"node {machine.label} loses its disk")
    machine.disk.wipe()
    if world.trace.recording is not None:
        world.trace.recording.process(machine, ProcessEvent.LOSES_DISK)
    machine.is_damaged = True
    world.after(1.0, world.start, machine)  # which must refuse to


def may_lose(world: World, machine: Machine) -> bool:
    """Whether enough disks are left without this one."""
    return _is_enough(world, but=machine)


def _is_safe(world: World, change: Change) -> bool:
    """Whether enough disks are left for this change and all that are under way."""
    return _is_enough(world, more=change)


def _is_enough(world: World, but: Machine | None = None, more: Change | None = None) -> bool:
    well = [each for each in world.roster.machines.values() if _is_well(each) and each is not but]
    members = {machine.member for machine in well}
    changes = changes_under_way(world)
    if more is not None:
        changes.append(more)
        members.add(more.member)
    height = max((height_of(each, each.disk.after_power_cut()) for each in well), default=0)
    return all(voters.has_quorum(members) for voters in ahead(world, height, changes))


def _is_well(machine: Machine) -> bool:
    return not machine.is_damaged


# What may come.


def changes_under_way(world: World) -> list[Change]:
    """The changes that may still be decided, and have an effect then."""
    voters = reachable(world, world.open_changes)
    return [
        change
        for change in world.open_changes
        if change not in world.watchers.history.decided
        and any(not each.is_void(change) for each in voters)
    ]


def ahead(world: World, height: int, changes: Collection[Change]) -> set[Voters]:
    """The voters of each slot above this height, and of the slots that `changes` may lead to."""
    history = world.watchers.history
    return {*history.voters[height:], *reachable(world, changes)}


def reachable(world: World, changes: Iterable[Change]) -> set[Voters]:
    """The voters to which any of these changes may lead, in any order, from those of now on."""
    found, new = set[Voters](), {world.watchers.history.latest}
    while new:
        found |= new
        new = {
            voters.after(change)
            for voters in new
            for change in changes
            if change.kind is not ChangeKind.MOVE and not voters.is_void(change)
        } - found
    return found
