"""Cuts a failing run down: fewer happenings, better weather, fewer nodes, less time.

Delta debugging (Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002)
on the happenings of a plan: ever smaller parts are left out, and stay out if the same rule is
broken without them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benmo.sim.draw import draw_plan
from benmo.sim.happenings import Happening, UserAsks, UserPays
from benmo.sim.plan import CALM, Plan
from benmo.sim.run import RunResult, run

WEATHER = ("doubled_late", "doubled", "slow", "loss")
"""The kinds of bad weather that can be turned off, as `Weather` calls them."""

_RUNS_MAX = 400
_EVENTS_MAX = 1_000_000
"""The most that cutting down may cost: about half a minute, whatever the run."""

_MARGINS_S = (0.05, 0.5, 2.0, 8.0)
"""What is tried as the time before the first happening, and after the last, in seconds."""


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
    that are off. With `is_single`, whoever pays several at once pays only the first. Everything
    happens `earlier_s` seconds earlier. Faults end after `faults_s` seconds; if that is None, when
    the plan says.
    """

    nodes: int
    only: tuple[int, ...]
    calmed: frozenset[str] = frozenset()
    is_single: bool = False
    earlier_s: float = 0.0
    faults_s: float | None = None


def cut(plan: Plan, cutting: Cutting) -> Plan:
    """Keep the part of a plan that a cutting names; both must be for as many nodes."""
    weather = plan.weather
    for name in sorted(cutting.calmed):
        weather = replace(weather, **{name: getattr(CALM, name)})
    happenings = tuple(_cut_happening(plan.happenings[each], cutting) for each in cutting.only)
    faults_s = plan.faults_s if cutting.faults_s is None else cutting.faults_s
    return replace(plan, weather=weather, happenings=happenings, faults_s=faults_s)


def _cut_happening(happening: Happening, cutting: Cutting) -> Happening:
    if cutting.earlier_s:
        happening = replace(happening, at=max(0.0, happening.at - cutting.earlier_s))
    if cutting.is_single and isinstance(happening, UserPays):
        pays = happening
        happening = replace(
            pays, payments=pays.payments[:1], memos=pays.memos[:1], keys=pays.keys[:1]
        )
    return happening


def size_of(plan: Plan) -> Size:
    """Measure a plan."""
    pays = [each for each in plan.happenings if isinstance(each, UserPays)]
    weather = sum(getattr(plan.weather, name) > 0 for name in WEATHER)
    questions = sum(isinstance(each, UserAsks) for each in plan.happenings)
    faults = len(plan.happenings) - len(pays) - questions + weather
    return Size(len(plan.nodes), faults, sum(len(pay.payments) for pay in pays), questions)


def shrink(result: RunResult, to_the_fork: bool = False) -> tuple[Cutting, RunResult]:
    """Find a small cutting with which the same rule is broken as in `result`.

    The cost is bounded by a number of runs, and by a number of events in all of them.
    """
    shrinker = _Shrinker(result, to_the_fork)
    shrinker.fewer_nodes()
    shrinker.fewer_happenings()
    shrinker.better_weather()
    shrinker.single_payments()
    shrinker.fewer_happenings()
    shrinker.less_time()
    shrinker.fewer_happenings()
    return shrinker.cutting, shrinker.result


class _Shrinker:
    """The smallest cutting so far, and its run."""

    def __init__(self, result: RunResult, to_the_fork: bool) -> None:
        assert result.violation is not None
        self.result = result
        self._finding = result.violation
        self._to_the_fork = to_the_fork
        self._runs_left = _RUNS_MAX
        self._events_left = _EVENTS_MAX
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

    def single_payments(self) -> None:
        self._try(replace(self.cutting, is_single=True))

    def less_time(self) -> None:
        """Try to begin with the first happening, and to end all faults after the last."""
        times = [happening.at for happening in self.result.plan.happenings]
        earlier = [min(times) - margin for margin in _MARGINS_S if times]
        any(
            self._try(replace(self.cutting, earlier_s=self.cutting.earlier_s + each))
            for each in earlier
            if each > 0
        )
        if self.result.simulated_s < self.result.plan.faults_s:
            return
        end = max((happening.at for happening in self.result.plan.happenings), default=0.0)
        shorter = [round(end + margin, 3) for margin in _MARGINS_S]
        any(
            self._try(replace(self.cutting, faults_s=each))
            for each in shorter
            if each < self.result.plan.faults_s
        )

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
            if self._plan.happenings[number].at - self.cutting.earlier_s <= self.result.simulated_s
        ]
        self._try(replace(self.cutting, only=tuple(happened)))

    def _try(self, cutting: Cutting) -> bool:
        return cutting != self.cutting and self._still_fails(self._plan, cutting)

    def _still_fails(self, plan: Plan, cutting: Cutting) -> bool:
        if self._runs_left <= 0 or self._events_left <= 0:
            return False
        result = run(cut(plan, cutting), to_the_fork=self._to_the_fork)
        self._runs_left -= 1
        self._events_left -= result.events
        if result.violation is None or not result.violation.is_like(self._finding):
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
