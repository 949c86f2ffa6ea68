"""A connection to a node, in a thread of its own, that other threads use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benmo.cluster import StateDirectory
from benmo.commands.answers import Status
from benmo.control.attached_node import AttachedNode
from benmo.control.connection import NodeConnection, NodeGone
from benmo.paxos.types import NodeId


async def connected(_state: StateDirectory, node: NodeId) -> NodeConnection:
    return NodeConnection(node, "a cluster")


def test_a_connection_that_another_thread_has_closed_counts_as_lost(tmp_path: Path) -> None:
    """The demo closes it when it starts the node again."""
    attached = AttachedNode(StateDirectory(tmp_path), 3, connected)
    attached.close()
    with pytest.raises(NodeGone, match="the connection to node 3 is lost"):
        attached.run("wait", "json")
    rendered = attached.run("moneyTransfer 1,3,1", "json")
    assert rendered.status is Status.REFUSED
    reason = json.loads(rendered.output)["reason"]
    assert reason == "the connection to node 3 is lost"
    attached.hurry()
    attached.close()
