"""One run from its beginning to its end: faults, then calm, then the last checks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from benmo.sim import faults
from benmo.sim.calm import calm
from benmo.sim.happenings import UserPays
from benmo.sim.plan import Plan
from benmo.sim.trace import Trace
from benmo.sim.users import ask, pay
from benmo.sim.violation import Finding, Fork, Violation
from benmo.sim.world import World


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run. `violation` is None if all rules and promises were kept."""

    plan: Plan = field(repr=False)
    violation: Finding | None
    found_before: Finding | None
    """What was found first, where the run went on to the fork."""
    simulated_s: float
    events: int
    """How many calls were put on the agenda: what the run cost."""
    counts: Counter[str]
    last_steps: list[str] = field(repr=False)


def run(plan: Plan, trace: Trace | None = None, to_the_fork: bool = False) -> RunResult:
    """Run a plan. The first violation ends the run, and is in the result.

    With `to_the_fork`, only two different blocks for one slot end it; the first violation before
    that is in the result, too.
    """
    trace = trace if trace is not None else Trace()
    world = World(plan, trace, to_the_fork)
    violation: Finding | None = None
    try:
        _run(world)
    except Violation as error:
        if isinstance(error, Fork) or not to_the_fork:
            violation = error.finding
            trace.violation(world.now, violation)
    return RunResult(
        plan,
        violation,
        world.findings.first,
        world.now,
        world.agenda.events,
        _counts(world),
        trace.last_steps(),
    )


def _run(world: World) -> None:
    plan = world.plan
    for line in plan.header():
        world.trace.fault(0.0, line)
    for node in plan.nodes:
        world.start(world.machine(node))
    for number, happening in enumerate(plan.happenings):
        world.at(happening.at, faults.happen, world, number, happening)
    world.agenda.run_until(plan.faults_s)
    survivors = calm(world)
    for machine in survivors if plan.pays_at_end else ():
        # On the way to a fork, a mistake may have left one survivor: more disks look damaged.
        others = [each.node for each in survivors if each.node != machine.node]
        for other in others[:1]:
            world.after(1.0, pay, world, UserPays(world.now, machine.node, ((other, 1),)))
    for machine in survivors if plan.has_questions else ():
        world.after(1.0, ask, world, machine, True)
    world.agenda.run_until(world.now + 2.0)
    waiting = [len(machine.queue) for machine in survivors]
    world.agenda.run_until(
        world.now + plan.calm_s(waiting), lambda: not world.watchers.why_not(survivors)
    )
    world.watchers.at_end(survivors)


def _counts(world: World) -> Counter[str]:
    for machine in world.roster.machines.values():
        world.counts.update(machine.fault_counts)
    world.counts.update(world.watchers.counts())
    return +world.counts
