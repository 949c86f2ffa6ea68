"""The words of a plan: users' requests, crashes, cuts, damage …"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benmo.paxos.types import ChangeKind, NodeId


@dataclass(frozen=True, slots=True)
class UserPays:
    """The user of a node wants to pay: (credit node, amount) each, all or none.

    There are no `keys`, or one for each payment, empty where it has none. With keys it may be a
    retry.
    """

    at: float
    node: NodeId
    payments: tuple[tuple[NodeId, int], ...]
    memos: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.payments)
        shown = ", ".join(f"{amount} to {credit}" for credit, amount in self.payments[:3])
        more = f" … {count} in all" if count > 3 else ""
        keys = f", under the keys {', '.join(map(repr, self.keys))}" if self.keys else ""
        return f"at node {self.node} somebody pays {shown}{more}{keys}"


@dataclass(frozen=True, slots=True)
class UserAsks:
    """The user of a node asks how far the chain may be.

    With a `trigger`, the user asks when any node sends the next message of that kind.
    """

    at: float
    node: NodeId
    trigger: str = ""

    def __str__(self) -> str:
        when = f", at the next {self.trigger} of any node" if self.trigger else ""
        return f"at node {self.node} somebody asks how far the chain may be{when}"


@dataclass(frozen=True, slots=True)
class UserHurries:
    """The user of a node wants it to campaign at once, if it has a reason to."""

    at: float
    node: NodeId

    def __str__(self) -> str:
        return f"at node {self.node} somebody hurries"


@dataclass(frozen=True, slots=True)
class Crash:
    """A node dies at its `after`-th operation from now (write, fsync, send); 0 is at once.

    With a `trigger`, it dies instead of sending its next message of that kind.

    A power cut loses what was not synced, a kill nothing. `share` of an interrupted write was done.
    The node starts again after `down_s`; if `again_after` isn't 0, it dies once more at that
    operation of the start. Meanwhile its clock may have been set by `clock_shift_s`.
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
"""In the pairs of a cut with a trigger, this stands for the node that sends the message."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing passes from the first to the second node of each pair.

    The cut lasts for `period_s`, and is then off for as long, `times` times over: more than once is
    a link that flaps. The ends notice or don't, as `is_noticed` says. With a `trigger`, the cut
    begins when any node sends the next message of that kind, which is the first that may be lost.
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
    """Messages of these kinds are lost, whatever their sender and receiver: this share of them."""

    at: float
    kinds: tuple[str, ...]
    share: float
    for_s: float

    def __str__(self) -> str:
        kinds = ", ".join(self.kinds)
        return f"{self.share:.0%} of messages {kinds} are lost for {self.for_s:.3f} s"


@dataclass(frozen=True, slots=True)
class Rogue:
    """A node with wrong software forwards to all what it can't pay and has never queued.

    Every node must refuse such void transfers alike; they harm the rogue's own account at most.
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
    """The disk of a node fails once, at its `after`-th operation of this kind from now."""

    at: float
    node: NodeId
    operation: str
    after: int
    share: float

    def __str__(self) -> str:
        return f"node {self.node}'s disk is going to fail: {self.operation} number {self.after}"


@dataclass(frozen=True, slots=True)
class FillDisk:
    """The disk of a node is full for a time: a write stops after `share` of its bytes."""

    at: float
    node: NodeId
    share: float
    for_s: float

    def __str__(self) -> str:
        return f"node {self.node}'s disk is full for {self.for_s:.3f} s"


class DamageKind(StrEnum):
    """What is wrong with a disk, in words that follow `its disk`."""

    BIT = "turns a bit over"
    SECTOR = "reads a sector as NULs"
    CUT = "cuts a file short"
    LOSS = "is replaced by an empty one"


@dataclass(frozen=True, slots=True)
class DamageDisk:
    """One file of a node is not as it was written, or all its files are gone.

    `where`, from 0 to 1, says which file, and which place in it. With `is_death`, the process is
    killed right after.
    """

    at: float
    node: NodeId
    kind: DamageKind
    where: float
    is_death: bool

    def __str__(self) -> str:
        return f"node {self.node}'s disk {self.kind}{', and it is killed' if self.is_death else ''}"


@dataclass(frozen=True, slots=True)
class ChangeMembers:
    """An operator has the membership changed: asks some node, every `period_s` or so, until it is.

    `node` is the one to replace, move or remove; with `is_newest`, the one with the highest number
    instead. One that is added has a new number, or with `is_newest` that of a removed one. If it is
    replaced, its machine has lost its disk (`is_lost`), or was taken for dead: then it comes back
    `back_s` after it was killed (`is_killed`), or goes on all the time. A new machine starts after
    `start_s`. A node that is removed may pay all away before (`is_emptied`). `askers` programs ask
    for the same, and `late` times more once it is decided. With `is_stale`, the change names a
    member that isn't the node's.
    """

    at: float
    kind: ChangeKind
    node: NodeId
    is_newest: bool
    is_lost: bool
    is_killed: bool
    back_s: float
    start_s: float
    is_emptied: bool
    is_stale: bool
    askers: int
    late: int
    period_s: float

    def __str__(self) -> str:
        which = "the newest node" if self.is_newest else f"node {self.node}"
        which = "a node" if self.kind is ChangeKind.ADD else which
        stale = ", and names a wrong member" if self.is_stale else ""
        lost = ", whose disk is lost" if self.is_lost else ""
        return f"an operator wants to {self.kind} {which}{lost}{stale}"


Happening = (
    UserPays
    | UserAsks
    | UserHurries
    | Crash
    | Pause
    | Jump
    | Cut
    | Mute
    | Rogue
    | Sever
    | FailDisk
    | FillDisk
    | DamageDisk
    | ChangeMembers
)
