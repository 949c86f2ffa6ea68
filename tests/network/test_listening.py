"""Where a node says that it listens, and what its peers take for that."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from benmo.admin.making import write_cluster
from benmo.cluster import NodeAddress
from benmo.errors import ProtocolError
from benmo.network.frames import LENGTH_BYTES, frame
from benmo.network.link import Link
from benmo.network.listening import decode_listens, encode_listens
from benmo.network.wire import encode_message
from benmo.paxos.messages import Heartbeat
from benmo.paxos.types import Ballot
from tests.support.mixed_cluster import MixedCluster
from tests.support.processes import eventually
from tests.support.scripted_peers import is_closed_by_peer
from tests.support.strategies import examples


@examples
@given(st.text(min_size=1, max_size=255), st.integers(1, 65535))
def test_the_address_comes_back(host: str, port: int) -> None:
    address = NodeAddress(3, host, port)
    assert decode_listens(3, encode_listens(address)[LENGTH_BYTES:]) == address


def test_a_message_is_no_address() -> None:
    assert decode_listens(3, encode_message(Heartbeat(0, Ballot.ZERO))) is None
    assert decode_listens(3, b"") is None


WRONG: dict[str, object] = {
    "no host": ("listens", ("", 9003)),
    "a long host": ("listens", ("a" * 256, 9003)),
    "no port": ("listens", ("a",)),
    "port 0": ("listens", ("a", 0)),
    "a high port": ("listens", ("a", 65536)),
    "a text": ("listens", ("a", "9003")),
    "more": ("listens", ("a", 9003, 1)),
    "a map": ("listens", {"a": 9003}),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_address_is_refused(what: str) -> None:
    with pytest.raises(ProtocolError, match="it listens nowhere"):
        decode_listens(3, msgspec.msgpack.encode(WRONG[what]))


def test_an_address_that_is_no_address_drops_the_connection(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        service = cluster.service(1)
        with cluster.peer(2) as peer:
            connection = peer.dial(1)
            eventually(lambda: service.view.link(2) is Link.UP, "it is heard")
            connection.sendall(frame(msgspec.msgpack.encode(("listens", ("a", 0)))))
            assert is_closed_by_peer(connection)


def test_a_peer_that_moved_meanwhile_is_dialled_where_it_says_that_it_listens(
    tmp_path: Path,
) -> None:
    """The node's chain and its `cluster.json` know only where the peer was."""
    with MixedCluster(tmp_path) as cluster:
        service = cluster.service(1)
        port = cluster.free_port()
        elsewhere = tuple(
            replace(each, port=port) if each.node == 2 else each
            for each in cluster.definition.nodes
        )
        write_cluster(cluster.state, replace(cluster.definition, nodes=elsewhere))
        with cluster.peer(2) as peer:
            peer.dial(1).sendall(encode_listens(NodeAddress(2, "127.0.0.1", port)))
            eventually(lambda: service.view.link(2) is Link.UP, "the link is up both ways")
            assert peer.open == 1
