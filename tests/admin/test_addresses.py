"""Hosts are understood, or refused in a line that says what to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.errors import StateError
from tests.support.processes import BENMO, run


@pytest.mark.parametrize(
    ("hosts", "wanted"),
    [
        ("10.0.0.1, 10.0.0.2 ,10.0.0.3", ["10.0.0.1:7", "10.0.0.2:7", "10.0.0.3:7"]),
        ("h1:8,h2,h1", ["h1:8", "h2:7", "h1:7"]),
        ("127.0.0.1:1,127.0.0.1:2,127.0.0.2:1", ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1"]),
        ("[::1]", ["[::1]:7"]),
        ("::1", ["[::1]:7"]),
        ("[2001:DB8::0:1]:8,2001:db8::2,h3", ["[2001:db8::1]:8", "[2001:db8::2]:7", "h3:7"]),
        ("bücher.example", ["xn--bcher-kva.example:7"]),
        ("例え。テスト:8", ["xn--r8jz45g.xn--zckzah:8"]),
        ("node_1.local", ["node_1.local:7"]),
        ("localhost", ["localhost:7"]),
    ],
)
def test_a_host_is_understood(hosts: str, wanted: list[str]) -> None:
    found = addresses(5, 7, hosts)
    assert [str(address) for address in found] == wanted
    assert [address.node for address in found] == list(range(1, len(wanted) + 1))


def test_brackets_are_no_part_of_an_address() -> None:
    assert addresses(5, 7, "[::1]")[0].host == "::1"


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("", "a host's name is missing"),
        (" ", "a host's name is missing"),
        ("a,,b", "a host's name is missing"),
        ("a,b,c,", "a host's name is missing"),
        ("a b c", "'a b c' is no host's name: write names or addresses with commas between"),
        ("a;b;c", "'a;b;c' is no host's name: write names or addresses with commas between"),
        ("http://a", "'http://a' is no host's name: write the host alone, or HOST:PORT"),
        ("a:9001/x", "write the host alone, or HOST:PORT"),
        ("10.0.0.0/24", "write the host alone"),
        ("root@a", "'root@a' is no host's name"),
        ("a:b", "after a colon stands a port"),
        ("a:", "after a colon stands a port"),
        ("a:0", "a port is 1 to 65535"),
        ("a:65536", "a port is 1 to 65535"),
        (":9001", "':9001' is no host's name"),
        ("a,b,A", "nodes 1 and 3 have the same address, A:7; HOST:PORT gives each its own port"),
        ("a:8,b,a:8", "nodes 1 and 3 have the same address, a:8"),
        ("2001:db8::1,[2001:DB8:0::1],b", "nodes 1 and 2 have the same address, [2001:db8::1]:7"),
        ("bücher,BÜCHER,x", "nodes 1 and 2 have the same address"),
        ("0.0.0.0", "'0.0.0.0' is no host's name: write the address at which the other nodes"),
        ("::", "the address at which the other nodes"),
        ("255.255.255.255", "the address at which the other nodes"),
        ("224.0.0.1", "the address at which the other nodes"),
        ("fe80::1%eth0", "what follows the % means something on one machine only"),
        ("127.0.0.1,10.0.0.2,10.0.0.3", "no other machine reaches 127.0.0.1"),
        ("a,localhost,c", "no other machine reaches localhost"),
        ("10.0.0.256", "'10.0.0.256' is no IPv4 address"),
        ("10.0.1", "no IPv4 address"),
        ("1", "no IPv4 address"),
        ("0x7f000001", "no IPv4 address"),
        ("[10.0.0.1]", "no IPv6 address"),
        ("[::1", "no IPv6 address"),
        ("::1]", "no IPv6 address"),
        ("[]", "no IPv6 address"),
        ("-a", "'-a' is no host's name"),
        ("a" * 64, "is no host's name"),
        (".".join(["a" * 60] * 5), "is no host's name"),
        ("a\0b", "is no host's name"),
        ("*", "'*' is no host's name"),
        (",".join(f"h{number}" for number in range(101)), "99 nodes at most, not 101"),
    ],
)
def test_what_is_no_host_is_refused(hosts: str, says: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        addresses(5, 7, hosts)
    assert says in caught.value.message


def test_a_wrong_host_wipes_nothing(tmp_path: Path) -> None:
    command = (*BENMO, "initialize", "--yes", "--state-dir", str(tmp_path / "state"))
    assert run(*command).status == 0
    before = StateDirectory(tmp_path / "state").load()
    refused = run(*command, "--hosts", "a,b,a")
    assert refused.status == 2
    assert "nodes 1 and 3 have the same address" in refused.err
    assert StateDirectory(tmp_path / "state").load() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"host": "127.0.0.1", "port": 9001},
            "nodes 1 and 2 have the same address, 127.0.0.1:9001",
        ),
        ({"host": ""}, "'', of node 2, is no host's name"),
        ({"host": "[::1]"}, r"'[::1]', of node 2, is no host's name"),
        ({"host": "http://a"}, "'http://a', of node 2, is no host's name"),
        ({"host": "a b"}, "'a b', of node 2, is no host's name"),
    ],
)
def test_an_address_that_was_edited_by_hand_is_checked(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    state = StateDirectory(tmp_path)
    make_anew(state, new_cluster(addresses(3, 9001), ClusterSettings()))
    document = json.loads(state.cluster_file.read_text())
    document["nodes"][1].update(change)
    state.cluster_file.write_text(json.dumps(document))
    with pytest.raises(StateError) as caught:
        state.load()
    assert says in str(caught.value)
    failed = run(*BENMO, "status", "--state-dir", str(tmp_path))
    assert failed.err.count("\n") == 1
    assert says in failed.err
