"""The nouns of the protocol: ballots, blocks, proposals and the settings of a replica."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

NodeId = int

NODES_MAX = 99
"""The greatest number of a node, and how many nodes there are at most."""

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


class ChangeKind(StrEnum):
    """What a change does to one node."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the membership, in force in the slot after that of its block.

    `member` votes for `node` from then on, and listens at `host` and `port`; `replaces` is who
    voted before. One that is added replaces nobody, and has no `replaces`; where one is removed,
    there is no `member`; one that moves replaces itself, and names the slot in which it moved
    last, or 0. A change that names another member than the one that votes, or an earlier move, is
    void: so a doubled or late one does nothing.
    """

    kind: ChangeKind
    node: NodeId
    replaces: MemberId = ""
    member: MemberId = ""
    host: str = ""
    port: int = 0
    moved_in: int = 0

    def why_malformed(self) -> str | None:
        """Why this can't be a change of its kind, whoever votes; None if it can."""
        replaces, member = bool(self.replaces), bool(self.member)
        expected = {
            ChangeKind.REPLACE: replaces and member and self.replaces != self.member,
            ChangeKind.ADD: member and not replaces,
            ChangeKind.REMOVE: replaces and not member,
            ChangeKind.MOVE: replaces and self.replaces == self.member,
        }
        if expected[self.kind] and (self.kind is ChangeKind.MOVE or not self.moved_in):
            return None
        return f"it names the wrong members to {self.kind} a node"


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

    @property
    def change(self) -> Change | None:
        """The change of the membership that the block holds, if it holds one."""


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
    """The facts and limits that a replica must know of itself; all times in seconds.

    `member` is the life that this node's directory has as a voter. Who the other voters are says
    the chain: see `Application.membership`. Raises `ValueError` for an election delay that is not a
    range.
    """

    node: NodeId
    member: MemberId
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
    silence_s: float = field(init=False)
    """How long a peer must have been silent to count as unreachable."""

    def __post_init__(self) -> None:
        low, high = self.election_delay_s
        if not 0 <= low <= high:
            raise ValueError(f"an election delay from {low} to {high} seconds is not a range")
        object.__setattr__(self, "silence_s", _SILENT_HEARTBEATS * self.heartbeat_s)


@dataclass(frozen=True, slots=True)
class Durable:
    """The state that a replica must find again after a crash, apart from the blocks themselves."""

    promised: Ballot = Ballot.ZERO
    accepted: Proposal | None = None
    height: int = 0
    head: str = GENESIS_HASH
