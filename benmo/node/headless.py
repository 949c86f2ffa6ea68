"""A node without a prompt: runs until a signal, and logs what an operator wants to know later."""

from __future__ import annotations

import logging
import time
from logging.handlers import MemoryHandler
from typing import NoReturn

import click

from benmo.commands.node_status import NodeSnapshot
from benmo.node.service import Service
from benmo.paxos.types import NodeId, Tenure
from benmo.quorum import quorum_of
from benmo.waiting import LOOK_S
from benmo.wording import why_no_quorum

_LOG = logging.getLogger("benmo")
_KEPT_MAX = 1000


def begin_log() -> MemoryHandler:
    """Keep what is logged, warnings among it, until the node has said that it listens."""
    to_stderr = logging.StreamHandler()
    to_stderr.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log = MemoryHandler(_KEPT_MAX, flushLevel=logging.CRITICAL + 1, target=to_stderr)
    _LOG.addHandler(log)
    _LOG.setLevel(logging.INFO)
    return log


def run_headless(service: Service, log: MemoryHandler) -> NoReturn:
    """Log to standard error until a signal handler raises an exception."""
    click.echo(f"node {service.node} listens on {service.address}", err=True)
    log.flushLevel = logging.NOTSET
    log.flush()
    changes = Changes(service.cluster.settings.tenure)
    while True:
        if service.snapshot is not None:
            for line in changes.since_last(service.snapshot):
                _LOG.info("%s", line)
        time.sleep(LOOK_S)


class Changes:
    """Tells what has changed from one snapshot of a node to the next: its quorum, its leader.

    In tenure `block`, leaders are not told: each block may have another.
    """

    def __init__(self, tenure: Tenure) -> None:
        self._tells_leader = tenure is Tenure.STABLE
        self._had_quorum: bool | None = None
        self._leader: NodeId | None = None

    def since_last(self, snapshot: NodeSnapshot) -> list[str]:
        """The changes since the snapshot of the last call, a line each."""
        lines: list[str] = []
        if snapshot.quorum is not self._had_quorum:
            if self._had_quorum is not None or snapshot.quorum:
                lines.append(_quorum_line(snapshot))
            self._had_quorum = snapshot.quorum
        if self._tells_leader and snapshot.leader not in (None, self._leader):
            self._leader = snapshot.leader
            whose = "this node" if self._leader == snapshot.node else f"node {self._leader}"
            lines.append(f"{whose} leads, with ballot {snapshot.ballot}")
        return lines


def _quorum_line(snapshot: NodeSnapshot) -> str:
    nodes = len(snapshot.peers) + 1
    reached = 1 + sum(peer.link.value == "up" for peer in snapshot.peers)
    if snapshot.quorum:
        return f"a quorum is connected: node {snapshot.node} reaches {reached} of {nodes}"
    why = why_no_quorum(snapshot.node, reached, nodes, quorum_of(nodes))
    return f"no quorum, nothing can be decided here: {why}"
