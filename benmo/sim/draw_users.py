"""Draws what users do: they pay, some of them under keys, and ask how far the chain may be.

Every seed has plain payments. The rest happens in a share of the seeds only: mistakes that take
long to show would otherwise be hidden by it.
"""

from __future__ import annotations

from dataclasses import replace

from benmo.paxos.types import NodeId
from benmo.sim.dice import Dice
from benmo.sim.happenings import Happening, UserAsks, UserHurries, UserPays
from benmo.sim.plan import BALANCE

_SHARE = 0.3
"""The share of the seeds in which users do more than pay."""

_KEYED_PER_MINUTE = 90.0
_QUESTIONS_PER_MINUTE = 500.0
_HURRIES_PER_MINUTE = 40.0

_KEYS = 20
"""The number of keys: few, so that now and then two payments take the same one."""

_MEMOS = (
    "",
    "",
    "rent",
    "für Öl & Brot",
    "\u5bb6\u8cc3" * 70,
    "\U0001f327" * 140,
    "x" * 141,
    "left \u202e right",
)
"""The last two are refused: one is too long, the other has a character that can't be seen."""


def draw_pay(ids: tuple[NodeId, ...], dice: Dice, at: float) -> UserPays:
    """Draw one payment, sometimes several at once."""
    node = dice.pick(ids)
    count = dice.whole(2, 15) if dice.chance(0.05) else 1
    return UserPays(at, node, tuple(_payment(ids, node, dice) for _ in range(count)))


def _payment(ids: tuple[NodeId, ...], node: NodeId, dice: Dice) -> tuple[NodeId, int]:
    """Draw a payment; one in twenty is nonsense: to itself, to nobody, of nothing, of too much."""
    others = [each for each in ids if each != node]
    credit, amount = dice.pick(others), int(dice.small(1, BALANCE / 2))
    if dice.chance(0.05):
        return dice.pick([(node, amount), (0, amount), (99, 5), (credit, 0), (credit, -5)])
    return credit, amount * 10 if dice.chance(0.03) else amount


def draw_requests(
    seed: int, ids: tuple[NodeId, ...], faults_s: float, has_long: bool
) -> list[Happening]:
    """Draw payments under keys and their retries, questions and hurries; in most seeds none.

    With `has_long`, some of the retries stand behind many new payments.
    """
    happenings: list[Happening] = []
    dice = Dice(seed, "requests")
    if not dice.chance(_SHARE):
        return happenings
    if dice.chance(0.8):
        orders = _keyed(Dice(seed, "keys"), ids, faults_s)
        happenings += orders
        if has_long:
            happenings += _lengthened(Dice(seed, "lengthened"), orders, faults_s)
    if dice.chance(0.8):
        questions = Dice(seed, "questions")
        times = _times(questions, _QUESTIONS_PER_MINUTE, faults_s)
        happenings += [each for at in times for each in _asks(ids, questions, at)]
    if dice.chance(0.3):
        hurries = Dice(seed, "hurries")
        times = _times(hurries, _HURRIES_PER_MINUTE, faults_s)
        happenings += [UserHurries(at, hurries.pick(ids)) for at in times]
    return happenings


def _times(dice: Dice, most_per_minute: float, faults_s: float) -> list[float]:
    return dice.times(int(dice.between(0.1, 1.0) * most_per_minute * faults_s / 60.0), faults_s)


def _keyed(dice: Dice, ids: tuple[NodeId, ...], faults_s: float) -> list[UserPays]:
    """Draw orders and their retries: at once, a moment later, or much later, after a restart."""
    found: list[UserPays] = []
    for at in _times(dice, _KEYED_PER_MINUTE, faults_s):
        order = _order(ids, dice, at)
        found.append(order)
        for _ in range(dice.whole(0, 4)):
            wait_s = dice.pick([0.0, dice.small(0.0, 1.0), dice.small(0.0, 30.0)])
            found.append(_again(ids, dice, replace(order, at=min(at + wait_s, faults_s))))
    return found


def _lengthened(dice: Dice, orders: list[UserPays], faults_s: float) -> list[UserPays]:
    """Draw requests that are new but for their last payments, which repeat an earlier order."""
    found: list[UserPays] = []
    for number in range(int(len(orders) * dice.between(0.0, 0.3))):
        order, new = dice.pick(orders), dice.whole(1, 4)
        is_keyed, wait_s = dice.chance(0.5), dice.between(0.0, faults_s / 2)
        keys = [f"new-{number}-{place}" if is_keyed else "" for place in range(new)]
        found.append(
            replace(
                order,
                at=min(order.at + wait_s, faults_s),
                payments=(*((order.payments[0][0], 1),) * new, *order.payments),
                memos=(*("",) * new, *order.memos),
                keys=(*keys, *order.keys),
            )
        )
    return found


def _order(ids: tuple[NodeId, ...], dice: Dice, at: float) -> UserPays:
    node = dice.pick(ids)
    count = dice.whole(2, 4) if dice.chance(0.15) else 1
    first = dice.whole(1, _KEYS)
    begin = dice.pick(["", "invoice-", "\U0001f9fe" * 60])
    return UserPays(
        at,
        node,
        tuple(_payment(ids, node, dice) for _ in range(count)),
        tuple(dice.pick(_MEMOS) if dice.chance(0.5) else "" for _ in range(count)),
        tuple(f"{begin}{first + offset}" for offset in range(count)),
    )


def _again(ids: tuple[NodeId, ...], dice: Dice, order: UserPays) -> UserPays:
    """Repeat an order: mostly the same; or a part, more, other content, at another node."""
    if len(order.payments) > 1 and dice.chance(0.3):
        order = replace(
            order, payments=order.payments[1:], memos=order.memos[1:], keys=order.keys[1:]
        )
    if dice.chance(0.1):
        more = _payment(ids, order.node, dice)
        payments = (*order.payments, more)
        order = replace(order, payments=payments, memos=(*order.memos, ""), keys=(*order.keys, ""))
    if dice.chance(0.15):
        order = _altered(ids, dice, order)
    return replace(order, node=dice.pick(ids)) if dice.chance(0.05) else order


def _altered(ids: tuple[NodeId, ...], dice: Dice, order: UserPays) -> UserPays:
    """Replace the first payment by another one under the same key."""
    credit, amount = order.payments[0]
    what = dice.pick(["amount", "credit", "memo"])
    if what == "memo":
        return replace(order, memos=(f"not {order.memos[0]}"[:140], *order.memos[1:]))
    credit = dice.pick(ids) if what == "credit" else credit
    amount = amount + 1 if what == "amount" else amount
    return replace(order, payments=((credit, amount), *order.payments[1:]))


def _asks(ids: tuple[NodeId, ...], dice: Dice, at: float) -> list[UserAsks]:
    """Draw questions: now, or when a slot is proposed, or decided, or at two such moments."""
    node = dice.pick(ids)
    triggers = dice.pick([("",), ("Decide",), ("Accept", "Decide"), ("Accepted", "Decide")])
    return [UserAsks(at, node, trigger) for trigger in triggers]
