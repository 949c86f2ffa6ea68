"""Makes the happenings of a plan happen in a world."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import assert_never

from benmo.engine.events import Hurried
from benmo.ledger.transfers import Run
from benmo.paxos.messages import Forward
from benmo.paxos.types import NodeId
from benmo.sim.ambushes import Ambush
from benmo.sim.disk import PowerCut
from benmo.sim.happenings import (
    ChangeMembers,
    Crash,
    Cut,
    DamageDisk,
    DamageKind,
    FailDisk,
    FillDisk,
    Happening,
    Jump,
    Mute,
    Pause,
    Rogue,
    Sever,
    UserAsks,
    UserHurries,
    UserPays,
)
from benmo.sim.machine import Fuse, Machine
from benmo.sim.operators import change_members, may_lose
from benmo.sim.users import ask, pay
from benmo.sim.world import World
from benmo.storage.checkpoint import decode_checkpoint
from benmo.storage.journal import SECTOR_BYTES
from benmo.storage.lines import DamagedLine
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from benmo.tape.world_records import ProcessEvent


def happen(world: World, number: int, happening: Happening) -> None:
    """Make one happening happen; `number` is its number in the plan."""
    match happening:
        case UserPays():
            pay(world, happening)
        case UserAsks():
            _ask_or_wait(world, happening)
        case Cut():
            _cut_or_wait(world, number, happening)
        case Mute():
            _mute(world, number, happening)
        case ChangeMembers():
            change_members(world, happening)
        case _:
            machine = world.machine(happening.node)
            if machine.engine is not None:
                _tell(world, happening)
                world.counts[_NAMES[type(happening)]] += 1
                _happen_to(world, machine, happening)


def _tell(world: World, happening: Happening) -> None:
    """Show a happening; a record of its own tells of most, as soon as it has an effect."""
    if isinstance(happening, UserHurries | Crash | Pause | Sever):
        world.trace.told(world.now, str(happening))
    else:
        world.trace.fault(world.now, str(happening))


_NAMES: dict[type[Happening], str] = {
    UserHurries: "hurries",
    Crash: "crashes planned",
    Pause: "pauses",
    Jump: "clock jumps",
    Rogue: "void forwards",
    Sever: "links severed",
    FailDisk: "failing disks",
    FillDisk: "full disks",
    DamageDisk: "damaged disks",
}


def _happen_to(
    world: World,
    machine: Machine,
    happening: (
        UserHurries | Crash | Pause | Jump | Rogue | Sever | FailDisk | FillDisk | DamageDisk
    ),
) -> None:
    match happening:
        case UserHurries():
            world.happen(machine, Hurried())
        case Crash():
            _crash(world, machine, happening)
        case Pause(_, _, for_s):
            machine.paused_until = max(machine.paused_until, world.now + for_s)
            if world.trace.recording is not None:
                world.trace.recording.stands_still(machine, machine.paused_until)
        case Jump(_, _, by_s):
            machine.clock.jump(by_s)
            world.arm_timer(machine)
        case Rogue():
            _forward(machine, happening)
        case Sever():
            _sever(world, machine, happening)
        case FailDisk():
            machine.failing, machine.failing_left = happening, happening.after
        case FillDisk(_, _, share, for_s):
            machine.full_share = share
            machine.full_until = max(machine.full_until, world.now + for_s)
        case DamageDisk():
            _damage(world, machine, happening)
        case _:
            assert_never(happening)


def _ask_or_wait(world: World, happening: UserAsks) -> None:
    if happening.trigger:
        world.ambushes.append(
            Ambush(happening.trigger, None, partial(_ask_at, world, happening.node))
        )
    else:
        _ask_at(world, happening.node)


def _ask_at(world: World, node: NodeId, _sender: Machine | None = None) -> None:
    ask(world, world.machine(node))


def _crash(world: World, machine: Machine, crash: Crash) -> None:
    if crash.trigger:
        world.ambushes.append(Ambush(crash.trigger, machine, partial(_die, machine, crash)))
    elif crash.after:
        world.arm(machine, crash.after, crash.is_power_cut, crash.share)
    else:
        world.die(machine, crash.is_power_cut, "dies between two turns")
    world.after(crash.down_s, _start_again, world, machine, crash)


def _die(machine: Machine, crash: Crash, _sender: Machine) -> None:
    """Let the machine die in the middle of a turn."""
    machine.fuse = Fuse(0, crash.is_power_cut, crash.share)
    raise PowerCut(crash.share)


def _start_again(world: World, machine: Machine, crash: Crash) -> None:
    """Start the machine; if its crash hasn't come yet, look again later."""
    is_to_come = machine.fuse is not None or any(
        ambush.machine is machine for ambush in world.ambushes
    )
    if machine.engine is not None and is_to_come:
        world.after(max(crash.down_s, 0.5), _start_again, world, machine, crash)
    elif machine.engine is None and not machine.is_out:
        machine.clock.restart(crash.clock_shift_s)
        world.start(machine, crash.again_after)


def _cut_or_wait(world: World, number: int, cut: Cut) -> None:
    if cut.trigger:
        world.ambushes.append(Ambush(cut.trigger, None, partial(_cut_around, world, number, cut)))
    else:
        _cut(world, number, cut, cut.times)


def _cut_around(world: World, number: int, cut: Cut, sender: Machine) -> None:
    pairs = [(one or sender.node, other or sender.node) for one, other in cut.pairs]
    known = tuple((one, other) for one, other in pairs if one != other)
    _cut(world, number, replace(cut, pairs=known), cut.times)


def _mute(world: World, number: int, mute: Mute) -> None:
    world.trace.fault(world.now, str(mute))
    world.counts["kinds of message muted"] += 1
    world.network.mute(number, mute.kinds, mute.share)
    world.after(mute.for_s, world.network.unmute, number)


def _forward(machine: Machine, rogue: Rogue) -> None:
    """Forward a rogue's transfers to all peers, under the next numbers of its own."""
    assert machine.engine is not None
    credits = tuple(credit for credit, _ in rogue.payments)
    amounts = tuple(amount for _, amount in rogue.payments)
    first = machine.engine.ledger.last.get(machine.node, 0) + 1
    member = machine.engine.queue.own.member
    message = Forward(Run(machine.node, first, credits, amounts, member=member))
    for peer in machine.engine.membership.peers(machine.node):
        machine.on_sent(machine, peer, message)


def _cut(world: World, number: int, cut: Cut, times: int) -> None:
    text = str(cut) if times == cut.times else f"{cut.shape}: cut again"
    world.trace.cut(world.now, text, number, cut.pairs, cut.shape)
    world.counts[f"cuts: {'flapping' if cut.times > 1 else _shape(cut)}"] += times == cut.times
    world.network.cut(number, cut.pairs)
    if cut.is_noticed:
        _spread(world, cut)
    world.after(cut.period_s, _heal, world, number, cut, times - 1)


def _shape(cut: Cut) -> str:
    if "alone" in cut.shape:
        return "a node alone"
    return "a bridge" if "bridge" in cut.shape else cut.shape


def _heal(world: World, number: int, cut: Cut, times_left: int) -> None:
    world.trace.healed(world.now, f"{cut.shape}: healed", number)
    world.network.heal(number)
    _spread(world, cut)
    if times_left and world.now + cut.period_s < world.plan.faults_s:
        world.after(cut.period_s, _cut, world, number, cut, times_left)


def _spread(world: World, cut: Cut) -> None:
    for one, other in cut.pairs:
        world.link_news.spread_news(one, other)


def _sever(world: World, machine: Machine, sever: Sever) -> None:
    until = max(machine.severed_until.get(sever.peer, 0.0), world.now + sever.for_s)
    machine.severed_until[sever.peer] = until
    machine.sends_not.add(sever.peer)
    if not sever.is_one_way:
        machine.takes_not.add(sever.peer)
    if world.trace.recording is not None:
        there, back = (machine.node, sever.peer), (sever.peer, machine.node)
        ways = (there,) if sever.is_one_way else (there, back)
        world.trace.recording.cut((machine, sever.peer), ways, "a severed link")
    world.link_news.tell(machine.node, sever.peer)
    world.link_news.spread_news(machine.node, sever.peer)
    world.at(until, _restore, world, machine, sever.peer)


def _restore(world: World, machine: Machine, peer: NodeId) -> None:
    """Restore a link, unless the user has severed it again meanwhile, for longer."""
    if world.now >= machine.severed_until[peer]:
        machine.sends_not.discard(peer)
        machine.takes_not.discard(peer)
        if world.trace.recording is not None:
            world.trace.recording.healed((machine, peer))
        world.link_news.spread_news(machine.node, peer)


def _damage(world: World, machine: Machine, damage: DamageDisk) -> None:
    """Damage a disk. Mostly the process dies, too: a living one often writes the file anew."""
    if not may_lose(world, machine):
        return
    machine.is_damaged = True
    match damage.kind:
        case DamageKind.LOSS:
            world.die(machine, True, "loses power and its disk")
            machine.disk.wipe()
            if world.trace.recording is not None:
                world.trace.recording.process(machine, ProcessEvent.LOSES_DISK)
        case DamageKind.BIT:
            _flip_a_bit(machine, damage.where)
        case DamageKind.SECTOR:
            _blank_a_sector(machine, damage.where)
        case DamageKind.CUT:
            _cut_short(machine, damage.where)
        case _:
            assert_never(damage.kind)
    if damage.is_death and machine.engine is not None:
        world.die(machine, False, "is killed")
    world.after(1.0, world.start, machine)


def _file_at(machine: Machine, where: float) -> tuple[str, float]:
    """The file at this part of all files, and which part of that file is meant."""
    names = machine.disk.names()
    name = names[int(where * len(names))]
    machine.is_damage_in_chain |= name == CHAIN
    return name, where * len(names) % 1.0


def _flip_a_bit(machine: Machine, where: float) -> None:
    name, place = _file_at(machine, where)
    bits = 8 * machine.disk.size(name)
    if bits:
        machine.disk.flip_bit(name, int(place * bits))


def _blank_a_sector(machine: Machine, where: float) -> None:
    """Blank a sector; of the journal, one that is known to have been whole, by what follows it."""
    name, place = _file_at(machine, where)
    disk = machine.disk
    sectors = (disk.settled(name) if name == JOURNAL else disk.size(name)) // SECTOR_BYTES
    if sectors:
        start = int(place * sectors) * SECTOR_BYTES
        data = bytearray(disk.read(name))
        data[start : start + SECTOR_BYTES] = bytes(SECTOR_BYTES)
        disk.overwrite(name, bytes(data))


def _cut_short(machine: Machine, where: float) -> None:
    """Cut a file; the journal, within what the node has noted as durable: it can't tell more."""
    name, place = _file_at(machine, where)
    length = _noted_bytes(machine) if name == JOURNAL else machine.disk.size(name)
    if length:
        machine.disk.overwrite(name, machine.disk.read(name)[: int(place * length)])


def _noted_bytes(machine: Machine) -> int:
    """How much of its journal a node has noted as durable."""
    try:
        _, synced = decode_checkpoint(machine.disk.read(CHECKPOINT))
    except DamagedLine:  # an earlier damage
        return 0
    return 0 if synced is None else synced.length
