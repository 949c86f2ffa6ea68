"""A node's state, in the one shape that `printStatus`, prompts, programs and metrics all read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from benmo.network.link import Link
from benmo.paxos.types import Ballot, NodeId
from benmo.typed_json import prepare

LINK_SIGNS = {Link.UP: "✓", Link.DOWN: "✗", Link.SEVERED: "✂"}


class PeerStatus(msgspec.Struct, frozen=True):
    """A peer, as the node sees it; `height` is what the peer said last."""

    node: NodeId
    link: Link
    height: int


class UndecidedProposal(msgspec.Struct, frozen=True):
    """The proposal that the node accepted last and doesn't know to be decided."""

    slot: int
    ballot: Ballot


class NodeStatus(msgspec.Struct, frozen=True):
    """A node's state; its fields are those of `printStatus` in JSON.

    role      "leader", "candidate" or "acceptor"
    leader    the leader that the node knows, perhaps itself; None if it knows none
    ballot    the one that the node acts in: round and node
    promised  the highest ballot that the node promised
    accepted  what it accepted and doesn't know to be decided, or None
    head      the hash of its last block
    queue     how many of its transfers wait
    quorum    whether the node and those that it reaches are a majority
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

    balance      what the chain says that the node has
    available    what of it doesn't wait in the queue
    countdown_s  how long the election delay still lasts, in seconds; None if there is none
    """

    balance: int
    available: int
    countdown_s: float | None


prepare(NodeStatus, NodeSnapshot)


def link_signs(peers: Iterable[PeerStatus]) -> str:
    """The links to all peers, short: `2✓ 3✗`."""
    return " ".join(f"{peer.node}{LINK_SIGNS[peer.link]}" for peer in peers)
