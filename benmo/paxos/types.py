"""The nouns of the protocol: ballots, blocks, proposals and the settings of a replica."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

NodeId = int

MemberId = str
"""The id of a member, which is one directory's life as a voter: 32 hexadecimal digits.

They are 128 random bits, made with the directory. Nothing ever makes another directory for a member
that there was before: a disk that is lost takes its promises with it, and so its vote.
"""

GENESIS_HASH = "0" * 64
"""The hash that the block in slot 1 names as its previous one."""


class ProtocolError(Exception):
    """A peer sent what the protocol forbids: its connection is dropped and the reason logged.

    Nothing durable has changed when it is raised.
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
    """A block as the protocol sees it; the ledger knows the rest."""

    @property
    def slot(self) -> int:
        """Its place in the chain, from 1."""

    @property
    def ballot(self) -> Ballot:
        """The ballot in which the block was first proposed."""

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
"""A peer that sent nothing for as long as this many heartbeats take counts as unreachable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The facts and limits that a replica must know of its cluster; all times in seconds.

    `nodes` holds every node's id, this node's included; their number is odd. Raises `ValueError`
    for other `nodes`, and for an election delay that is not a range.
    """

    node: NodeId
    nodes: tuple[NodeId, ...]
    tenure: Tenure = Tenure.BLOCK
    election_delay_s: tuple[float, float] = (20.0, 60.0)
    """The least and the greatest election delay."""
    round_timeout_s: float = 2.0
    """The least time limit of a round; see `benmo.paxos.round_limit`."""
    heartbeat_s: float = 1.0
    """The time from one heartbeat to the next."""
    backoff_s: float = 0.05
    """The longest jitter before a campaign; it doubles with each failure."""
    decide_delay_s: float = 0.0
    """How long a stable leader may leave the announcement of a decision to its next `Accept`."""
    thrift_s: float = 0.0
    """How long a busy stable leader may leave out nodes whose votes aren't needed."""
    thrift_bytes_max: int = 1 << 14
    """A leader leaves no node out if its block is longer than this."""
    peers: tuple[NodeId, ...] = field(init=False)
    """All nodes but this one."""
    quorum: int = field(init=False)
    """How many nodes are a majority."""
    silence_s: float = field(init=False)
    """How long a peer must have been silent to count as unreachable."""

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
    """The state that a replica must find again after a crash, apart from the blocks themselves."""

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
        """The number of the first transfer in this node's queue, 0 if the queue is empty.

        The number grows as transfers are decided.
        """

    def ready(self) -> bool:
        """Whether a transfer waits for `block`, this node's own or a forwarded one."""

    def block(self, slot: int, ballot: Ballot, previous: str, now: float) -> PaxosBlock:
        """Make the next block, of the transfers that wait. Called only when `ready`.

        `previous` is the hash of the block in `slot` - 1, `now` the replica's time in seconds.
        """

    def payers(self, block: PaxosBlock) -> Collection[NodeId]:
        """The nodes whose users wait for the decision of this block."""

    def bytes_of(self, block: PaxosBlock) -> int:
        """How many bytes a block has."""

    def forward(self, ballot: Ballot, again: bool) -> object | None:
        """The part of this node's queue to send to the leader of `ballot` now, or None.

        It holds what that leader wasn't sent yet. With `again`, which comes with each heartbeat, it
        also holds what was sent, unless the queue's first transfer has changed since the last call
        with `again`.
        """

    def take_forwarded(self, sender: NodeId, payload: object) -> None:
        """Keep what `sender` forwarded, for the next block.

        Raises `ProtocolError` if the payload isn't transfers of the sender.
        """

    def drop_forwarded(self) -> None:
        """Forget what was forwarded: this node doesn't lead any more."""
