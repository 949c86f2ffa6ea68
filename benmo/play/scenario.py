"""Carries out the commands of a scenario on one sandbox.

Commands are deterministic: the clock moves only when told to, and all randomness has one fixed
seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benmo.engine.events import LinkChanged
from benmo.errors import NotUnderstood, Refused
from benmo.paxos.types import Ballot, NodeId, Tenure
from benmo.play.language import (
    COMMANDS,
    QUIETLY,
    SHOWN,
    command_named,
    kind_named,
    require_count,
    seconds_of,
    way_named,
    whole_number,
)
from benmo.play.sandbox import PendingMessage
from benmo.play.traced import TracedSandbox, is_shown, line
from benmo.sim.recording import Recording
from benmo.sim.trace import accepted_text, outcomes
from benmo.tape.world_records import ProcessEvent

NODES_MOST = 9
"""The limit of a scenario's nodes: what they do is looked at by people."""
_SOON_S = 60.0
"""A node that campaigns later has no reason to."""


class Scenario:
    """Carries commands out on one sandbox, which the command `nodes` makes.

    `recording` is the sandbox's.
    """

    def __init__(self, recording: Recording | None = None) -> None:
        self.made: TracedSandbox | None = None
        self._recording = recording
        self._commands: dict[str, Callable[..., None]] = {
            "nodes": self._nodes,
            "pay": self._pay,
            "campaign": self._campaign,
            "deliver": self._deliver,
            "double": self._double,
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
        assert self._commands.keys() == {command.name for command in COMMANDS}

    @property
    def sandbox(self) -> TracedSandbox:
        if self.made is None:
            raise Refused("there are no nodes yet: begin with nodes 3")
        return self.made

    def do(self, line: str, is_new: bool = True) -> list[str]:
        """Carry out a line in its full form; return its trace.

        Agreement is checked after it, unless the same was done before (`is_new`). Raises
        `NotUnderstood`, and `Refused` if it can't be done now: a part of it may be done then.
        """
        words = line.split()
        quietly = words[0] == QUIETLY
        name, *arguments = words[quietly:]
        require_count(command_named(name), len(arguments))
        if self._recording is not None:
            self._recording.did(line)
        self._commands[name](*arguments)
        if is_new:
            self.sandbox.assert_agreement()
        lines = list(self.sandbox.trace)
        self.sandbox.trace.clear()
        return [each for each in lines if each[0] not in "<>"] if quietly else lines

    def matching(self, kind: str, way: str, which: str = "") -> list[PendingMessage]:
        """Find the messages under way that a command means. Raises `NotUnderstood`."""
        kind, (sender, to) = kind_named(kind), way_named(way)
        found = [
            pending
            for pending in self.sandbox.network.pending
            if kind in ("*", type(pending.message).__name__)
            and sender in ("*", str(pending.sender))
            and to in ("*", str(pending.to))
        ]
        if which:
            number = whole_number(which, "a number")
            found = found[number - 1 : number] if number else []
        return found

    # Commands.

    def _nodes(self, count: str, word: str = "tenure", tenure: str = "block") -> None:
        if self.made is not None:
            raise Refused("there are nodes already")
        if not count.isdecimal() or int(count) % 2 == 0 or int(count) > NODES_MOST:
            raise NotUnderstood(f"{count} nodes? It must be an odd number, at most {NODES_MOST}")
        if word != "tenure" or tenure not in list(Tenure):
            raise NotUnderstood("a tenure is block or stable: nodes 3 tenure stable")
        self.made = TracedSandbox(int(count), Tenure(tenure), self._recording)

    def _pay(self, node: str, credit: str, amount: str) -> None:
        debit, amount_number = self._able(node), whole_number(amount, "an amount")
        self.sandbox.pay(debit, (whole_number(credit, "a node"), amount_number))

    def _campaign(self, node: str) -> None:
        id_, sandbox = self._able(node), self.sandbox
        replica = sandbox.engine(id_).replica
        if replica.leader.is_active:
            does = "leads" if replica.leader.is_leading else "wants to lead"
            raise Refused(f"node {id_} {does} already, with {replica.leader.ballot}")
        at = replica.election.deadline
        if at >= sandbox.now + _SOON_S:
            raise Refused(
                f"node {id_} has no reason to campaign: nothing waits in its queue, and it has "
                f"accepted nothing that may be undecided. Let it pay first: pay {id_} …"
            )
        sandbox.now = max(sandbox.now, at)
        sandbox.turn(id_, [])
        if not replica.leader.is_active:
            raise Refused(f"node {id_} didn't campaign: it leaves that to another for a while")

    def _deliver(self, kind: str, way: str, which: str = "") -> None:
        for pending in self._matching_able(kind, way, which):
            self._arrives(pending)

    def _double(self, kind: str, way: str, which: str = "") -> None:
        for pending in self._matching_able(kind, way, which):
            self._fault(line("doubled", pending))
            self.sandbox.deliver_copy(pending)

    def _drop(self, kind: str, way: str, which: str = "") -> None:
        for pending in self._matching(kind, way, which):
            self._lose(pending, "dropped")

    def _settle(self) -> None:
        while arriving := self._arriving(self.sandbox.network.pending):
            self._arrives(arriving[0])

    def _wait(self, seconds: str) -> None:
        self._pass(seconds, lambda: None)

    def _advance(self, seconds: str) -> None:
        self._pass(seconds, self._settle)

    def _crash(self, node: str, how: str = "") -> None:
        id_ = self._up(node)
        if how not in ("", "power"):
            raise NotUnderstood(f"crash {node}, or with a power cut: crash {node} power")
        self._fault(f"crash {node} {how}".strip())
        self._befalls(id_, ProcessEvent.LOSES_POWER if how else ProcessEvent.KILLED)
        machine = self.sandbox.machines[id_]
        if how:
            machine.disk = machine.disk.after_power_cut()
        self.sandbox.paused.pop(id_, None)
        self.sandbox.crash(id_)

    def _start(self, node: str) -> None:
        id_ = self._node(node)
        if id_ in self.sandbox.up:
            raise Refused(f"node {id_} is up")
        self._fault(f"start {node}")
        self.sandbox.start(id_)

    def _pause(self, node: str) -> None:
        id_ = self._able(node)
        self._fault(f"pause {node}")
        self._befalls(id_, ProcessEvent.PAUSED)
        self.sandbox.paused[id_] = []

    def _resume(self, node: str) -> None:
        id_ = self._node(node)
        if id_ not in self.sandbox.paused:
            raise Refused(f"node {id_} isn't paused")
        self._fault(f"resume {node}")
        self._befalls(id_, ProcessEvent.WOKEN)
        if waiting := self.sandbox.paused.pop(id_):
            self.sandbox.turn(id_, waiting)

    def _cut(self, one: str, other: str) -> None:
        pairs = self._pairs(one, other)
        if pairs[0] in self.sandbox.network.cut:
            raise Refused(f"the link between {one} and {other} is cut already")
        self._fault(f"cut {one} {other}")
        if self._recording is not None:
            self._recording.cut(frozenset(pairs), pairs, _link_name(pairs))
        for sender, to in pairs:
            self.sandbox.network.cut.add((sender, to))
            for pending in list(self.sandbox.network.pending):
                if (pending.sender, pending.to) == (sender, to):
                    self._lose(pending, "cut")
        self._link(pairs[0], False)

    def _heal(self, one: str, other: str) -> None:
        pairs = self._pairs(one, other)
        if pairs[0] not in self.sandbox.network.cut:
            raise Refused(f"the link between {one} and {other} isn't cut")
        self._fault(f"heal {one} {other}")
        if self._recording is not None:
            self._recording.healed(frozenset(pairs))
        self.sandbox.network.cut -= set(pairs)
        self._link(pairs[0], True)

    def _show(self, what: str) -> None:
        if what not in SHOWN:
            raise NotUnderstood(f"show what? One of: {', '.join(SHOWN)}")
        sandbox = self.sandbox
        if what == "pending":
            shown = [pending for pending in sandbox.network.pending if is_shown(pending)]
            sandbox.trace += [line(" ", pending).strip() for pending in shown]
            return
        for node in sandbox.ids:
            up = sandbox.machines[node].engine is not None
            text = self._shown(what, node) if up or what == "chains" else "down"
            sandbox.trace.append(f"{node}: {text}".rstrip())

    # What they share.

    def _shown(self, what: str, node: NodeId) -> str:
        if what == "chains":
            return " ".join(f"[{outcomes(each)}]" for each in self.sandbox.applied(node))
        engine = self.sandbox.engine(node)
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

    def _node(self, text: str) -> NodeId:
        if not text.isdecimal() or int(text) not in self.sandbox.ids:
            raise NotUnderstood(f"there is no node {text}, but 1 to {self.sandbox.ids[-1]}")
        return int(text)

    def _up(self, text: str) -> NodeId:
        """A node whose process lives."""
        node = self._node(text)
        if node not in self.sandbox.up:
            raise Refused(f"node {node} is down: start {node} starts it")
        return node

    def _able(self, text: str) -> NodeId:
        """A node that lives and isn't paused."""
        node = self._up(text)
        if node in self.sandbox.paused:
            raise Refused(f"node {node} is paused: resume {node} lets it go on")
        return node

    def _pairs(self, one: str, other: str) -> tuple[tuple[NodeId, NodeId], tuple[NodeId, NodeId]]:
        here, there = self._node(one), self._node(other)
        if here == there:
            raise NotUnderstood("a link has two ends: cut 1 2")
        return (here, there), (there, here)

    def _matching(self, kind: str, way: str, which: str) -> list[PendingMessage]:
        found = self.matching(kind, way, which)
        if not found:
            self._fault(f"nothing is under way that is {kind} {way} {which}".rstrip())
        return found

    def _matching_able(self, kind: str, way: str, which: str) -> list[PendingMessage]:
        """Find the messages that match and go to nodes that aren't paused."""
        found = self._matching(kind, way, which)
        arriving = self._arriving(found)
        if found and not arriving:
            self._fault(f"node {found[0].to} is paused: what is sent to it waits")
        return arriving

    def _arriving(self, pending: Sequence[PendingMessage]) -> list[PendingMessage]:
        return [each for each in pending if each.to not in self.sandbox.paused]

    def _arrives(self, pending: PendingMessage) -> None:
        if pending.to not in self.sandbox.up and is_shown(pending):
            self._fault(f"{line('lost', pending)}: node {pending.to} is down")
            if self._recording is not None:
                self._recording.lost(pending.frame, f"node {pending.to} is down")
        self.sandbox.deliver(pending)

    def _pass(self, seconds: str, between: Callable[[], None]) -> None:
        sandbox = self.sandbox
        end = sandbox.now + seconds_of(seconds)
        while True:
            between()
            running = [node for node in sandbox.up if node not in sandbox.paused]
            due = min((sandbox.engine(node).deadline for node in running), default=end)
            if due > end:
                break
            sandbox.now = max(sandbox.now, due)
            for node in running:
                if sandbox.engine(node).deadline <= sandbox.now:
                    sandbox.turn(node, [])
        sandbox.now = end

    def _link(self, pair: tuple[NodeId, NodeId], up: bool) -> None:
        """Let both ends of a link notice, if both processes live."""
        if all(node in self.sandbox.up for node in pair):
            for node, peer in (pair, pair[::-1]):
                self.sandbox.turn(node, [LinkChanged(peer, up)])

    def _lose(self, pending: PendingMessage, why: str) -> None:
        self.sandbox.network.pending.remove(pending)
        if is_shown(pending):
            self._fault(line("lost", pending))
            if self._recording is not None:
                self._recording.lost(pending.frame, why)

    def _fault(self, text: str) -> None:
        self.sandbox.trace.append(f"! {text}")

    def _befalls(self, node: NodeId, event: ProcessEvent) -> None:
        if self._recording is not None:
            self._recording.process(self.sandbox.machines[node], event)


def _link_name(pairs: tuple[tuple[NodeId, NodeId], ...]) -> str:
    one, other = sorted(pairs[0])
    return f"link {one}-{other}"
