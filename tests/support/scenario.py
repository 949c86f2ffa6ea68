"""Scenarios: a text of commands, each with the trace that it must lead to.

A file begins with a comment that tells its story. After it come blocks: commands, one a line, then
`----`, then the trace, up to an empty line. `run` carries the commands out and gives the text back
with the traces as they are: a scenario holds if that is the same text. The commands:

    nodes N [tenure block|stable]   first: N nodes, all up and linked, without election delay
    pay NODE CREDIT AMOUNT          at NODE, to CREDIT
    campaign NODE                   move the clock to when NODE campaigns, and let it do so
    deliver KIND A->B               what is under way of this kind arrives; * is any kind or node
    copy KIND A->B                  the same, and it stays under way: it will arrive again
    drop KIND A->B                  it is lost
    settle                          all that is under way arrives, and what follows from it
    wait SECONDS                    the timers run, and nothing arrives
    advance SECONDS                 the timers run, and everything arrives at once
    crash NODE [power]              its process ends; with power, what was not synced is lost
    start NODE                      it starts from its disk
    pause NODE / resume NODE        it does nothing for a while; what is sent to it waits
    cut A B / heal A B              their link goes down, with what is under way on it; up again
    show chains|promised|accepted|queues|balances|leaders|pending

`quietly` before a command shows only `=` and `!` lines. Commands are deterministic: the clock moves
only when told to, and all randomness has one fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable

from benmo.engine.events import LinkChanged
from benmo.paxos.messages import Heartbeat
from benmo.paxos.types import Ballot, Tenure
from benmo.sim.trace import accepted_text, outcomes
from tests.support.engine_cluster import Envelope
from tests.support.traced_cluster import TracedCluster, line

SEPARATOR = "----"


def run(text: str) -> str:
    """The scenario with the traces that its commands lead to now."""
    scenario = Scenario()
    return "\n\n".join(_run_block(scenario, block) for block in text.strip().split("\n\n")) + "\n"


def _run_block(scenario: Scenario, block: str) -> str:
    if all(each.startswith("#") for each in block.splitlines()):
        return block
    head = block.split(f"\n{SEPARATOR}", 1)[0].strip("\n")
    trace: list[str] = []
    for command in head.splitlines():
        if not command.startswith("#"):
            trace += scenario.do(command)
    return "\n".join([head, SEPARATOR, *trace])


class Scenario:
    """Carries commands out on one cluster, which the command `nodes` makes."""

    def __init__(self) -> None:
        self._made: TracedCluster | None = None
        self._commands: dict[str, Callable[..., None]] = {
            "nodes": self._nodes,
            "pay": self._pay,
            "campaign": self._campaign,
            "deliver": self._deliver,
            "copy": self._copy,
            "drop": self._drop,
            "settle": self._settle,
            "wait": self._wait,
            "advance": self._advance,
            "crash": self._crash,
            "start": self._start,
            "pause": self._pause,
            "resume": self._resume,
            "cut": self._cut,
            "heal": self._heal,
            "show": self._show,
        }

    @property
    def cluster(self) -> TracedCluster:
        assert self._made is not None, "the first command is: nodes N"
        return self._made

    def do(self, command: str) -> list[str]:
        """The trace of one command; agreement is checked after it."""
        words = command.split()
        quietly = words[0] == "quietly"
        name, *arguments = words[quietly:]
        self._commands[name](*arguments)
        self.cluster.assert_agreement()
        lines = list(self.cluster.trace)
        self.cluster.trace.clear()
        return [each for each in lines if each[0] not in "<>"] if quietly else lines

    # Commands.

    def _nodes(self, count: str, _tenure: str = "tenure", tenure: str = "block") -> None:
        self._made = TracedCluster(int(count), Tenure(tenure))

    def _pay(self, node: str, credit: str, amount: str) -> None:
        self.cluster.pay(int(node), (int(credit), int(amount)))

    def _campaign(self, node: str) -> None:
        engine = self.cluster.engine(int(node))
        at = engine.replica.election.deadline
        assert at < self.cluster.now + 60.0, f"node {node} has no reason to campaign"
        self.cluster.now = max(self.cluster.now, at)
        self.cluster.turn(int(node), [])
        assert engine.replica.leader.is_active, f"node {node} didn't campaign"

    def _deliver(self, kind: str, link: str) -> None:
        for envelope in self._arriving(self._matching(kind, link)):
            self.cluster.deliver(envelope)

    def _copy(self, kind: str, link: str) -> None:
        for envelope in self._arriving(self._matching(kind, link)):
            self._fault(line("copy", envelope))
            self.cluster.deliver_copy(envelope)

    def _drop(self, kind: str, link: str) -> None:
        for envelope in self._matching(kind, link):
            self._lose(envelope)

    def _settle(self) -> None:
        while arriving := self._arriving(self.cluster.network.pending):
            self.cluster.deliver(arriving[0])

    def _wait(self, seconds: str) -> None:
        self._pass(float(seconds), lambda: None)

    def _advance(self, seconds: str) -> None:
        self._pass(float(seconds), self._settle)

    def _crash(self, node: str, how: str = "") -> None:
        self._fault(f"crash {node} {how}".strip())
        machine = self.cluster.machines[int(node)]
        if how == "power":
            machine.disk = machine.disk.after_power_cut()
        self.cluster.crash(int(node))

    def _start(self, node: str) -> None:
        self._fault(f"start {node}")
        self.cluster.start(int(node))

    def _pause(self, node: str) -> None:
        self._fault(f"pause {node}")
        self.cluster.paused[int(node)] = []

    def _resume(self, node: str) -> None:
        self._fault(f"resume {node}")
        if waiting := self.cluster.paused.pop(int(node)):
            self.cluster.turn(int(node), waiting)

    def _cut(self, one: str, other: str) -> None:
        self._fault(f"cut {one} {other}")
        for sender, to in ((int(one), int(other)), (int(other), int(one))):
            self.cluster.network.cut.add((sender, to))
            for envelope in self.cluster.matching(None, sender, to):
                self._lose(envelope)
        self._link(int(one), int(other), False)

    def _heal(self, one: str, other: str) -> None:
        self._fault(f"heal {one} {other}")
        self.cluster.network.cut -= {(int(one), int(other)), (int(other), int(one))}
        self._link(int(one), int(other), True)

    def _show(self, what: str) -> None:
        if what == "pending":
            shown = [envelope for envelope in self.cluster.network.pending if _is_shown(envelope)]
            self.cluster.trace += [line(" ", envelope).strip() for envelope in shown]
            return
        for node in self.cluster.ids:
            up = self.cluster.machines[node].engine is not None
            text = self._shown(what, node) if up or what == "chains" else "down"
            self.cluster.trace.append(f"{node}: {text}".rstrip())

    # What they share.

    def _shown(self, what: str, node: int) -> str:
        if what == "chains":
            return " ".join(f"[{outcomes(each)}]" for each in self.cluster.applied(node))
        engine = self.cluster.engine(node)
        replica = engine.replica
        accepted = replica.acceptor.accepted
        known: dict[str, Callable[[], str]] = {
            "promised": lambda: str(replica.acceptor.promised),
            "accepted": lambda: "nothing" if accepted is None else accepted_text(accepted),
            "queues": lambda: " ".join(each.id for each in engine.queue.own.transfers()),
            "balances": lambda: str(engine.ledger.balances[node]),
            "leaders": lambda: (
                "nobody" if replica.known_leader == Ballot.ZERO else str(replica.known_leader)
            ),
        }
        return known[what]()

    def _matching(self, kind: str, link: str) -> list[Envelope]:
        sender, to = link.split("->")
        found = [
            envelope
            for envelope in self.cluster.network.pending
            if kind in ("*", type(envelope.message).__name__)
            and sender in ("*", str(envelope.sender))
            and to in ("*", str(envelope.to))
        ]
        if not found:
            self._fault(f"nothing is under way that is {kind} {link}")
        return found

    def _arriving(self, envelopes: list[Envelope]) -> list[Envelope]:
        return [envelope for envelope in envelopes if envelope.to not in self.cluster.paused]

    def _pass(self, seconds: float, between: Callable[[], None]) -> None:
        end = self.cluster.now + seconds
        while True:
            between()
            running = [node for node in self.cluster.up if node not in self.cluster.paused]
            due = min((self.cluster.engine(node).deadline for node in running), default=end)
            if due > end:
                break
            self.cluster.now = max(self.cluster.now, due)
            for node in running:
                if self.cluster.engine(node).deadline <= self.cluster.now:
                    self.cluster.turn(node, [])
        self.cluster.now = end

    def _link(self, one: int, other: int, up: bool) -> None:
        for node, peer in ((one, other), (other, one)):
            self.cluster.turn(node, [LinkChanged(peer, up)])

    def _lose(self, envelope: Envelope) -> None:
        self.cluster.network.pending.remove(envelope)
        if _is_shown(envelope):
            self._fault(line("lost", envelope))

    def _fault(self, text: str) -> None:
        self.cluster.trace.append(f"! {text}")


def _is_shown(envelope: Envelope) -> bool:
    return not isinstance(envelope.message, Heartbeat)
