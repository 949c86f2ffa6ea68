"""Carries out `partition`, `cut`, `slow` and `heal`: the commands that change links."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.commands.answers import Answer, Status
from benmo.commands.arguments import Misused, split_arguments
from benmo.demo.links import Pair, links_named, pairs_between, read_groups, read_nodes
from benmo.demo.phrases import is_or_are
from benmo.demo.stage import Stage
from benmo.errors import NotUnderstood, Refused
from benmo.network.slow_links import what_slow_links_mean
from benmo.paxos.types import NodeId
from benmo.quorum import quorum_of
from benmo.wording import many

DELAY_MS_MAX = 60_000
ONE_WAY = "--one-way"


def partition(stage: Stage, text: str) -> Answer:
    if not text:
        raise Misused("it takes the nodes of each side")
    groups = read_groups(text, stage.fleet.nodes)
    stage.fleet.link_keeper.partition(groups)
    quorum = quorum_of(len(stage.fleet.nodes))
    shown = stage.fleet.links.shown()
    return Answer(
        Status.DONE,
        {"groups": [list(group) for group in groups]},
        f"cut: {shown}; a majority is {quorum}, so {_who_can_decide(stage, groups, quorum)}",
    )


def _who_can_decide(stage: Stage, groups: Sequence[Sequence[NodeId]], quorum: int) -> str:
    strong = next((group for group in groups if len(group) >= quorum), ())
    silent = [node for node in strong if stage.fleet.why_silent(node)]
    up = [node for node in strong if node not in silent]
    if len(up) >= quorum:
        return f"only {many(up)} can decide"
    why = f" while {many(silent)} {is_or_are(silent)} down or paused" if silent else ""
    return f"no side can decide anything{why}"


def cut(stage: Stage, text: str) -> Answer:
    words = split_arguments(text)
    is_one_way = words[2:] == [ONE_WAY]
    if len(words) != 2 + is_one_way:
        raise Misused(f"it takes two nodes, and perhaps {ONE_WAY}")
    senders, hearers = (read_nodes(word, stage.fleet.nodes) for word in words[:2])
    pairs = _links_between(stage, senders, hearers)
    said = f"{links_named(pairs, stage.fleet.nodes)} is cut"
    ways = {(a, b) for a in senders for b in hearers if a != b}
    if is_one_way:
        said = _what_is_not_heard(ways)
    else:
        ways |= {(b, a) for a, b in ways}
    stage.fleet.link_keeper.cut(ways)
    value = {"cut": [list(way) for way in sorted(ways)]}
    return Answer(Status.DONE, value, f"{said}; {_who_can_lead(stage)}")


def _what_is_not_heard(ways: set[Pair]) -> str:
    senders, hearers = (sorted({way[end] for way in ways}) for end in (0, 1))
    send = "sends" if len(senders) == 1 else "send"
    return f"what {many(senders)} {send} to {many(hearers)} is cut, and nothing else"


def _who_can_lead(stage: Stage) -> str:
    """Say which nodes reach a majority: a leader must be heard by it, and hear its answers."""
    fleet = stage.fleet
    count = len(fleet.nodes)
    quorum = quorum_of(count)
    up = set(filter(fleet.is_answering, fleet.nodes))
    able = [node for node in sorted(up) if len(up & {*fleet.links.connected_to(node)}) >= quorum]
    if not able:
        return f"no node reaches {quorum} of {count} both ways, so none can decide anything"
    if len(able) == len(up):
        return f"each node that is up still reaches {quorum} of {count} both ways, and can lead"
    reach = "reaches" if len(able) == 1 else "reach"
    return f"only {many(able)} {reach} {quorum} of {count} both ways, and can lead"


def heal(stage: Stage, text: str) -> Answer:
    words = split_arguments(text)
    if words:
        return _mend(stage, words)
    stage.fleet.link_keeper.heal()
    value = {"groups": [list(stage.fleet.nodes)]}
    text = "every link is whole, and as fast as it can be"
    if not any(map(stage.fleet.is_running, stage.fleet.nodes)):
        text = "no node is running: every link will be whole when nodes run again. restart all"
    return Answer(Status.DONE, value, text)


def _mend(stage: Stage, words: Sequence[str]) -> Answer:
    if len(words) != 2:
        raise Misused("it takes two nodes, or nothing for every link")
    pairs = _links_between(stage, *(read_nodes(word, stage.fleet.nodes) for word in words))
    stage.fleet.link_keeper.mend(pairs)
    said = f"{links_named(pairs, stage.fleet.nodes)} is whole, and as fast as it can be"
    return Answer(Status.DONE, {"healed": [list(pair) for pair in pairs]}, said)


def slow(stage: Stage, text: str) -> Answer:
    words = split_arguments(text)
    if len(words) != 3:
        raise Misused("it takes two nodes and a time in milliseconds")
    pairs = _links_between(stage, *(read_nodes(word, stage.fleet.nodes) for word in words[:2]))
    delay_ms = _delay_ms(words[2])
    stage.fleet.link_keeper.slow(pairs, delay_ms)
    how = f"takes {delay_ms} ms, each way" if delay_ms else "is as fast as it can be"
    links = links_named(pairs, stage.fleet.nodes)
    value = {"links": [list(pair) for pair in pairs], "milliseconds": delay_ms}
    return Answer(Status.DONE, value, "\n".join([f"{links} {how}", *_what_delays_mean(stage)]))


def _links_between(stage: Stage, one: Sequence[NodeId], other: Sequence[NodeId]) -> list[Pair]:
    """The links between these. Raises `Refused` if there is none."""
    pairs = pairs_between(one, other)
    if not pairs:
        raise Refused(f"node {one[0]} has no link to itself")
    return pairs


def _what_delays_mean(stage: Stage) -> list[str]:
    """Say what the delays mean, each sentence once, with the nodes that it is about."""
    about: dict[str, list[NodeId]] = {}
    for node in stage.fleet.nodes:
        cluster, delays_ms = stage.fleet.cluster, stage.fleet.links.delays_of(node)
        settings = cluster.protocol_settings(node, cluster.founder(node))
        for said in what_slow_links_mean(settings, cluster.founders, delays_ms):
            about.setdefault(said, []).append(node)
    everyone = len(stage.fleet.nodes)
    return [
        f"at {'every node' if len(nodes) == everyone else many(nodes)}, {said}"
        for said, nodes in about.items()
    ]


def _delay_ms(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word[:9]) <= DELAY_MS_MAX):
        raise NotUnderstood(
            f"a delay is a whole number of milliseconds up to {DELAY_MS_MAX}, not {word[:20]!r}"
        )
    return int(word)
