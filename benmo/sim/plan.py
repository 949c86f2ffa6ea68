"""What a seed leads to: the cluster, its weather, and all that is going to happen to it.

A plan is data: it can be printed, and cut down to the part that makes a run fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from benmo.paxos import NodeId, Tenure


@dataclass(frozen=True, slots=True)
class Pay:
    """The user of a node wants to pay: (credit node, amount) each, all or none."""

    at: float
    node: NodeId
    payments: tuple[tuple[NodeId, int], ...]

    def __str__(self) -> str:
        count = len(self.payments)
        shown = ", ".join(f"{amount} to {credit}" for credit, amount in self.payments[:3])
        more = f" … {count} in all" if count > 3 else ""
        return f"at node {self.node} somebody pays {shown}{more}"


@dataclass(frozen=True, slots=True)
class Crash:
    """A node dies after so many further operations: writes, fsyncs, sends. 0 is at once.

    With a `trigger`, it dies where it would send the next message of that kind.

    A power cut loses what was not synced, a kill nothing. `share` is how much of an interrupted
    write was done. It starts again after `down_s`; if `again_after` isn't 0, it dies once more at
    that operation of the start. The clock may have been set by `clock_shift_s` meanwhile.
    """

    at: float
    node: NodeId
    is_power_cut: bool
    after: int
    share: float
    down_s: float
    again_after: int
    clock_shift_s: float
    trigger: str

    def __str__(self) -> str:
        what = "loses power" if self.is_power_cut else "is killed"
        when = f" {self.after} operations later" if self.after else ""
        when = f" at its next {self.trigger}" if self.trigger else when
        again = f", and again {self.again_after} operations later" if self.again_after else ""
        return f"node {self.node} {what}{when}, starts {self.down_s:.3f} s later{again}"


@dataclass(frozen=True, slots=True)
class Pause:
    """A node's process stands still."""

    at: float
    node: NodeId
    for_s: float

    def __str__(self) -> str:
        return f"node {self.node} stands still for {self.for_s:.3f} s"


@dataclass(frozen=True, slots=True)
class Jump:
    """A node's clock jumps ahead."""

    at: float
    node: NodeId
    by_s: float

    def __str__(self) -> str:
        return f"node {self.node}'s clock jumps ahead by {self.by_s:.3f} s"


SENDER = 0
"""In the pairs of a cut with a trigger, whoever sends that message."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing passes from the first to the second node of each pair.

    `period_s` is how long it lasts, and then how long it doesn't, `times` times over: more than
    once is a link that flaps. The ends notice, or don't. With a `trigger`, it begins when anybody
    sends the next message of that kind, and that one is the first that may be lost.
    """

    at: float
    shape: str
    pairs: tuple[tuple[NodeId, NodeId], ...]
    period_s: float
    times: int
    is_noticed: bool
    trigger: str

    def __str__(self) -> str:
        pairs = " ".join(f"{one or '?'}->{other or '?'}" for one, other in self.pairs)
        flaps = f", {self.times} times" if self.times > 1 else ""
        unnoticed = "" if self.is_noticed else ", unnoticed"
        when = f" from the next {self.trigger} on" if self.trigger else ""
        how = f"{when} for {self.period_s:.3f} s{flaps}{unnoticed}"
        return f"{self.shape}: nothing passes {pairs}{how}"


@dataclass(frozen=True, slots=True)
class Mute:
    """Messages of these kinds are lost, wherever they go: all, or such a share of them."""

    at: float
    kinds: tuple[str, ...]
    share: float
    for_s: float

    def __str__(self) -> str:
        kinds = ", ".join(self.kinds)
        return f"{self.share:.0%} of messages {kinds} are lost for {self.for_s:.3f} s"


@dataclass(frozen=True, slots=True)
class Rogue:
    """A node, whose software is wrong, forwards to all what it can't pay, and never queues.

    Void transfers must be refused on every node alike; what it harms is its own account at most.
    """

    at: float
    node: NodeId
    payments: tuple[tuple[NodeId, int], ...]

    def __str__(self) -> str:
        shown = ", ".join(f"{amount} to {credit}" for credit, amount in self.payments)
        return f"node {self.node} forwards without looking: {shown}"


@dataclass(frozen=True, slots=True)
class Sever:
    """The user of a node severs a link, and restores it later."""

    at: float
    node: NodeId
    peer: NodeId
    is_one_way: bool
    for_s: float

    def __str__(self) -> str:
        one_way = " one way" if self.is_one_way else ""
        return f"node {self.node} severs node {self.peer}{one_way} for {self.for_s:.3f} s"


@dataclass(frozen=True, slots=True)
class FailDisk:
    """The disk of a node fails once, at the so manieth further operation of this kind."""

    at: float
    node: NodeId
    operation: str
    after: int
    share: float

    def __str__(self) -> str:
        return f"node {self.node}'s disk is going to fail: {self.operation} number {self.after}"


@dataclass(frozen=True, slots=True)
class FillDisk:
    """The disk of a node is full for a time: a write ends in its middle."""

    at: float
    node: NodeId
    share: float
    for_s: float

    def __str__(self) -> str:
        return f"node {self.node}'s disk is full for {self.for_s:.3f} s"


@dataclass(frozen=True, slots=True)
class Damage:
    """A bit of one file of a node turns over, or all its files are gone.

    `where` is from 0 to 1: which file, and which bit of it. With `is_death`, the process is killed
    right after.
    """

    at: float
    node: NodeId
    is_loss: bool
    where: float
    is_death: bool

    def __str__(self) -> str:
        what = "is replaced by an empty one" if self.is_loss else "turns a bit over"
        return f"node {self.node}'s disk {what}{', and it is killed' if self.is_death else ''}"


Happening = Pay | Crash | Pause | Jump | Cut | Mute | Rogue | Sever | FailDisk | FillDisk | Damage


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to any message, as shares from 0 to 1 and times in seconds.

    `slow` messages take up to `slow_s`, and so come late and out of order; `doubled_late` ones come
    again up to `late_s` later, across any restart.
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

    After `faults_s` all faults end for `survivors`, a majority; each of the other nodes is then
    down, or cut off from all, whichever `is_rest_down` says.
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
    """How long after a message arrived a node turns to it, at most: others arrive meanwhile."""
    clock_rates: tuple[float, ...]
    log_limit: int
    journal_bytes_max: int
    blocks_bytes_max: int
    block_transfers_max: int
    survivors: tuple[NodeId, ...]
    is_rest_down: bool
    pays_at_end: bool
    """Whether somebody pays at each survivor: else what was missed must be found without that."""
    happenings: tuple[Happening, ...] = field(repr=False)

    @property
    def quorum(self) -> int:
        return len(self.nodes) // 2 + 1

    @property
    def rogues(self) -> frozenset[NodeId]:
        """The nodes whose software is wrong."""
        return frozenset(each.node for each in self.happenings if isinstance(each, Rogue))

    def calm_s(self, waiting: list[int]) -> float:
        """How long after the faults' end everything must be decided at the latest.

        `waiting` is how many transfers each node has queued. Every block takes a campaign at most,
        and in tenure `block` whoever has more than fits into one waits for the next.
        """
        blocks = sum(ceil(count / self.block_transfers_max) for count in waiting)
        campaign_s = self.election_delay_s[1] + 2 * self.round_timeout_s
        return (60.0 + 10 * self.heartbeat_s + (8 + blocks) * campaign_s) / min(self.clock_rates)

    def header(self) -> list[str]:
        """What a reader of the trace should know first."""
        low, high = self.election_delay_s
        rates = " ".join(f"{rate:.3f}" for rate in self.clock_rates)
        return [
            f"seed {self.seed}: {len(self.nodes)} nodes, tenure {self.tenure}, election delay "
            f"{low:g}-{high:g} s, round timeout {self.round_timeout_s:g} s, heartbeat "
            f"{self.heartbeat_s:g} s, faults for {self.faults_s:g} s",
            f"network: {self.weather}; clocks run at {rates}",
        ]
