"""The simulated world: machines on a network, their processes, their turns and messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from benmo.engine.events import Event, ReadRequested, Received, Report
from benmo.errors import ProtocolError, StateError
from benmo.paxos.messages import Message
from benmo.paxos.types import Change, MemberId, NodeId
from benmo.sim.agenda import Agenda
from benmo.sim.ambushes import Ambush, spring
from benmo.sim.checkers import Facts, Watchers
from benmo.sim.clock import NodeClock
from benmo.sim.dice import Dice
from benmo.sim.disk import DiskFailed, PowerCut
from benmo.sim.findings import Findings, text_of
from benmo.sim.link_news import NEWS_S, LinkNews
from benmo.sim.machine import Fuse, Machine, Turn, asked
from benmo.sim.network import Network, WireCache, is_question
from benmo.sim.plan import BALANCE, Plan
from benmo.sim.roster import Roster
from benmo.sim.trace import Trace, started_text
from benmo.sim.violation import Finding, Violation
from benmo.tape.world_records import ProcessEvent

T = TypeVar("T")

_BEGIN_S = 1_000.0
"""The time that all clocks show at the start, in seconds."""

_CLOSE_S = 1e-6
"""Times that differ by less are the same: clocks with different rates round differently."""

_TRY_AGAIN_S = 1.0
"""The time after which a node whose start failed is started again."""

_FORGOTTEN_S = 20.0
"""The time after which a dead node is started at the latest."""


class World:
    """The world of one plan. Whatever happens in it may raise `Violation`."""

    def __init__(self, plan: Plan, trace: Trace, to_the_fork: bool = False) -> None:
        self.plan = plan
        self.trace = trace
        self.agenda = Agenda()
        if trace.recording is not None:
            trace.recording.begin(lambda: self.now)
        self.at, self.after = self.agenda.at, self.agenda.after
        self.counts: Counter[str] = Counter()
        self.network = Network(plan.seed, plan.weather)
        facts = Facts(
            plan.nodes,
            BALANCE,
            plan.log_limit,
            plan.journal_bytes_max,
            plan.rogues,
        )
        self.roster = Roster(plan.seed, self._made)
        self.open_changes: list[Change] = []
        """The changes of the membership that operators have ever wanted."""
        self.asking: set[Change] = set()
        """Those that operators still ask for."""
        self.is_calm = False
        """Whether all faults have ended."""
        self.findings = Findings(self.agenda, trace, to_the_fork)
        self.watchers = Watchers(
            facts, self.roster.machines.values(), self.findings.take if to_the_fork else None
        )
        self.agenda.progress = self.watchers.progress
        self._wire = WireCache()
        self._dice = Dice(plan.seed, "world")
        self._questions_dice = Dice(plan.seed, "world's questions")
        self.link_news = LinkNews(self.roster, self.network, self.agenda, self._dice, self.happen)
        self.tickets = 0
        """The number of requests that users have made."""
        self.ambushes: list[Ambush] = []
        self.operators_dice = Dice(plan.seed, "operators")
        self._rates = dict(zip(plan.nodes, plan.clock_rates, strict=True))
        for node in plan.nodes:
            self.roster.add(node).create()

    @property
    def now(self) -> float:
        """The true time, in seconds since the beginning."""
        return self.agenda.now

    # Machines.

    def _made(self, node: NodeId, member: MemberId) -> Machine:
        """Make a machine. One that replaces another has its clock rate, and not its clock."""
        clock = NodeClock(self._rates.get(node, 1.0), _BEGIN_S)
        recorded = self.watchers.on_recorded
        return Machine(node, member, self.plan, clock, self._sent, recorded, self._failed)

    def machine(self, node: NodeId) -> Machine:
        """The machine that is meant by a node's number: mostly the newest of those that live."""
        return self.roster.one(node)

    def start(self, machine: Machine, again_after: int = 0) -> None:
        """Start a machine's process. If its disk fails meanwhile, try again later."""
        machine.is_start_due = False
        if machine.engine is not None or machine.is_out:
            return
        if again_after:
            self.arm(machine, again_after, True, 0.5)
        state = self.guarded(machine, lambda: machine.start(self.now))
        if state is None:
            self._start_later(machine)
            return
        machine.is_damaged = machine.is_damaged and machine.is_damage_in_chain
        if machine is not self.roster.of_node(machine.node)[-1]:
            self.counts["old members that came back"] += 1
        self.trace.state(self.now, machine.label, started_text(state))
        if self.trace.recording is not None:
            self.trace.recording.started(machine, machine.clock.read(self.now))
        self.watchers.on_start(machine, state)
        for peer in self.roster.nodes:
            if peer != machine.node:
                self.link_news.spread_news(machine.node, peer)
        self.schedule_turn(machine, 0.0)

    def _start_later(self, machine: Machine) -> None:
        if not machine.is_start_due:
            machine.is_start_due = True
            self.after(_TRY_AGAIN_S, self.start, machine)

    def arm(self, machine: Machine, operations: int, is_power_cut: bool, share: float) -> None:
        """Let a machine die at its `operations`-th operation from now."""
        machine.fuse = Fuse(operations, is_power_cut, share)

    def die(self, machine: Machine, is_power_cut: bool, why: str, is_own: bool = False) -> None:
        """End a process, now. With `is_own`, it ends by itself."""
        killed = ProcessEvent.LOSES_POWER if is_power_cut else ProcessEvent.KILLED
        event, status = (ProcessEvent.ENDS, why) if is_own else (killed, "")
        self.trace.process(self.now, f"node {machine.label} {why}", machine, event, status)
        self.counts["power cuts" if is_power_cut else "kills"] += 1
        machine.die(is_power_cut)
        self.after(_FORGOTTEN_S, self.start, machine)
        self.watchers.on_death(machine)
        for peer in self.roster.nodes:
            if peer != machine.node and not (is_power_cut and self._dice.chance(0.5)):
                self.link_news.spread_news(machine.node, peer)

    def guarded(self, machine: Machine, action: Callable[[], T]) -> T | None:
        """Do what may go wrong; return None if the process ended in it, as it should."""
        try:
            return action()
        except PowerCut:
            is_power_cut = machine.fuse is None or machine.fuse.is_power_cut
            self.die(machine, is_power_cut, "loses power" if is_power_cut else "is killed")
        except DiskFailed as error:
            self.counts["stops by a failed disk"] += 1
            self.die(machine, False, f"stops: {error.strerror}", is_own=True)
            self._start_later(machine)
        except StateError as error:
            self._damage_found(machine, error)
        except Violation:
            raise
        except Exception as error:  # noqa: BLE001 - any error of the product is a finding
            self.findings.failed(machine, error, self.watchers)
            self.die(machine, False, f"stops: {text_of(error)}", is_own=True)
        return None

    def _damage_found(self, machine: Machine, error: StateError) -> None:
        if not machine.is_damaged:
            node = machine.node
            sentence = f"node {machine.label} stops, but nobody harmed it: {error}"
            self.findings.take(Violation(Finding("damage", sentence, "promise 6", node)), error)
        self.counts["damage found"] += 1
        machine.is_out = True
        self.die(machine, False, f"stops for good: {error}", is_own=True)

    # Turns.

    def schedule_turn(self, machine: Machine, wait_s: float) -> None:
        """Let the engine turn to its inbox, unless it is going to anyway."""
        if not machine.is_scheduled:
            machine.is_scheduled = True
            when = max(self.now + wait_s, machine.paused_until)
            self.at(when, self._turn, machine, machine.life, None)

    def arm_timer(self, machine: Machine) -> None:
        """Let the engine turn when its deadline comes."""
        assert machine.engine is not None
        when = machine.clock.when(machine.engine.deadline, self.now)
        if when != machine.wake_at:
            machine.wake_at = when
            self.at(when, self._turn, machine, machine.life, when)

    def _turn(self, machine: Machine, life: int, timer: float | None) -> None:
        if life != machine.life or machine.engine is None:
            return
        if timer is not None and timer != machine.wake_at:
            return
        if self.now < machine.paused_until:
            if timer is None:
                self.at(machine.paused_until, self._turn, machine, life, None)
            else:
                machine.wake_at = machine.paused_until
                self.at(machine.wake_at, self._turn, machine, life, machine.wake_at)
            return
        if timer is None:
            machine.is_scheduled = False
        self._really_turn(machine)

    def _really_turn(self, machine: Machine) -> None:
        assert machine.engine is not None
        shown = machine.clock.read(self.now)
        if 0.0 < machine.engine.deadline - shown < _CLOSE_S:
            shown = machine.engine.deadline
        for question in asked(machine.inbox):
            self.watchers.on_asked(machine, question)
        show = partial(self._show, machine)
        turn = self.guarded(machine, lambda: machine.turn(shown, self.now, show))
        if turn is not None:
            self.watchers.after_turn(machine, turn)
            self.arm_timer(machine)
            self._retire(machine)

    def _retire(self, machine: Machine) -> None:
        """End the process of a member that was replaced or removed, once a quorum knows that."""
        if machine.engine is not None and machine.engine.may_leave(machine.told_by):
            self.watchers.on_left(machine)
            slot = machine.engine.retired_in
            how = "is retired" if slot is None else f"is retired in slot {slot}"
            self.counts["retired members that ended"] += 1
            machine.is_out = True
            self.die(machine, False, f"{how}, and ends", is_own=True)

    def _show(self, machine: Machine, turn: Turn) -> None:
        """Show a turn's answers; the turn goes on afterwards."""
        self._count(turn.report)
        self.trace.report(self.now, machine.label, turn.report)
        for sender, reason in turn.report.misbehaved:
            sentence = f"node {machine.label} blames node {sender}: {reason}"
            self.findings.take(Violation(Finding("program", sentence, node=machine.node)))
        self.watchers.on_turn(machine, turn)

    def _count(self, report: Report) -> None:
        self.counts["turns"] += 1
        if report.confirmations:
            self.counts["questions answered"] += len(report.confirmations)
        for admission in report.admissions:
            self.counts["transfers known by their keys"] += len(admission.known)

    def _failed(self, machine: Machine, operation: str) -> None:
        self.trace.fault(self.now, f"node {machine.label}'s disk fails: {operation}")

    # Messages.

    def _sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        sender = machine.node
        if self.ambushes:
            spring(self.ambushes, machine, message)
        self.trace.message(self.now, ">", machine.label, str(to), message)
        why_lost, arrivals = self._fate(sender, to, message)
        # A finding is about a record that is there already.
        recording = self.trace.recording
        frame = "" if recording is None else recording.sent(machine, to, message, why_lost)
        self.watchers.on_sent(machine, to, message)
        if arrivals:
            data = self._wire.encode(message)
            for when in arrivals:
                self.at(when, self._arrives, machine, to, data, frame)

    def _fate(self, sender: NodeId, to: NodeId, message: Message) -> tuple[str, list[float]]:
        """Draw why a message is lost, if it is, and the times at which it arrives."""
        if not self.network.passes(sender, to):
            self.counts["messages cut off"] += 1
            return "cut", []
        if self.network.loses(sender, to, message):
            self.counts["messages lost"] += 1
            return "lost", []
        arrivals = self.network.arrivals(sender, to, message, self.now)
        self.counts["messages"] += 1
        if len(arrivals) != 1:
            self.counts["messages doubled" if arrivals else "messages lost"] += 1
        return "" if arrivals else "lost", arrivals

    def _arrives(self, from_machine: Machine, to: NodeId, data: bytes, frame: str) -> None:
        sender = from_machine.node
        latest = self.watchers.history.latest.ids
        is_calm, roster = self.is_calm, self.roster
        machine = roster.member(from_machine, to, latest) if is_calm else self.machine(to)
        if machine.engine is None or sender in machine.takes_not:
            return
        if not self.network.passes(sender, to):
            self.counts["messages cut off"] += 1
            return
        try:
            message = self._wire.decode(data)
        except ProtocolError as error:
            sentence = f"node {sender} sends what can't be read: {error}"
            self.findings.take(Violation(Finding("program", sentence, node=sender)), error)
            return
        self.trace.message(self.now, "<", from_machine.label, machine.label, message)
        if self.trace.recording is not None:
            self.trace.recording.arrived(machine, message, frame)
        if machine.engine.membership.is_retired(from_machine.member):
            self.after(NEWS_S, self._told_retired, from_machine, from_machine.life, machine)
        self.happen(machine, Received(sender, message, from_machine.member))

    def _told_retired(self, machine: Machine, life: int, by: Machine) -> None:
        """Let a member's process hear from a node that knows so that it is retired."""
        if life != machine.life or machine.engine is None or by.engine is None:
            return
        known = by.engine.membership.find(machine.member)
        if known is None or known.until is None or not self.network.passes(by.node, machine.node):
            return
        machine.told_by.add(by.node)
        self._retire(machine)

    def happen(self, machine: Machine, event: Event) -> None:
        """Put an event into a node's inbox; the node turns to it soon."""
        machine.inbox.append(event)
        if isinstance(event, Received):
            self.watchers.on_arrived(machine, event)
        work_s = self.plan.work_s
        is_asked = isinstance(event, ReadRequested)
        if is_asked or (isinstance(event, Received) and is_question(event.message)):
            dice = self._questions_dice
        else:
            dice = self._dice
        self.schedule_turn(machine, dice.share() * work_s if work_s else 0.0)
