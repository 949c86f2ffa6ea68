"""The fleet: the processes of all nodes, and a connection to each node that runs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from benmo.child_node import NodeProcess
from benmo.cluster import Cluster, StateDirectory
from benmo.commands.answers import Rendered, Status
from benmo.commands.node_status import NodeSnapshot, NodeStatus, PeerStatus, status_in
from benmo.control.attached_node import AttachedNode
from benmo.control.connection import NodeGone
from benmo.demo.link_keeper import LinkKeeper
from benmo.demo.links import Links
from benmo.demo.lost_disks import LostDisks
from benmo.demo.node_threads import at_once
from benmo.demo.run_log import NoLog, RunLog
from benmo.demo.trap import Trap
from benmo.errors import Failure, Refused
from benmo.network.link import Link
from benmo.notices import Notice
from benmo.paxos.types import NodeId

_START_S = 30.0
_QUORUM_S = 10.0
_LINKS_S = 0.7
_EXIT_S = 10.0
_CLEAN_END_S = 1.0
_POLL_S = 0.03
_AMBUSHED_AGAIN_S = 1.0

REMEDIES = {"paused": "continue", "down": "restart", "lost": "replace"}
"""The command that brings a node back, by the node's state."""
_SILENCES = {"paused": "is paused", "down": "is not running", "lost": "has lost its disk"}

OnNotice = Callable[[NodeId, Notice, float], None]
OnEnd = Callable[[NodeId, str], None]


class Fleet:
    """Starts and stops nodes; each call returns when that is done. `link_keeper` cuts their links.

    Only the demo's worker changes which nodes run and which links are whole: see `DemoRunner`. Any
    thread may ask for the state of nodes, and command those that run.
    `on_notice` is called with each node's notices and when they happened, in seconds since 1970;
    `on_end`, with a node that ended by itself, and how. Both are called in other threads.
    """

    def __init__(
        self,
        state: StateDirectory,
        cluster: Cluster,
        on_notice: OnNotice,
        on_end: OnEnd,
        log: RunLog | None = None,
    ) -> None:
        self.cluster = cluster
        self.nodes = cluster.ids
        self.links = Links(cluster.ids)
        self.disks = LostDisks(state)
        self.hurried: Counter[NodeId] = Counter()
        """The count, by node, of the times that it was asked to campaign at once."""
        self._state = StateDirectory(state.path.absolute())
        self._on_notice = on_notice
        self._on_end = on_end
        self._traps: list[Trap] = []
        self._processes: dict[NodeId, NodeProcess] = {}
        self._attached: dict[NodeId, AttachedNode] = {}
        self._log = log or NoLog()
        self.link_keeper = LinkKeeper(self.links, self, self._log)

    # The state of the nodes.

    def is_running(self, node: NodeId) -> bool:
        process = self._processes.get(node)
        return process is not None and process.is_running

    def is_paused(self, node: NodeId) -> bool:
        return self.is_running(node) and self._processes[node].is_paused

    def state_of(self, node: NodeId) -> str:
        """A node's state: `running`, `paused`, `down`, or `lost` if its disk is."""
        if not self.is_running(node):
            return "lost" if self.disks.is_lost(node) else "down"
        return "paused" if self.is_paused(node) else "running"

    def process_id(self, node: NodeId) -> int:
        """The process id of a node that was started."""
        return self._processes[node].process_id

    def snapshot(self, node: NodeId) -> NodeSnapshot | None:
        """A node's state as of a moment ago; None if the node doesn't answer, or hasn't yet."""
        attached = self.commander(node)
        return None if attached is None else attached.snapshot

    def is_answering(self, node: NodeId) -> bool:
        """Whether a node runs and isn't paused."""
        return self.is_running(node) and not self._processes[node].is_paused

    def why_silent(self, node: NodeId) -> str:
        """Say why a node can't be commanded; empty if it can."""
        state = self.state_of(node)
        if state in _SILENCES:
            return f"node {node} {_SILENCES[state]}"
        return "" if node in self._attached else f"node {node} is starting"

    def commander(self, node: NodeId) -> AttachedNode | None:
        """The connection to a node; None if the node doesn't run, or is paused."""
        return self._attached.get(node) if self.is_answering(node) else None

    # Commands of one node.

    def run(self, node: NodeId, line: str, output_format: str) -> Rendered:
        """Have a node carry out a line. Raises `NodeGone`, and `Refused` if it can't be asked."""
        return self._commanded(node).run(line, output_format)

    def _commanded(self, node: NodeId) -> AttachedNode:
        """The connection to a node that can be commanded. Raises `Refused`.

        The node's state is asked for once, since the worker may change it meanwhile.
        """
        state = self.state_of(node)
        if state in _SILENCES:
            raise Refused(f"node {node} {_SILENCES[state]}: {REMEDIES[state]} {node}")
        attached = self._attached.get(node)
        if attached is None:
            raise Refused(f"node {node} is starting")
        return attached

    def value(self, node: NodeId, line: str) -> object:
        """A node's answer to a line, decoded from JSON. Raises `Refused` and `NodeGone`."""
        return json.loads(self.run(node, line, "json").output or "null")

    def status(self, node: NodeId) -> NodeStatus:
        """Ask a node for its state at this moment. Raises `Refused` and `NodeGone`."""
        rendered = self.run(node, "printStatus", "json")
        status = status_in(rendered.status, rendered.output)
        if status is None:
            raise NodeGone(f"node {node} did not tell its state")
        return status

    def crash(self, node: NodeId, line: str, output_format: str) -> Rendered:
        """As `run`, for `crashNode`: waits until the process of the node that crashed has ended."""
        process = self._processes.get(node)
        if process is not None:
            process.end_is_wanted = True
        is_crashed = False
        try:
            rendered = self.run(node, line, output_format)
            is_crashed = rendered.leaves and rendered.status is Status.DONE
        finally:
            if process is not None:
                process.end_is_wanted = is_crashed
        if is_crashed and process is not None:
            process.until_ended(_EXIT_S)
            self._log.did_to(node, "killed")
        return rendered

    def hurry(self, nodes: Iterable[NodeId]) -> None:
        """Let these nodes campaign at once, if they have something to propose. Raises `Refused`."""
        for node in nodes:
            self._commanded(node).hurry()
            self.hurried[node] += 1

    def ambush(
        self, leader: NodeId, witness: NodeId, prepare: Callable[[], bool], within_s: float
    ) -> bool:
        """Let `leader` campaign at once, and kill it once `witness` has accepted its block.

        `prepare` gives it something to propose if it has nothing, and says whether it did; it may
        raise. It is called again and again: another leader may have had the block decided before.
        The trap is set before, since the leader may be quick. It is killed in the thread that hears
        of that, within milliseconds. False if that didn't happen within `within_s` seconds. Raises
        `Refused` if its process ended otherwise.
        """
        trap = Trap(self._processes[leader], witness)
        self._traps.append(trap)
        until = time.monotonic() + within_s
        try:
            prepare()
            self.hurry([leader])
            while not trap.is_sprung.wait(_AMBUSHED_AGAIN_S):
                if time.monotonic() > until:
                    return False
                self._require_same(trap)
                if prepare():
                    self.hurry([leader])
        except (Failure, Refused):
            if not trap.is_sprung.is_set():  # else it died while it was asked
                raise
        finally:
            self._traps.remove(trap)
        self._require_ended(trap.leader)
        return True

    def _require_same(self, trap: Trap) -> None:
        """Raises `Refused` if the process for which a trap was set ended without the trap."""
        if not trap.leader.is_running and not trap.is_sprung.is_set():
            raise Refused(f"node {trap.leader.node} was killed or restarted meanwhile")

    def _heard(self, node: NodeId, notice: Notice, at: float) -> None:
        for trap in tuple(self._traps):
            if trap.hear(node, notice) and self._processes.get(trap.leader.node) is trap.leader:
                self._log.did_to(trap.leader.node, "killed")
        self._on_notice(node, notice, at)

    # Processes.

    def start(self, nodes: Sequence[NodeId]) -> dict[NodeId, str]:
        """Start these nodes all at once; returns why, for each node that did not come up."""
        for node in nodes:
            cuts = [f"--sever={other}" for other in self.links.cut_from(node)]
            cuts += [f"--sever-one-way={other}" for other in self.links.unheard_by(node)]
            self._processes[node] = NodeProcess(node, self._state.path, cuts, self._ended)
            self.link_keeper.starts_anew(node)
            self._log.did_to(node, "started")
        failed = at_once(self._connect, nodes)
        if not self.links.is_whole:
            self.link_keeper.set_up(node for node in nodes if not failed[node])
        return {node: reason for node, reason in failed.items() if reason}

    def until_quorum(self) -> None:
        """Wait until each node that answers reaches a majority, at most `_QUORUM_S`."""
        at_once(self._await_quorum, self._answering())

    def restart(self, nodes: Sequence[NodeId]) -> None:
        """Kill those of these nodes that run, and start all of these. Raises `Failure`."""
        self.kill([node for node in nodes if self.is_running(node)])
        failed = self.start(nodes)
        if failed:
            raise Failure("; ".join(failed.values()))

    def kill(self, nodes: Sequence[NodeId]) -> None:
        """Kill these nodes and wait for their processes to end. Raises `Failure` if one doesn't."""
        for node in nodes:
            self._log.did_to(node, "killed")
            self._processes[node].kill()
        for node in nodes:
            self._require_ended(self._processes[node])

    def lose(self, node: NodeId) -> None:
        """Kill a node if it runs, and wipe its disk. Raises `Failure`."""
        if self.is_running(node):
            self.kill([node])
        self.disks.lose(node)
        self._log.did_to(node, "lost its disk")

    def pause(self, nodes: Sequence[NodeId]) -> None:
        for node in nodes:
            self._processes[node].pause()
            self._log.did_to(node, "paused")

    def resume(self, nodes: Sequence[NodeId]) -> None:
        for node in nodes:
            self._processes[node].resume()
            self._log.did_to(node, "woken")
        self.link_keeper.catch_up(nodes)

    def end(self) -> None:
        """Let every node leave cleanly; kill those that are paused, or are left after a second."""
        for process in self._processes.values():
            process.kill() if process.is_paused else process.let_go()
        end = time.monotonic() + _CLEAN_END_S
        for process in self._processes.values():
            if not process.until_ended(max(0.0, end - time.monotonic())):
                process.kill()
        for process in self._processes.values():
            process.until_ended(_CLEAN_END_S)
        while self._attached:
            self._attached.popitem()[1].close()

    # Starts and ends of processes.

    def _answering(self) -> list[NodeId]:
        return [node for node in self.nodes if self.is_answering(node)]

    def _connect(self, node: NodeId) -> str:
        """Wait until a node answers; returns why it doesn't, or an empty text if it does."""
        process = self._processes[node]
        old = self._attached.pop(node, None)
        if old is not None:
            old.close()
        end = time.monotonic() + _START_S
        while process.is_running:
            try:
                attached = AttachedNode(self._state, node)
            except Failure as error:
                if time.monotonic() > end:
                    return str(error)
                time.sleep(_POLL_S)
                continue
            attached.watch(lambda notice, at: self._heard(node, notice, at), tells_end=False)
            self._attached[node] = attached
            return ""
        return f"node {node} ended {process.how_it_ended}"

    def _await_quorum(self, node: NodeId) -> None:
        """Wait until a node reaches a majority, and for its other links at most `_LINKS_S`.

        Links that come up later would be the first notices that the user sees.
        """
        began = time.monotonic()
        with suppress(Refused, NodeGone):
            while (waited_s := time.monotonic() - began) < _QUORUM_S:
                status = self.status(node)
                is_up = waited_s > _LINKS_S or self._are_up(status.peers)
                if status.quorum and self._shows_quorum(node) and is_up:
                    return
                time.sleep(_POLL_S)

    def _shows_quorum(self, node: NodeId) -> bool:
        """Whether a node's snapshot, which may be older than its status, shows a quorum, too."""
        snapshot = self.snapshot(node)
        return snapshot is not None and snapshot.quorum

    def _are_up(self, peers: Sequence[PeerStatus]) -> bool:
        """Whether the links to all peers that answer are up."""
        return all(peer.link is Link.UP for peer in peers if self.is_answering(peer.node))

    def _require_ended(self, process: NodeProcess) -> None:
        if not process.until_ended(_EXIT_S):
            raise Failure(f"process {process.process_id} of node {process.node} does not end")

    def _ended(self, process: NodeProcess) -> None:
        self._log.did_to(process.node, "ended")
        self._on_end(process.node, f"ended {process.how_it_ended}")
