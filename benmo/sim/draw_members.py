"""Draws changes of the membership: lost disks, machines that are replaced, nodes that come and go.

Besides, users pay at nodes that may have been added, and to them. All that is drawn in a share of
the seeds only: the others are as they would be if nodes were for ever.
"""

from __future__ import annotations

from benmo.paxos.types import ChangeKind, NodeId
from benmo.sim.dice import Dice
from benmo.sim.happenings import ChangeMembers, Happening, UserPays

_SHARE = 0.4
"""The share of the seeds in which the membership is changed."""
_PER_MINUTE = 16.0
_PAYMENTS_PER_MINUTE = 60.0
_ADDED = 2
"""How many added nodes take part in payments."""

_KINDS = (
    *(ChangeKind.REPLACE,) * 5,
    *(ChangeKind.ADD,) * 2,
    *(ChangeKind.REMOVE,) * 2,
    ChangeKind.MOVE,
)


def has_changes(seed: int) -> bool:
    """Whether the membership is changed in the run of this seed."""
    return Dice(seed, "members").chance(_SHARE)


def draw_changes(seed: int, ids: tuple[NodeId, ...], faults_s: float) -> list[Happening]:
    """Draw the changes that operators ask for; in most seeds none."""
    dice = Dice(seed, "members")
    if not dice.chance(_SHARE):
        return []
    count = 1 + int(dice.between(0.0, 1.0) * _PER_MINUTE * faults_s / 60.0)
    changes = [_change(ids, dice, at) for at in dice.times(count, faults_s)]
    count = int(dice.between(0.1, 1.0) * _PAYMENTS_PER_MINUTE * faults_s / 60.0)
    return [*changes, *(_payment(len(ids), dice, at) for at in dice.times(count, faults_s))]


def _payment(nodes: int, dice: Dice, at: float) -> UserPays:
    """Draw a payment at, or to, a node that may have been added."""
    one, other = dice.whole(1, nodes + _ADDED), dice.whole(nodes, nodes + _ADDED)
    pair = (one, other) if dice.chance(0.5) else (other, one)
    return UserPays(at, pair[0], ((pair[1], dice.whole(1, 20)),))


def _change(ids: tuple[NodeId, ...], dice: Dice, at: float) -> ChangeMembers:
    return ChangeMembers(
        at,
        dice.pick(_KINDS),
        dice.pick(ids),
        is_newest=dice.chance(0.3),
        is_lost=dice.chance(0.5),
        is_killed=dice.chance(0.5),
        back_s=dice.small(0.1, 20.0),
        start_s=dice.small(0.0, 8.0),
        is_emptied=dice.chance(0.7),
        is_stale=dice.chance(0.1),
        askers=dice.pick([1, 1, 2]),
        late=dice.pick([0, 0, 1, 3]),
        period_s=dice.pick([0.3, 1.0, 3.0]),
    )
