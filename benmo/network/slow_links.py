"""Says what slowed links mean for the protocol's time limits."""

from __future__ import annotations

from collections.abc import Mapping

from benmo.paxos.membership import Membership
from benmo.paxos.round_limit import limit_max_s
from benmo.paxos.types import NodeId, Settings


def what_slow_links_mean(
    settings: Settings,
    membership: Membership,
    delays_ms: Mapping[NodeId, int],
    is_both_ways: bool = True,
) -> list[str]:
    """Say what the delays of a node's links, by peer, mean for the node: sentences, perhaps none.

    Unless `is_both_ways`, only what the node sends is late, and not what it is sent.
    """
    said = []
    ways = 2 if is_both_ways else 1
    answer_s = ways * _delay_s(membership, settings.node, delays_ms)
    if answer_s >= limit_max_s(settings):
        said.append(
            f"answers take {answer_s:g} s, and a round {limit_max_s(settings):g} s at most: "
            f"nothing is decided over such links"
        )
    elif answer_s >= settings.round_timeout_s:
        said.append(
            f"answers take {answer_s:g} s, and a round {settings.round_timeout_s:g} s at first: "
            f"ballots are given up until a node has seen how long answers take"
        )
    longest_s = max(delays_ms.values(), default=0) / 1000
    if longest_s > settings.silence_s:
        gone = "nodes seem" if is_both_ways else "this node seems"
        said.append(f"for the first {longest_s:g} s nothing arrives, so {gone} to be gone")
    return said


def _delay_s(membership: Membership, node: NodeId, delays_ms: Mapping[NodeId, int]) -> float:
    """The delay within which a node reaches a quorum: the fastest of its peers suffice."""
    each_s = sorted(delays_ms.get(peer, 0) / 1000 for peer in membership.peers(node))
    return max(each_s[: membership.quorum - 1], default=0.0)
