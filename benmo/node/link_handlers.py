"""The handlers of the commands that sever, restore and delay a node's links."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.commands.answers import Answer, Status
from benmo.commands.arguments import integer, misused
from benmo.errors import Refused
from benmo.network.link import Link
from benmo.node.service import Service
from benmo.paxos.types import NodeId

DELAY_MS_MAX = 60_000


async def sever_link(service: Service, arguments: Sequence[str]) -> Answer:
    flags = [argument for argument in arguments if argument.startswith("--")]
    numbers = [argument for argument in arguments if not argument.startswith("--")]
    if len(numbers) != 1 or flags not in ([], ["--one-way"]):
        misused("it takes one node, and perhaps --one-way")
    peer = integer(numbers[0], "node")
    _require_peer(service, peer)
    service.sever(peer, one_way=bool(flags))
    how = "this node sends nothing to it" if flags else "nothing is sent to it or taken from it"
    return Answer(
        Status.DONE,
        {"node": peer, "link": str(Link.SEVERED), "one_way": bool(flags)},
        f"the link to node {peer} is severed: {how}",
    )


async def restore_link(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) != 1:
        misused("it takes one node, or all")
    if arguments[0].lower() == "all":
        peers = service.view.severed()
    else:
        peers = [integer(arguments[0], "node")]
        _require_peer(service, peers[0])
        if peers[0] not in service.view.severed():
            raise Refused(f"the link to node {peers[0]} is not severed here")
    for peer in peers:
        service.restore(peer)
    restored = ", ".join(f"node {peer}" for peer in peers)
    text = f"restored the link to {restored}" if peers else "no link is severed here"
    return Answer(Status.DONE, {"restored": peers}, text)


async def delay_link(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) != 2:
        misused("it takes a node and milliseconds")
    peer, delay_ms = integer(arguments[0], "node"), integer(arguments[1], "delay")
    _require_peer(service, peer)
    if not 0 <= delay_ms <= DELAY_MS_MAX:
        raise Refused(f"a delay is from 0 to {DELAY_MS_MAX} milliseconds, not {delay_ms}")
    service.delay(peer, delay_ms / 1000)
    how = f"{delay_ms} ms late" if delay_ms else "without delay"
    said = [f"this node sends to node {peer} {how}", *service.view.what_delays_mean()]
    return Answer(Status.DONE, {"node": peer, "delay_ms": delay_ms}, "\n".join(said))


def _require_peer(service: Service, node: NodeId) -> None:
    """Raise `Refused` unless `node` is one of the other nodes."""
    if node == service.view.node:
        raise Refused(f"this is node {node}: it has no link to itself")
    if node not in service.view.nodes:
        raise Refused(f"there is no node {node}: the others are {_listed(service)}")


def _listed(service: Service) -> str:
    return ", ".join(map(str, service.view.peers))
