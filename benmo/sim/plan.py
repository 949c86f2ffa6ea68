"""A plan: the cluster, its weather, and everything that is going to happen to it.

A plan is drawn from a seed, and is data: it can be printed, and cut down to the part that makes a
run fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from benmo.paxos.types import NodeId, Tenure
from benmo.sim.happenings import Happening, Rogue, UserAsks, UserPays

BALANCE = 100
"""Each node's balance at the start, in the unit of the amounts."""


@dataclass(frozen=True, slots=True)
class Weather:
    """The network's bad weather: shares of all messages, from 0 to 1, and times in seconds.

    `slow` messages take up to `slow_s`, and so come late and out of order; `doubled_late` messages
    come again up to `late_s` later, across any restart.
    """

    loss: float = 0.0
    doubled: float = 0.0
    doubled_late: float = 0.0
    late_s: float = 0.0
    slow: float = 0.0
    slow_s: float = 0.0
    delay_s: tuple[float, float] = (0.0005, 0.002)
    is_ordered: bool = True

    def __str__(self) -> str:
        return (
            f"{self.loss:.1%} lost, {self.doubled:.1%} doubled, {self.doubled_late:.1%} again "
            f"up to {self.late_s:.0f} s later, {self.slow:.1%} up to {self.slow_s:.1f} s late"
        )


CALM = Weather()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. The same plan leads to the same trace, always and everywhere.

    After `faults_s` all faults end for `survivors`, a majority; the other nodes are then down if
    `is_rest_down`, else cut off from all.
    """

    seed: int
    nodes: tuple[NodeId, ...]
    tenure: Tenure
    faults_s: float
    election_delay_s: tuple[float, float]
    round_timeout_s: float
    heartbeat_s: float
    weather: Weather
    work_s: float
    """The longest time from a message's arrival to the node's turn: others arrive meanwhile."""
    clock_rates: tuple[float, ...]
    log_limit: int
    journal_bytes_max: int
    blocks_bytes_max: int
    block_transfers_max: int
    survivors: tuple[NodeId, ...]
    is_rest_down: bool
    pays_at_end: bool
    """Whether somebody pays at each survivor; if not, nodes find what they missed without that."""
    happenings: tuple[Happening, ...] = field(repr=False)

    @property
    def quorum(self) -> int:
        return len(self.nodes) // 2 + 1

    @property
    def decide_delay_s(self) -> float:
        """The time for which a stable leader leaves a decision to its next `Accept`."""
        return (0.0, 0.005, self.heartbeat_s)[self.seed % 3]

    @property
    def thrift_s(self) -> float:
        """The time for which a busy stable leader leaves out nodes whose votes it doesn't need."""
        return (0.0, 0.05, self.heartbeat_s)[self.seed // 3 % 3]

    @property
    def has_keys(self) -> bool:
        """Whether anybody pays under a key."""
        return any(isinstance(each, UserPays) and each.keys for each in self.happenings)

    @property
    def has_questions(self) -> bool:
        """Whether anybody asks how far the chain may be."""
        return any(isinstance(each, UserAsks) for each in self.happenings)

    @property
    def rogues(self) -> frozenset[NodeId]:
        """The nodes whose software is wrong."""
        return frozenset(each.node for each in self.happenings if isinstance(each, Rogue))

    def calm_s(self, waiting: list[int]) -> float:
        """Compute the time in which everything must be decided after the faults' end.

        `waiting` counts the transfers that each node has queued. Every block takes a campaign at
        most, and in tenure `block` a node with more transfers than fit into one waits for the next.
        """
        blocks = sum(ceil(count / self.block_transfers_max) for count in waiting)
        campaign_s = self.election_delay_s[1] + 2 * self.round_timeout_s
        return (60.0 + 10 * self.heartbeat_s + (8 + blocks) * campaign_s) / min(self.clock_rates)

    def header(self) -> list[str]:
        """Describe the plan for the trace's first lines."""
        low, high = self.election_delay_s
        rates = " ".join(f"{rate:.3f}" for rate in self.clock_rates)
        return [
            f"seed {self.seed}: {len(self.nodes)} nodes, tenure {self.tenure}, election delay "
            f"{low:g}-{high:g} s, round timeout {self.round_timeout_s:g} s, heartbeat "
            f"{self.heartbeat_s:g} s, faults for {self.faults_s:g} s",
            f"network: {self.weather}; clocks run at {rates}",
        ]
