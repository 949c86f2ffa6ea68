"""The nodes' addresses, as `--hosts`, `--port` and `--nodes` name them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count as numbers

import click

from benmo.cluster import NodeAddress, require_apart
from benmo.paxos.types import NODES_MAX, NodeId

LOCALHOST = "127.0.0.1"
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NAME_MAX = 253


def addresses(nodes: int, port: int, hosts: str | None = None) -> tuple[NodeAddress, ...]:
    """The address of each node: on a host of its own, or at a port of its own on this machine.

    `hosts` names a host for each node, with commas between them; `HOST:PORT` stands for another
    port than `port`. Raises `click.UsageError` for a number of nodes, a port or a host that can't
    be.
    """
    places = None if hosts is None else [_place(name, port) for name in hosts.split(",")]
    count = nodes if places is None else len(places)
    if count % 2 == 0:
        raise click.UsageError(f"a cluster has an odd number of nodes, not {count}")
    if count > NODES_MAX:
        raise click.UsageError(f"a cluster has {NODES_MAX} nodes at most, not {count}")
    if places is None:
        return _on_this_machine(count, port)
    if nodes not in (count, 5):
        raise click.UsageError(f"--nodes says {nodes}, but --hosts names {count}")
    return _apart(NodeAddress(node, *place) for node, place in zip(numbers(1), places))


def addresses_elsewhere(before: Sequence[NodeAddress], hosts: str) -> tuple[NodeAddress, ...]:
    """The new address of each node, on the hosts that `--hosts` names, in the same order.

    Where it names no port, a node's is as before. Raises `click.UsageError` as `addresses`.
    """
    names = hosts.split(",")
    if len(names) != len(before):
        raise click.UsageError(f"--hosts: a host for each of {len(before)} nodes, not {len(names)}")
    pairs = zip(before, names, strict=True)
    return _apart(NodeAddress(old.node, *_place(name, old.port)) for old, name in pairs)


def _apart(found: Iterable[NodeAddress]) -> tuple[NodeAddress, ...]:
    """These addresses. Raises `click.UsageError` if they can't be those of one cluster."""
    found = tuple(found)
    _require_reachable([address.host for address in found])
    try:
        require_apart(found)
    except ValueError as error:
        raise click.UsageError(f"--hosts: {error}; HOST:PORT gives each its own port") from error
    return found


def address_of(node: NodeId, host: str, port: int) -> NodeAddress:
    """A node's address, from the values of `--host` and `--port`.

    Raises `click.UsageError` for a host that can't be, as `addresses`.
    """
    try:
        return NodeAddress(node, *_place(host, port))
    except click.UsageError as error:
        raise click.UsageError(error.message.replace("--hosts", "--host")) from error


def is_loopback(host: str) -> bool:
    """Whether a host means the machine that asks, to whomever it is named."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") in ("localhost", "ip6-localhost")


def _on_this_machine(count: int, port: int) -> tuple[NodeAddress, ...]:
    if port + count - 1 > 65535:
        raise click.UsageError(f"there are no {count} ports from {port} on")
    return tuple(NodeAddress(node, LOCALHOST, port + node - 1) for node in range(1, count + 1))


def _place(text: str, port: int) -> tuple[str, int]:
    """A host and a port, from `host`, `host:port`, `::1`, `[::1]` or `[::1]:port`."""
    text = text.strip()
    if "/" in text:
        raise _wrong(text, "write the host alone, or HOST:PORT, without anything before or after")
    match = re.fullmatch(r"\[([^\[\]]*)\](?::([0-9]+))?", text)
    if match is not None:
        return _address(match[1], 6, text), _port(match[2], port, text)
    if text.count(":") > 1:
        return _address(text, 6, text), port
    name, colon, number = text.partition(":")
    if colon and not re.fullmatch(r"[0-9]+", number):
        raise _wrong(text, "after a colon stands a port")
    return _host(name, text), _port(number, port, text)


def _port(number: str | None, port: int, text: str) -> int:
    if not number:
        return port
    if not 1 <= int(number) <= 65535:
        raise _wrong(text, "a port is 1 to 65535")
    return int(number)


def _host(name: str, text: str) -> str:
    """A host as certificates and sockets name it: an IPv4 address, or a name in ASCII."""
    if re.fullmatch(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?", name, re.IGNORECASE):
        return _address(name, 4, text)
    ascii_name = ""
    with suppress(UnicodeError):
        ascii_name = name.encode("idna").decode()
    labels = ascii_name.removesuffix(".").split(".")
    if len(ascii_name) > _NAME_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise _wrong(text, "write names or addresses with commas between them")
    return ascii_name


def _address(name: str, version: int, text: str) -> str:
    try:
        found = ipaddress.ip_address(name)
        is_one = found.version == version
    except ValueError:
        is_one = False
    if not is_one:
        raise click.UsageError(f"--hosts: {text!r} is no IPv{version} address")
    if found.is_unspecified or found.is_multicast or str(found) == "255.255.255.255":
        raise _wrong(text, "write the address at which the other nodes reach this one")
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id is not None:
        raise _wrong(text, "what follows the % means something on one machine only")
    return str(found)


def _require_reachable(hosts: list[str]) -> None:
    """Raises `click.UsageError` if some hosts, but not all, mean the machine that asks."""
    own = [host for host in hosts if is_loopback(host)]
    if own and len(own) < len(hosts):
        raise click.UsageError(
            f"--hosts: no other machine reaches {own[0]}: write the address at which they do"
        )


def _wrong(text: str, remedy: str) -> click.UsageError:
    if not text:
        return click.UsageError("--hosts: a host's name is missing before, after or between commas")
    return click.UsageError(f"--hosts: {text!r} is no host's name: {remedy}")
