"""Draws a plan from a seed.

Each kind of happening has its own stream of chance, and no draw depends on the number of nodes; so
the same seed with fewer nodes, or without one kind of fault, gives much the same plan. Whether a
kind happens at all, and how often, is drawn too: a run with a few kinds of fault goes further than
one in which everything fails at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benmo.paxos.types import NodeId, Tenure
from benmo.sim.dice import Dice
from benmo.sim.draw_members import draw_changes, has_changes
from benmo.sim.draw_users import draw_pay, draw_requests
from benmo.sim.happenings import (
    SENDER,
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
from benmo.sim.plan import Plan, Weather

NODES_MAX = 9
FAULTS_S = 30.0
"""The time in which faults happen, by default."""


def draw_plan(seed: int, nodes: int, tenure: Tenure, faults_s: float = FAULTS_S) -> Plan:
    """Draw the plan of a seed; `nodes` is odd, and at most 9."""
    ids = tuple(range(1, nodes + 1))
    dice = Dice(seed, "cluster")
    order = sorted(range(1, NODES_MAX + 1), key=lambda _: dice.share())
    order = [node for node in order if node <= nodes]
    fragile = order[: (nodes - 1) // 2]
    survivors = order[(nodes - 1) // 2 - dice.whole(0, 840) % ((nodes + 1) // 2) :]
    plan = Plan(
        seed=seed,
        nodes=ids,
        tenure=tenure,
        faults_s=faults_s,
        election_delay_s=dice.pick([(0, 0), (0, 0.1), (0, 0.5), (0, 0.5), (0.5, 2), (20, 60)]),
        round_timeout_s=dice.pick([2.0, 0.5, 0.2, 0.1]),
        heartbeat_s=dice.pick([1.0, 3.0, 10.0]),
        weather=_weather(Dice(seed, "weather")),
        work_s=dice.pick([0.0, 0.0, 0.002, 0.02]),
        clock_rates=tuple(_rate(dice) for _ in range(NODES_MAX))[:nodes],
        log_limit=dice.pick([3, 10, 50]),
        journal_bytes_max=dice.pick([500, 1500, 10_000, 100_000]),
        blocks_bytes_max=dice.pick([1, 600, 1 << 20]),
        block_transfers_max=dice.pick([1, 5, 20_000]),
        survivors=tuple(sorted(survivors)),
        is_rest_down=dice.chance(0.5),
        pays_at_end=dice.chance(0.5),
        happenings=_happenings(seed, ids, fragile, faults_s),
    )
    plan = _contended(plan) if dice.chance(0.15) else plan
    plan = _late(plan) if plan.has_questions and Dice(seed, "late").chance(0.5) else plan
    hush = Dice(seed, "hush")
    return _hushed(plan, hush) if hush.chance(0.1) else plan


def _hushed(plan: Plan, dice: Dice) -> Plan:
    """Let nobody hear of the last decision before all faults end, nor wait for another one.

    Who decided it is mostly lost afterwards: the others must find it out by themselves.
    """
    lost = [node for node in plan.nodes if node not in plan.survivors] or list(plan.nodes)
    payer = dice.pick(lost)
    credit = dice.pick([node for node in plan.nodes if node != payer])
    for_s = dice.between(0.1, 0.2) * plan.faults_s
    begin_s = plan.faults_s - for_s
    last = UserPays(begin_s + 0.5 * dice.share() * for_s, payer, ((credit, 1),))
    hush = Mute(begin_s, ("Decide", "Heartbeat", "Blocks"), 1.0, for_s)
    earlier = [
        each
        for each in plan.happenings
        if each.at < begin_s - for_s or not isinstance(each, UserPays | ChangeMembers)
    ]
    happenings = sorted([*earlier, last, hush], key=lambda each: each.at)
    return replace(plan, happenings=tuple(happenings))


def _late(plan: Plan) -> Plan:
    """Let answers come late, and twice, when the next question was asked already."""
    weather = plan.weather
    worse = replace(
        weather,
        doubled=max(weather.doubled, 0.5),
        slow=max(weather.slow, 0.4),
        slow_s=max(weather.slow_s, 2.0),
        is_ordered=False,
    )
    return replace(plan, weather=worse)


def _contended(plan: Plan) -> Plan:
    """Let no node die and no link be cut, but leaders get in each other's way all the time.

    Most of their messages are lost, so a few nodes accept each block, in many ballots, and nobody
    hears of a decision.
    """
    of_users = UserPays | UserAsks | UserHurries
    users = [each for each in plan.happenings if isinstance(each, of_users)]
    lost = (
        Mute(0.0, ("Accept",), 0.5, plan.faults_s),
        Mute(0.0, ("Decide", "Heartbeat"), 0.8, plan.faults_s),
        Mute(0.0, ("Accepted", "Nack"), 0.3, plan.faults_s),
    )
    return replace(
        plan,
        election_delay_s=(0, 0.1),
        round_timeout_s=0.1,
        heartbeat_s=1.0,
        weather=Weather(loss=0.1, doubled=0.2, slow=0.2, slow_s=1.0, is_ordered=False),
        happenings=(*lost, *users),
    )


def _rate(dice: Dice) -> float:
    return dice.between(0.5, 2.0) if dice.chance(0.1) else dice.between(0.98, 1.02)


def _weather(dice: Dice) -> Weather:
    return Weather(
        loss=dice.pick([0.0, 0.0, dice.small(0.0, 0.2), dice.between(0.2, 0.6)]),
        doubled=_some(dice, 0.4, 0.3),
        doubled_late=dice.between(0.0, 0.1) if dice.chance(0.3) else 0.0,
        late_s=dice.between(1.0, 60.0),
        slow=_some(dice, 0.4, 0.2),
        slow_s=dice.small(0.05, 10.0),
        delay_s=dice.pick([(0.0005, 0.002), (0.0005, 0.02), (0.005, 0.05)]),
        is_ordered=dice.chance(0.5),
    )


def _some(dice: Dice, probability: float, most: float) -> float:
    share = dice.small(0.0, most)
    return share if dice.chance(probability) else 0.0


_TRIGGERS = ("Prepare", "Promise", "Accept", "Accepted", "Decide")
_MUTED = (
    ("Prepare", "Accept"),
    ("Prepare", "Accept", "Decide"),
    ("Prepare", "Accept", "Decide", "Heartbeat"),
    ("Decide",),
    ("Decide", "Heartbeat"),
    ("Decide", "Blocks"),
    ("Accepted",),
    ("Promise",),
    ("Nack",),
    ("Blocks", "Behind"),
    ("Heartbeat",),
    ("Forward",),
)

_FAILING = ("sync", "sync", "sync", "append", "append", "rename", "sync_directory", "truncate")

_Draw = Callable[[Dice, float], Happening]

# For each kind: how often a minute it happens at most, and how likely it happens at all.
_KINDS: dict[str, tuple[float, float]] = {
    "pay": (240.0, 1.0),
    "crash": (40.0, 0.5),
    "pause": (6.0, 0.2),
    "jump": (6.0, 0.2),
    "cut": (60.0, 0.6),
    "mute": (40.0, 0.5),
    "rogue": (10.0, 0.15),
    "sever": (10.0, 0.2),
    "fail": (16.0, 0.3),
    "fill": (5.0, 0.15),
    "damage": (6.0, 0.3),
    "spoil": (6.0, 0.2),
}


def _happenings(
    seed: int, ids: tuple[NodeId, ...], fragile: list[NodeId], faults_s: float
) -> tuple[Happening, ...]:
    draws: dict[str, _Draw] = {
        "pay": partial(draw_pay, ids),
        "crash": partial(_crash, ids),
        "pause": partial(_pause, ids),
        "jump": partial(_jump, ids),
        "cut": partial(_cut, ids),
        "mute": _mute,
        "rogue": partial(_rogue, ids, fragile[0]),
        "sever": partial(_sever, ids),
        "fail": partial(_fail, ids),
        "fill": partial(_fill, ids),
        "damage": partial(_damage, fragile),
        "spoil": partial(_spoil, fragile),
    }
    changes = draw_changes(seed, ids, faults_s)
    happenings: list[Happening] = draw_requests(seed, ids, faults_s, has_long=not has_changes(seed))
    if any(isinstance(each, UserPays) for each in happenings):
        happenings += _crashes(Dice(seed, "crashes with keys"), ids, faults_s)
    for kind, (most, probability) in _KINDS.items():
        dice = Dice(seed, kind)
        is_there = dice.chance(probability) and not (kind == "spoil" and has_changes(seed))
        count = int(dice.between(0.1, 1.0) * most * faults_s / 60.0 + 0.5)
        if is_there:
            happenings += [draws[kind](dice, at) for at in dice.times(count, faults_s)]
    return tuple(sorted((*happenings, *changes), key=lambda happening: happening.at))


def _crash(ids: tuple[NodeId, ...], dice: Dice, at: float) -> Crash:
    return Crash(
        at,
        dice.pick(ids),
        is_power_cut=dice.chance(0.6),
        after=dice.whole(1, 12) if dice.chance(0.7) else 0,
        share=dice.share(),
        down_s=dice.small(0.05, 20.0),
        again_after=dice.whole(1, 14) if dice.chance(0.2) else 0,
        clock_shift_s=dice.between(-3600, 3600) if dice.chance(0.1) else 0.0,
        trigger=dice.pick(_TRIGGERS) if dice.chance(0.4) else "",
    )


def _crashes(dice: Dice, ids: tuple[NodeId, ...], faults_s: float) -> list[Crash]:
    """Let nodes die in a plan with keys: what nodes know of keys must outlast that."""
    count = int(dice.between(0.1, 1.0) * _KINDS["crash"][0] * faults_s / 60.0)
    return [_crash(ids, dice, at) for at in dice.times(count, faults_s)]


def _pause(ids: tuple[NodeId, ...], dice: Dice, at: float) -> Pause:
    return Pause(at, dice.pick(ids), dice.small(0.5, 120.0))


def _jump(ids: tuple[NodeId, ...], dice: Dice, at: float) -> Jump:
    return Jump(at, dice.pick(ids), dice.small(0.1, 600.0))


def _cut(ids: tuple[NodeId, ...], dice: Dice, at: float) -> Cut:
    shape, pairs = _shape(ids, dice)
    flaps = dice.whole(2, 12) if dice.chance(0.2) else 1
    trigger = dice.pick(_TRIGGERS) if dice.chance(0.6) else ""
    if trigger:
        shape, pairs = _around_sender(ids, dice)
    period_s = dice.small(0.05, 5.0 if trigger else 20.0) / (flaps**0.5)
    return Cut(at, shape, pairs, period_s, flaps, dice.chance(0.6), trigger)


def _shape(ids: tuple[NodeId, ...], dice: Dice) -> tuple[str, tuple[tuple[NodeId, NodeId], ...]]:
    """Draw the pairs of a cut. The number of draws is always the same."""
    sides = {node: dice.chance(0.5) for node in range(1, NODES_MAX + 1)}
    one, step, kind = dice.pick(ids), dice.share(), dice.share()
    other = ids[(one + int(step * (len(ids) - 1))) % len(ids)]
    every = [(a, b) for a in ids for b in ids if a != b]
    across = [(a, b) for a, b in every if sides[a] != sides[b]]
    if kind < 0.2:
        return "one way", ((one, other),)
    if kind < 0.35:
        return "both ways", ((one, other), (other, one))
    if kind < 0.6:
        return "a partition", tuple(across)
    if kind < 0.75:
        return f"node {one} is the only bridge", tuple(
            (a, b) for a, b in across if one not in (a, b)
        )
    if kind < 0.9:
        return f"node {one} is alone", tuple((a, b) for a, b in every if one in (a, b))
    return "a partition, one way", tuple((a, b) for a, b in across if sides[a])


def _around_sender(
    ids: tuple[NodeId, ...], dice: Dice
) -> tuple[str, tuple[tuple[NodeId, NodeId], ...]]:
    """Cut the sender of the message that triggers the cut off from some nodes, perhaps all."""
    share = dice.pick([0.5, 0.5, 0.8, 1.0])
    lost = [dice.chance(share) for _ in range(NODES_MAX)]
    away = [(SENDER, node) for node in ids if lost[node - 1]]
    back = [] if dice.chance(0.3) else [(node, SENDER) for _, node in away]
    return "around the sender", (*away, *back)


def _mute(dice: Dice, at: float) -> Mute:
    return Mute(at, dice.pick(_MUTED), dice.pick([0.3, 0.6, 0.6, 1.0]), dice.small(0.2, 20.0))


def _rogue(ids: tuple[NodeId, ...], node: NodeId, dice: Dice, at: float) -> Rogue:
    count = dice.whole(1, 3)
    return Rogue(at, node, tuple(_void(ids, node, dice) for _ in range(count)))


def _void(ids: tuple[NodeId, ...], node: NodeId, dice: Dice) -> tuple[NodeId, int]:
    credit = dice.pick([each for each in ids if each != node])
    return dice.pick([(node, 5), (0, 5), (credit, 0), (credit, -50), (credit, 10**6), (credit, 3)])


def _sever(ids: tuple[NodeId, ...], dice: Dice, at: float) -> Sever:
    node, step = dice.pick(ids), dice.share()
    peer = ids[(node + int(step * (len(ids) - 1))) % len(ids)]
    return Sever(at, node, peer, dice.chance(0.4), dice.small(0.1, 30.0))


def _fail(ids: tuple[NodeId, ...], dice: Dice, at: float) -> FailDisk:
    operation = dice.pick(_FAILING)
    return FailDisk(at, dice.pick(ids), operation, dice.whole(1, 6), dice.share())


def _fill(ids: tuple[NodeId, ...], dice: Dice, at: float) -> FillDisk:
    return FillDisk(at, dice.pick(ids), dice.share(), dice.small(0.5, 30.0))


def _damage(fragile: list[NodeId], dice: Dice, at: float) -> DamageDisk:
    node = dice.pick(fragile)
    kind = DamageKind.LOSS if dice.chance(0.3) else DamageKind.BIT
    return DamageDisk(at, node, kind, dice.share(), dice.chance(0.7))


def _spoil(fragile: list[NodeId], dice: Dice, at: float) -> DamageDisk:
    """Draw a damage of more than a bit, at a node that is mostly killed: that finds it soon."""
    node, kind = dice.pick(fragile), dice.pick([DamageKind.SECTOR, DamageKind.CUT])
    return DamageDisk(at, node, kind, dice.share(), dice.chance(0.9))
