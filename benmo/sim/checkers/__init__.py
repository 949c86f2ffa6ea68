"""The checkers: what must hold in every run, checked at every step, in one file each.

May import what `benmo.sim` may, and of it `machine.py` and `violation.py`. Begin with `checker.py`.

| checker | what it holds |
| --- | --- |
| agreement | of any two chains, one is a prefix of the other, at every moment |
| acceptors | the acceptor's rules: promises grow, are kept, and are on disk before they are sent |
| members | who votes, pays and may leave is what the chain makes of it, at every node |
| one value | one block per slot and ballot |
| leaders | the leader's rules: a quorum promised, and what it reported decides the proposal |
| decisions | a leader counts a quorum's votes; other nodes take for decided what they are told |
| durable answers | a block shown as decided is on the disks of a quorum at that moment |
| exactly once | what was ordered is paid at most once; what was refused, never |
| keys | under one key, a node pays once; a retry is answered with what became of it |
| refusals | every order is answered; none is refused without need, none that is queued at all |
| money | the sum is constant, no balance is below zero, all nodes reckon alike |
| order | each node's transfers are decided in their order, without a gap |
| hash chain | a block's hash is that of its bytes, which name the block before |
| replay | a node's state is what its files lead to |
| bounded | journal, queue and what is kept for others stay within their limits |
| told refusals | a ballot that is too low is answered |
| linearizable | a confirmed height misses nothing that was decided before the question |
| liveness | a majority without faults decides all that it has queued |

Besides, the world itself stops at any exception of the product's (`program`) and at damage that
nobody did (`damage`), the agenda at messages that never end (`chatter`). `assertions.py` words the
product's own assertions, each of which names a rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from benmo.sim.checkers.acceptors import Acceptors
from benmo.sim.checkers.agreement import Agreement
from benmo.sim.checkers.assertions import finding_of
from benmo.sim.checkers.bounded import Bounded
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.decisions import Decisions
from benmo.sim.checkers.durable_answers import DurableAnswers
from benmo.sim.checkers.exactly_once import ExactlyOnce
from benmo.sim.checkers.hash_chain import HashChain
from benmo.sim.checkers.history import History
from benmo.sim.checkers.keys import KeyedPayments
from benmo.sim.checkers.leaders import Leaders
from benmo.sim.checkers.linearizable import Linearizable
from benmo.sim.checkers.liveness import Liveness
from benmo.sim.checkers.members import Members
from benmo.sim.checkers.money import Money
from benmo.sim.checkers.one_value import OneValue
from benmo.sim.checkers.order import TransferOrder
from benmo.sim.checkers.refusals import Refusals
from benmo.sim.checkers.replay import Replay
from benmo.sim.checkers.told_refusals import ToldRefusals
from benmo.sim.machine import Machine, Turn
from benmo.sim.violation import Finding, Fork, Violation
from benmo.storage.journal import NodeState

__all__ = ["NAMES", "Checker", "Facts", "Watchers"]

_OTHERS: tuple[type[Checker], ...] = (
    Members,
    OneValue,
    Leaders,
    Decisions,
    DurableAnswers,
    ExactlyOnce,
    KeyedPayments,
    Refusals,
    Money,
    TransferOrder,
    HashChain,
    Replay,
    Bounded,
    ToldRefusals,
)

NAMES = (
    Agreement.name,
    Acceptors.name,
    *(kind.name for kind in _OTHERS),
    Linearizable.name,
    Liveness.name,
)
"""The names of the checkers, as violations show them."""


class Watchers:
    """All checkers of a run. Each call goes to those that override the method.

    What they find is raised, or given to `on_found`; a checker that has found something is then
    asked no more, except for `agreement`.
    """

    def __init__(
        self,
        facts: Facts,
        machines: Machines,
        on_found: Callable[[Violation], None] | None = None,
    ) -> None:
        self._on_found = on_found
        self._done: set[Checker] = set()
        self.history = History(facts.nodes, facts.balance)
        self.agreement = Agreement(facts, machines, self.history)
        self.linearizable = Linearizable(facts, machines, self.history)
        self.liveness = Liveness(facts, machines, self.history)
        self.acceptors = Acceptors(facts, machines, self.history)
        others = [kind(facts, machines, self.history) for kind in _OTHERS]
        last = (self.linearizable, self.liveness)
        self._checkers: list[Checker] = [self.agreement, self.acceptors, *others, *last]
        self._shown = 0
        self.on_death = self._to_all("on_death")
        self.on_submitted = self._to_all("on_submitted")
        self.on_asked = self._to_all("on_asked")
        self.on_recorded = self._to_all("on_recorded")
        self.on_arrived = self._to_all("on_arrived")
        self.on_sent = self._to_all("on_sent")
        self.on_left = self._to_all("on_left")
        self.at_end = self._to_all("at_end")
        self._on_start = self._to_all("on_start")
        self._on_decided = self._to_all("on_decided")
        self._on_turn = self._to_all("on_turn")
        self.after_turn = self._to_all("after_turn")

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._on_start(machine, state)
        self._pass_decided(machine)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        """Pass a turn on, after the decisions that it shows: checkers need these first."""
        self._call(self.agreement, self.agreement.on_turn, machine, turn)
        self._pass_decided(machine)
        self._on_turn(machine, turn)

    def broken_assertion(self, machine: Machine, rule: str) -> Finding | None:
        """Word an assertion of the product that names a rule; None if it names none."""
        return finding_of(machine, rule, self.acceptors.promised(machine))

    def progress(self) -> str:
        """Say how far the cluster has come."""
        highest = max(map(self.acceptors.promised, self.acceptors.machines))
        return f"ballots up to {highest}, {len(self.agreement.chain)} blocks decided"

    def why_not(self, survivors: Machines) -> str:
        """Say what these machines must still do; empty if nothing."""
        return self.liveness.why_not(survivors) or self.linearizable.why_not(survivors)

    def _pass_decided(self, machine: Machine) -> None:
        for applied in self.agreement.chain[self._shown :]:
            self._shown += 1
            self.history.add(applied)
            self._on_decided(machine, applied)

    def counts(self) -> Counter[str]:
        """Count decided blocks and transfers."""
        decided = {
            "blocks decided": len(self.agreement.chain),
            "transfers decided": self.liveness.decided,
        }
        return Counter(decided) + self.history.counts

    def _to_all(self, name: str) -> Callable[..., None]:
        methods = [
            (checker, getattr(checker, name))
            for checker in self._checkers
            if getattr(type(checker), name) is not getattr(Checker, name)
        ]

        def call_until_one_finds(*arguments: Any) -> None:
            for _, method in methods:
                method(*arguments)

        def call_all(*arguments: Any) -> None:
            for checker, method in methods:
                self._call(checker, method, *arguments)

        return call_until_one_finds if self._on_found is None else call_all

    def _call(self, checker: Checker, method: Callable[..., None], *arguments: Any) -> None:
        if checker in self._done:
            return
        try:
            method(*arguments)
        except Violation as violation:
            if self._on_found is None or isinstance(violation, Fork):
                raise
            if checker is not self.agreement:
                self._done.add(checker)
            self._on_found(violation)
