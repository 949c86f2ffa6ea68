"""The nouns of the protocol: ballots, blocks, proposals and the settings of a replica."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

NodeId = int

GENESIS_HASH = "0" * 64
"""The hash that the block in slot 1 names as its previous one."""


class ProtocolError(Exception):
    """A peer sent what the protocol forbids: its connection is dropped and the reason logged.

    Whoever raises it has changed nothing yet.
    """


class _BallotFields(NamedTuple):
    round: int
    node: NodeId


class Ballot(_BallotFields):
    """A proposal number: unique to its node, and ordered by round, then by node.

    *Paxos Made Simple*, section 2.2: "different proposals have different numbers".
    """

    __slots__ = ()
    ZERO: ClassVar[Ballot]

    def __str__(self) -> str:
        return f"({self.round}, {self.node})"


Ballot.ZERO = Ballot(0, 0)


class PaxosBlock(Protocol):
    """What the protocol needs to know of a block; the ledger knows the rest."""

    @property
    def slot(self) -> int:
        """Its place in the chain, from 1."""

    @property
    def ballot(self) -> Ballot:
        """The ballot in which it was first proposed."""

    @property
    def previous(self) -> str:
        """The hash of the block in slot - 1."""

    @property
    def hash(self) -> str:
        """The SHA-256 of its bytes, in 64 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block, proposed in a ballot. One ballot proposes at most one block for a slot."""

    ballot: Ballot
    block: PaxosBlock
    slot: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot", self.block.slot)

    def is_same_as(self, other: Proposal | None) -> bool:
        """Whether ballot, slot and bytes are the same."""
        return (
            other is not None
            and self.ballot == other.ballot
            and self.block.hash == other.block.hash
        )


class Tenure(StrEnum):
    """How long a leader leads."""

    BLOCK = "block"
    STABLE = "stable"


_SILENT_HEARTBEATS = 3
"""A peer from which so many in a row could have come, and nothing did, counts as unreachable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a replica must know of its cluster; all times in seconds.

    `nodes` holds every node's id, this one's included; an odd number of them.
    """

    node: NodeId
    nodes: tuple[NodeId, ...]
    tenure: Tenure = Tenure.BLOCK
    election_delay_s: tuple[float, float] = (20.0, 60.0)
    round_timeout_s: float = 2.0
    heartbeat_s: float = 1.0
    backoff_s: float = 0.05
    decide_delay_s: float = 0.0
    """How long a stable leader may leave it to its next `Accept` to tell of a decision."""
    thrift_s: float = 0.0
    """How long a busy stable leader may leave out those whose votes aren't needed."""
    thrift_bytes_max: int = 1 << 14
    """With a block of more bytes, it leaves nobody out."""
    peers: tuple[NodeId, ...] = field(init=False)
    """All nodes but this one."""
    quorum: int = field(init=False)
    """How many nodes are a majority."""
    silence_s: float = field(init=False)
    """After how long without a word a peer counts as unreachable."""

    def __post_init__(self) -> None:
        if len(self.nodes) % 2 == 0 or len(set(self.nodes)) != len(self.nodes):
            raise ValueError(f"nodes must be an odd number of distinct ids, not {self.nodes}")
        if self.node not in self.nodes:
            raise ValueError(f"node {self.node} is not one of {self.nodes}")
        low, high = self.election_delay_s
        if not 0 <= low <= high:
            raise ValueError(f"an election delay from {low} to {high} seconds is not a range")
        others = tuple(node for node in self.nodes if node != self.node)
        object.__setattr__(self, "peers", others)
        object.__setattr__(self, "quorum", len(self.nodes) // 2 + 1)
        object.__setattr__(self, "silence_s", _SILENT_HEARTBEATS * self.heartbeat_s)


@dataclass(frozen=True, slots=True)
class Durable:
    """What a replica must find again after a crash, apart from the blocks themselves."""

    promised: Ballot = Ballot.ZERO
    accepted: Proposal | None = None
    height: int = 0
    head: str = GENESIS_HASH


class Application(Protocol):
    """The replicated state machine, as the protocol sees it. No method does I/O.

    The caller of a replica applies every block of `Step.decided` to the application before it
    calls the replica again.
    """

    def front(self) -> int:
        """The number of the first transfer of this node's own that is queued and undecided.

        0 if there is none. It moves as they are decided.
        """

    def ready(self) -> bool:
        """Whether `block` would return a block: something own or forwarded is undecided."""

    def block(self, slot: int, ballot: Ballot, previous: str, now: float) -> PaxosBlock:
        """The next block, of all that waits. Called only when `ready`."""

    def payers(self, block: PaxosBlock) -> Collection[NodeId]:
        """The nodes whose users wait for the decision of this block."""

    def bytes_of(self, block: PaxosBlock) -> int:
        """How long a block is."""

    def forward(self, ballot: Ballot, again: bool) -> object | None:
        """What the leader of `ballot` hasn't yet been sent of this node's queue, or None.

        With `again`, what was sent before the last such call and is still undecided, too.
        """

    def take_forwarded(self, sender: NodeId, payload: object) -> None:
        """Keep what `sender` forwarded for the next block."""

    def drop_forwarded(self) -> None:
        """Forget what was forwarded: this node doesn't lead any more."""
