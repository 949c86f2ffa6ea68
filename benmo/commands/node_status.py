"""A node's state, in the one shape that `printStatus`, prompts, programs and metrics read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from benmo.commands.answers import Status
from benmo.network.link import Link
from benmo.paxos.types import Ballot, MemberId, NodeId
from benmo.typed_json import from_json, prepare

LINK_SIGNS = {Link.UP: "✓", Link.DOWN: "✗", Link.SEVERED: "✂"}


class PeerStatus(msgspec.Struct, frozen=True):
    """A peer, as the node sees it; `height` is the chain's height that the peer last reported."""

    node: NodeId
    link: Link
    height: int


class MemberStatus(msgspec.Struct, frozen=True):
    """A member, past or present: one life of a node's directory as a voter.

    ordinal   how many members the node had before
    since     the first slot in which the member votes
    until     the last slot in which it votes, whose block holds the change; None while it votes
    moved_in  the slot whose block moved it to its address, 0 if none has
    former    the hosts and ports that it moved away from, the last one first: it listens at one of
              them until it is started at its address
    """

    node: NodeId
    member: MemberId
    ordinal: int
    since: int
    until: int | None
    host: str
    port: int
    moved_in: int = 0
    former: tuple[tuple[str, int], ...] = ()

    @property
    def address(self) -> str:
        """The address at which the member listens, or listened last."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class UndecidedProposal(msgspec.Struct, frozen=True):
    """The proposal that the node accepted last and doesn't know to be decided."""

    slot: int
    ballot: Ballot


class NodeStatus(msgspec.Struct, frozen=True):
    """A node's state; its fields are those of `printStatus` in JSON.

    role      "leader", "candidate" or "acceptor"
    leader    the leader that the node knows, perhaps itself; None if it knows none
    ballot    the ballot that the node acts in: round and node
    promised  the highest ballot that the node promised
    accepted  the proposal that the node accepted and doesn't know to be decided, or None
    height    how many blocks the node's chain has
    head      the hash of the node's last block
    queue     how many of the node's transfers are not decided yet
    quorum    whether the node and the nodes that it reaches are a majority
    """

    node: NodeId
    role: str
    leader: NodeId | None
    ballot: Ballot
    promised: Ballot
    accepted: UndecidedProposal | None
    height: int
    head: str
    queue: int
    quorum: bool
    peers: tuple[PeerStatus, ...]


class NodeSnapshot(NodeStatus, frozen=True):
    """A node's state as a prompt shows it: its status, its money, and when it tries to lead.

    balance      the node's money, by its chain
    available    the part of the balance that its queue doesn't spend
    countdown_s  how long the election delay still lasts, in seconds; None if there is none
    """

    balance: int
    available: int
    countdown_s: float | None


prepare(NodeStatus, NodeSnapshot)


def status_in(exit_status: int, output: str) -> NodeStatus | None:
    """The state in an answer to `printStatus`, given as JSON; None if the answer holds none.

    A node that is about to stop, or a connection that was lost, leads to such an answer.
    """
    return from_json(output.encode(), NodeStatus) if exit_status == Status.DONE else None


def link_signs(peers: Iterable[PeerStatus]) -> str:
    """Show the links to all peers in short: `2✓ 3✗`."""
    return " ".join(f"{peer.node}{LINK_SIGNS[peer.link]}" for peer in peers)
