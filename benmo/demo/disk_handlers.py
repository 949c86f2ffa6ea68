"""Carries out `lose` and `replace`: a node's disk is wiped, and a new member takes its place."""

from __future__ import annotations

import time
from contextlib import suppress

from benmo.commands.answers import Answer, Status
from benmo.control.connection import NodeGone
from benmo.demo.fleet import Fleet
from benmo.demo.handlers import one_node
from benmo.demo.stage import Stage
from benmo.errors import Refused
from benmo.paxos.types import NodeId
from benmo.quorum import quorum_of

_CATCH_UP_S = 10.0
_POLL_S = 0.03


def lose(stage: Stage, text: str) -> Answer:
    node = one_node(stage, text)
    if stage.fleet.state_of(node) == "lost":
        raise Refused(f"node {node} has lost its disk already: replace {node}")
    is_running = stage.fleet.is_running(node)
    stage.fleet.lose(node)
    return Answer(Status.DONE, {"lost": [node]}, _what_is_lost(stage, node, is_running))


def _what_is_lost(stage: Stage, node: NodeId, was_running: bool) -> str:
    nodes = stage.fleet.nodes
    lost = sum(stage.fleet.state_of(each) == "lost" for each in nodes)
    how = f"node {node} is killed and its" if was_running else f"node {node}'s"
    said = f"{how} disk is wiped: what it promised and accepted is gone"
    if len(nodes) - lost > len(nodes) // 2:
        return said
    return (
        f"{said}.\n{lost} of {len(nodes)} disks are lost: no majority is left to decide anything, "
        f"not even who takes their places. benmo rescue goes on in a new cluster; --fresh begins "
        f"anew"
    )


def replace(stage: Stage, text: str) -> Answer:
    node = one_node(stage, text)
    state = stage.fleet.state_of(node)
    if state in ("running", "paused"):
        raise Refused(f"node {node} is {state}: lose {node} or kill {node} first")
    _require_connected_quorum(stage, node)
    done = stage.fleet.disks.replace(node)
    stage.worker.do(lambda: stage.fleet.restart([node]))
    is_level = _catches_up(stage.fleet, node, done.since - 1)
    fetched = "and has fetched the chain" if is_level else "and fetches the chain"
    text = f"{done.text}.\nnode {node} is up: it began with nothing, {fetched}"
    return Answer(Status.DONE, {"replaced": [node]}, text)


def _catches_up(fleet: Fleet, node: NodeId, height: int) -> bool:
    """Wait until a node has this height, so that it may pay and vote; False if it takes long."""
    end = time.monotonic() + _CATCH_UP_S
    with suppress(Refused, NodeGone):
        while fleet.status(node).height < height:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)
        return True
    return False


def _require_connected_quorum(stage: Stage, node: NodeId) -> None:
    """Raises `Refused` if no majority can decide, without this node, on its new member."""
    fleet = stage.fleet
    quorum = quorum_of(len(fleet.nodes))
    up = [each for each in fleet.nodes if each != node and fleet.is_answering(each)]
    if any(len(set(up).intersection(fleet.links.connected_to(each))) >= quorum for each in up):
        return
    how = f"{len(up)} of {len(fleet.nodes)} nodes answer"
    remedy = "restart or continue others first"
    if len(up) >= quorum:
        how, remedy = f"the links are cut ({fleet.links.shown()})", "heal"
    raise Refused(
        f"{how}, and {quorum} that reach one another must decide on node {node}'s new member: "
        f"{remedy}"
    )
