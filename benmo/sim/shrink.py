"""Cuts a failing run down: fewer happenings, better weather, fewer nodes, while it still fails.

Delta debugging (Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002)
on the happenings of a plan: ever smaller parts are left out, and stay out if the same checker finds
something without them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benmo.sim.draw import draw_plan
from benmo.sim.happenings import UserAsks, UserPays
from benmo.sim.plan import CALM, Plan
from benmo.sim.run import RunResult, run

WEATHER = ("doubled_late", "doubled", "slow", "loss")
"""The kinds of bad weather that can be turned off, as `Weather` calls them."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a plan: how much a run needs to fail."""

    nodes: int
    faults: int
    transfers: int
    questions: int = 0

    def __str__(self) -> str:
        counts = [_count(self.faults, "fault"), _count(self.transfers, "transfer")]
        if self.questions:
            counts.append(_count(self.questions, "question"))
        return f"{self.nodes} nodes, {', '.join(counts)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Cutting:
    """The part of a seed's plan that a run keeps.

    `only` are the numbers of the happenings that are kept; `calmed` names the fields of the weather
    that are off.
    """

    nodes: int
    only: tuple[int, ...]
    calmed: frozenset[str] = frozenset()


def cut(plan: Plan, cutting: Cutting) -> Plan:
    """Keep the part of a plan that a cutting names; both must be for as many nodes."""
    weather = plan.weather
    for name in sorted(cutting.calmed):
        weather = replace(weather, **{name: getattr(CALM, name)})
    happenings = tuple(plan.happenings[number] for number in cutting.only)
    return replace(plan, weather=weather, happenings=happenings)


def size_of(plan: Plan) -> Size:
    """Measure a plan."""
    pays = [each for each in plan.happenings if isinstance(each, UserPays)]
    weather = sum(getattr(plan.weather, name) > 0 for name in WEATHER)
    questions = sum(isinstance(each, UserAsks) for each in plan.happenings)
    faults = len(plan.happenings) - len(pays) - questions + weather
    return Size(len(plan.nodes), faults, sum(len(pay.payments) for pay in pays), questions)


def shrink(result: RunResult, runs_max: int = 400) -> tuple[Cutting, RunResult]:
    """Find the smallest cutting, in `runs_max` runs, that fails by the same checker as `result`."""
    assert result.violation is not None
    shrinker = _Shrinker(result, runs_max)
    shrinker.fewer_nodes()
    shrinker.fewer_happenings()
    shrinker.better_weather()
    shrinker.fewer_happenings()
    return shrinker.cutting, shrinker.result


class _Shrinker:
    """The smallest cutting so far, and its run."""

    def __init__(self, result: RunResult, runs_max: int) -> None:
        assert result.violation is not None
        self.result = result
        self._checker = result.violation[0]
        self._runs_left = runs_max
        self._plan = result.plan
        self.cutting = Cutting(len(self._plan.nodes), tuple(range(len(self._plan.happenings))))

    def fewer_nodes(self) -> None:
        """Try fewer nodes: the same seed draws much the same plan for them."""
        for nodes in range(3, self.cutting.nodes, 2):
            plan = draw_plan(self._plan.seed, nodes, self._plan.tenure, self._plan.faults_s)
            cutting = Cutting(nodes, tuple(range(len(plan.happenings))))
            if self._still_fails(plan, cutting):
                self._plan = plan
                return

    def better_weather(self) -> None:
        for name in WEATHER:
            if getattr(self._plan.weather, name) > 0:
                self._try(replace(self.cutting, calmed=self.cutting.calmed | {name}))

    def fewer_happenings(self) -> None:
        """Try to leave out ever smaller parts, from the end to the beginning."""
        self._drop_what_came_too_late()
        length = max(1, len(self.cutting.only) // 2)
        while True:
            start = len(self.cutting.only)
            while start > 0:
                start = max(0, start - length)
                only = self.cutting.only
                rest = only[:start] + only[start + length :]
                self._try(replace(self.cutting, only=rest))
            if length == 1 or self._runs_left <= 0:
                return
            length = max(1, length // 2)

    def _drop_what_came_too_late(self) -> None:
        happened = [
            number
            for number in self.cutting.only
            if self._plan.happenings[number].at <= self.result.simulated_s
        ]
        self._try(replace(self.cutting, only=tuple(happened)))

    def _try(self, cutting: Cutting) -> bool:
        return cutting != self.cutting and self._still_fails(self._plan, cutting)

    def _still_fails(self, plan: Plan, cutting: Cutting) -> bool:
        if self._runs_left <= 0:
            return False
        self._runs_left -= 1
        result = run(cut(plan, cutting))
        if result.violation is None or result.violation[0] != self._checker:
            return False
        self.cutting, self.result = cutting, result
        return True


_NONE = "none"


def numbers(only: Sequence[int]) -> str:
    """Write numbers as a user does: `3,7-9`, or `none`."""
    parts: list[str] = []
    for number in only:
        first, _, last = parts[-1].partition("-") if parts else ("", "", "")
        if parts and int(last or first) + 1 == number:
            parts[-1] = f"{first}-{number}"
        else:
            parts.append(str(number))
    return ",".join(parts) or _NONE


def numbers_of(text: str) -> tuple[int, ...]:
    """Read what `numbers` writes. Raises `ValueError`."""
    found: list[int] = []
    for part in text.split(",") if text != _NONE else ():
        first, _, last = part.partition("-")
        if last and int(last) < int(first):
            raise ValueError(part)
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
