"""The state directory: the cluster's nodes, its settings, and where its files are.

This module alone knows the names of files outside a node's own storage.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from benmo.errors import StateError
from benmo.paxos.membership import Member, Membership
from benmo.paxos.types import MemberId, NodeId, Settings, Tenure
from benmo.regular_files import read_regular
from benmo.typed_json import from_json, prepare

BALANCE_MAX = 2**40
"""The most that a node may have at first: JSON readers hold 99 times that exactly, too."""

QUEUE_LIMIT = 100_000
"""The limit of transfers that a node queues for programs, unless `cluster.json` says otherwise."""

DECIDE_DELAY_S = 0.005
"""The time for which a stable leader may delay a `Decide`: its next `Accept` may say the same.

Long enough for a client that pays again at once, too short for a user to see.
"""

THRIFT_S = 0.05
"""The time for which a busy stable leader may leave out acceptors whose votes it doesn't need.

Many blocks under load; too short to matter to an acceptor that then has to catch up.
"""

TLS = "tls"

_NODE_NAME = re.compile(r"node-[1-9][0-9]{0,8}")
_MEMBER_NAME = re.compile(rf"\.?{_NODE_NAME.pattern}\.(new|retired-[0-9a-z-]+)")
_HOST = re.compile(r"[^\s/@\[\]]+")
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Whole = Annotated[int, msgspec.Meta(ge=1)]


class NodeAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address at which a node listens."""

    node: _Whole
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Founder(NodeAddress, frozen=True, forbid_unknown_fields=True):
    """A node that was there when the cluster was made: its member, and its address at first."""

    member: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]

    __str__ = NodeAddress.__str__


class ClusterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a cluster, the same on every node. Times are in seconds."""

    balance: Annotated[int, msgspec.Meta(ge=0, le=BALANCE_MAX)] = 100
    election_delay_s: tuple[_Seconds, _Seconds] = (20.0, 60.0)
    tenure: Tenure = Tenure.BLOCK
    log_limit: _Whole = 10
    """The number of waiting transfers from which on no more can be typed at a node."""
    queue_limit: _Whole = QUEUE_LIMIT
    """The number of waiting transfers from which on a program's request for more waits, too."""
    heartbeat_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    round_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 2.0

    @property
    def queue_max(self) -> int:
        """The limit of transfers that wait at a node."""
        return max(self.log_limit, self.queue_limit)


class Cluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of `cluster.json`: the cluster's id, its nodes and its settings.

    nodes      the founders, with which the chain began: this never changes
    addresses  every node's address as far as this directory knows; at first those of the founders
    """

    cluster: str
    nodes: tuple[Founder, ...]
    settings: ClusterSettings
    known: tuple[NodeAddress, ...] | None = msgspec.field(default=None, name="addresses")

    @property
    def addresses(self) -> tuple[NodeAddress, ...]:
        if self.known is not None:
            return self.known
        return tuple(NodeAddress(each.node, each.host, each.port) for each in self.nodes)

    @property
    def ids(self) -> tuple[NodeId, ...]:
        return tuple(address.node for address in self.addresses)

    def address(self, node: NodeId) -> NodeAddress:
        """The address of a node. Raises `KeyError` if the cluster has no such node."""
        for address in self.addresses:
            if address.node == node:
                return address
        raise KeyError(node)

    def founder(self, node: NodeId) -> MemberId:
        """The first member of a founding node. Raises `KeyError` if the node isn't one."""
        return {founder.node: founder.member for founder in self.nodes}[node]

    def opening_balance(self, node: NodeId) -> int:
        """The balance with which a node's account began: 0 if the node was added later."""
        return self.settings.balance if node in self.founders.nodes else 0

    @property
    def founders(self) -> Membership:
        """The members that vote for slot 1."""
        return Membership(Member(each.member, each.node) for each in self.nodes)

    def former_places(self, member: Member) -> tuple[tuple[str, int], ...]:
        """The hosts and ports that a member moved away from, the last one first.

        Until it is started anew, it is reached at one of them.
        """
        if not member.moved_in or member.since > 1:
            return member.former
        founded = ((each.host, each.port) for each in self.nodes if each.node == member.node)
        return (*member.former, *founded)

    def protocol_settings(self, node: NodeId, member: MemberId) -> Settings:
        """The settings of the protocol at a node. Raises `ValueError` if they make no sense."""
        return Settings(
            node=node,
            member=member,
            tenure=self.settings.tenure,
            election_delay_s=self.settings.election_delay_s,
            round_timeout_s=self.settings.round_timeout_s,
            heartbeat_s=self.settings.heartbeat_s,
            decide_delay_s=DECIDE_DELAY_S,
            thrift_s=THRIFT_S,
        )


prepare(Cluster)


class StateDirectory:
    """The places of all files in a state directory; `load` reads its `cluster.json`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def cluster_file(self) -> Path:
        return self.path / "cluster.json"

    @property
    def changed_file(self) -> Path:
        """The next `cluster.json`, until it takes the place of the one before."""
        return self.path / "cluster.json.new"

    @property
    def authority(self) -> Path:
        return self.path / "ca"

    @property
    def begun(self) -> StateDirectory:
        """The directory in which a new cluster's state is made, until it is whole."""
        return StateDirectory(self.path / ".benmo-new")

    @property
    def replaced(self) -> StateDirectory:
        """The directory to which the state of an old cluster goes, to be wiped."""
        return StateDirectory(self.path / ".benmo-old")

    @property
    def wiped(self) -> StateDirectory:
        """The directory in which an old cluster's state is removed, once a new one replaced it."""
        return StateDirectory(self.path / ".benmo-wiped")

    @property
    def is_unfinished(self) -> bool:
        """Whether a new cluster was to take the place of what is here, and that was interrupted."""
        return self.replaced.path.is_dir() and not self.cluster_file.exists()

    def node(self, node: NodeId) -> Path:
        return self.path / f"node-{node}"

    def new_node(self, node: NodeId) -> Path:
        """A new member's directory, until the node's running peers have decided to take it."""
        return self.path / f"node-{node}.new"

    def unfinished_node(self, node: NodeId) -> Path:
        """The place at which a new member's directory is made, until it is whole."""
        return self.path / f".node-{node}.new"

    def retired_node(self, node: NodeId, member: MemberId) -> Path:
        """The place to which the directory of a member goes that was replaced or removed."""
        return self.path / f"node-{node}.retired-{member[:8]}"

    def other_member_directories(self) -> list[Path]:
        """The directories here of members that have no vote yet, or none any more."""
        return sorted(path for path in self.path.iterdir() if _MEMBER_NAME.fullmatch(path.name))

    @property
    def desk(self) -> Path:
        """The directory of the certificates with which the desk asks the nodes about a change."""
        return self.path / ".benmo-desk"

    def tls(self, node: NodeId) -> Path:
        return self.node(node) / TLS

    @property
    def client_tls(self) -> Path:
        """The directory of a client's key and certificates, if this is a client's directory."""
        return self.path / TLS

    def credentials(self, node: NodeId) -> Path | None:
        """The directory of the key and certificates to command a node with; None if there is none.

        The node's own come first, then a client's.
        """
        places = (self.tls(node), self.client_tls)
        return next((path for path in places if path.is_dir()), None)

    def client(self, name: str) -> StateDirectory:
        """The directory of a client: all that a program needs to command nodes."""
        return StateDirectory(self.path / f"client-{name}")

    def clients(self) -> list[StateDirectory]:
        """The clients' directories here; this one, too, if it is a client's."""
        found = [self, *map(StateDirectory, sorted(self.path.glob("client-*")))]
        return [each for each in found if each.client_tls.is_dir()]

    def history(self, node: NodeId) -> Path:
        """The history of a prompt of this node; in a client's directory, of all nodes' prompts."""
        return (self.node(node) if self.node(node).is_dir() else self.path) / "history"

    def keys(self, node: NodeId) -> Path:
        return self.node(node) / "keys.sqlite"

    @property
    def demo_history(self) -> Path:
        return self.path / "history"

    def has_lived(self, node: NodeId) -> bool:
        """Whether a node's own files are here, and not only `tls/`.

        `tls/` alone is enough to command a node that runs on another machine. Raises `OSError` if
        something else than a directory is there, or one that can't be read.
        """
        directory = self.node(node)
        return directory.exists() and any(path != self.tls(node) for path in directory.iterdir())

    def node_directories(self) -> list[Path]:
        """All that is named like a node's directory, in the order of the nodes' ids."""
        named = (path for path in self.path.glob("node-*") if _NODE_NAME.fullmatch(path.name))
        return sorted(named, key=lambda path: int(path.name.removeprefix("node-")))

    def load(self) -> Cluster:
        """Read and check `cluster.json`. Raises `StateError`, naming the remedy."""
        try:
            data = read_regular(self.cluster_file)
        except FileNotFoundError:
            raise StateError(
                f"{self.path} holds no cluster: make one with {how_to_initialize()}"
                f"{'' if self.path.name == 'state' else f' --state-dir {self.path}'}"
            ) from None
        except OSError as error:
            raise StateError(f"{self.cluster_file} can't be read: {error.strerror}") from error
        try:
            cluster = from_json(data, Cluster)
            for member in cluster.founders.all[:1]:
                cluster.protocol_settings(member.node, member.id)
            require_apart(cluster.nodes)
            require_apart(cluster.addresses)
        except ValueError as error:
            raise StateError(f"{self.cluster_file} is damaged: {error}") from error
        return cluster

    def load_with(self, node: NodeId) -> Cluster:
        """As `load`. Raises `StateError`, too, if the cluster has no such node."""
        cluster = self.load()
        if node not in cluster.ids:
            raise no_such_node(node, cluster.ids)
        return cluster

    def load_node(self, node: NodeId) -> Cluster:
        """As `load_with`. Raises `StateError`, too, if the node has no directory here."""
        cluster = self.load_with(node)
        if not self.node(node).is_dir():
            raise StateError(
                f"{self.node(node)} is missing: node {node} has no state here. A node never "
                f"starts from nothing: it could break a promise. If its disk is lost, "
                f"benmo replace {node} gives it a new member and directory: see docs/operating.md"
            )
        return cluster


def no_such_node(node: NodeId, nodes: Collection[NodeId]) -> StateError:
    """The error that a cluster, which has these nodes, has no such one."""
    return StateError(
        f"there is no node {node} in this cluster: nodes are {min(nodes)} to {max(nodes)}"
    )


def require_apart(nodes: Iterable[NodeAddress]) -> None:
    """Raises `ValueError` if a node has no host, or two have the same address."""
    at: dict[tuple[str, int], NodeId] = {}
    for address in nodes:
        if not _HOST.fullmatch(address.host):
            raise ValueError(f"{address.host!r}, of node {address.node}, is no host's name")
        other = at.setdefault((address.host.lower(), address.port), address.node)
        if other != address.node:
            raise ValueError(f"nodes {other} and {address.node} have the same address, {address}")


def how_to_initialize() -> str:
    """Say what to type to make a cluster: in a clone the script, elsewhere the program."""
    script = Path("scripts", "initialize.py")
    is_clone = (Path(__file__).resolve().parents[1] / script).is_file()
    return f"python3 {script}" if is_clone else "benmo initialize"


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, and make its content durable.

    Raises `OSError`.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
