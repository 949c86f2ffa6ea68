"""An ambush: a leader that is killed as soon as another node has accepted its block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.demo import fleet as fleet_module
from benmo.demo.fleet import Fleet
from benmo.demo.run_log import NoLog
from benmo.errors import Refused
from benmo.paxos.notices import ProposalAccepted
from benmo.paxos.types import Ballot, NodeId


@dataclass
class Process:
    """A process of a node, which is only killed."""

    node: NodeId
    kills: list[NodeId] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return not self.kills

    def kill(self) -> None:
        self.kills.append(self.node)

    def until_ended(self, _timeout_s: float) -> bool:
        return bool(self.kills)


def test_an_ambush_begins_anew_when_another_leader_has_had_the_block_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "_AMBUSHED_AGAIN_S", 0.01)
    cluster = new_cluster(addresses(5, 9001), ClusterSettings())
    fleet = Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None)
    process = Process(1)
    fleet._processes[1] = cast(Any, process)
    leaders = [4, 1]
    queues = [True, False, True]
    hurried: list[NodeId] = []

    def hurry(nodes: Iterable[NodeId]) -> None:
        hurried.extend(nodes)
        ballot = Ballot(len(hurried), leaders.pop(0))
        notice = ProposalAccepted(len(hurried), ballot, ballot.node, ballot)
        fleet._heard(2, notice, 0.0)
        fleet._heard(3, notice, 0.0)

    monkeypatch.setattr(fleet, "hurry", hurry)
    assert fleet.ambush(1, 3, lambda: queues.pop(0), 60.0)
    assert hurried == [1, 1]
    assert process.kills == [1]
    leaders.append(4)
    assert not fleet.ambush(1, 3, lambda: False, 0.0)


class Log(NoLog):
    """The events of processes."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def did_to(self, node: NodeId, event: str) -> None:
        self.events.append(f"{node} {event}")


def test_an_ambush_leaves_a_process_alone_that_was_started_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may have the leader restarted while the prompt's ambush waits."""
    monkeypatch.setattr(fleet_module, "_AMBUSHED_AGAIN_S", 0.01)
    cluster = new_cluster(addresses(5, 9001), ClusterSettings())
    log = Log()
    fleet = Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None, log)
    old, new = Process(1), Process(1)
    fleet._processes[1] = cast(Any, old)

    def hurry(_nodes: Iterable[NodeId]) -> None:
        fleet.kill([1])
        fleet._processes[1] = cast(Any, new)
        fleet._heard(3, ProposalAccepted(1, Ballot(1, 1), 1, Ballot(1, 1)), 0.0)

    monkeypatch.setattr(fleet, "hurry", hurry)
    with pytest.raises(Refused, match="node 1 was killed or restarted meanwhile"):
        fleet.ambush(1, 3, lambda: False, 60.0)
    assert log.events == ["1 killed"]
    assert (len(old.kills), new.kills) == (1, [])
