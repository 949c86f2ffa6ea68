"""The nodes' addresses, as `--hosts`, `--port` and `--nodes` name them."""

from __future__ import annotations

import click

from benmo.cluster import NodeAddress

LOCALHOST = "127.0.0.1"


def addresses(nodes: int, port: int, hosts: str = "") -> tuple[NodeAddress, ...]:
    """The address of each node: on a host of its own, or at a port of its own on this machine.

    Raises `click.UsageError` for a number of nodes, a port or a host that can't be.
    """
    names = [name.strip() for name in hosts.split(",") if name.strip()]
    count = len(names) or nodes
    if count % 2 == 0:
        raise click.UsageError(f"a cluster has an odd number of nodes, not {count}")
    if names and nodes not in (count, 5):
        raise click.UsageError(f"--nodes says {nodes}, but --hosts names {count}")
    for name in names:
        _require_host(name)
    if not names and port + count - 1 > 65535:
        raise click.UsageError(f"there are no {count} ports from {port} on")
    return tuple(
        NodeAddress(node, names[node - 1], port)
        if names
        else NodeAddress(node, LOCALHOST, port + node - 1)
        for node in range(1, count + 1)
    )


def _require_host(name: str) -> None:
    try:
        name.encode("idna")
    except UnicodeError as error:
        raise click.UsageError(f"--hosts: {name!r} is no host's name: {error}") from error
