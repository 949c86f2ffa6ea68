"""Whether a command of the tour has had its effect, as the nodes themselves show."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.demo.tour.cast import Cast
from benmo.demo.tour.scene import Scene
from benmo.paxos.types import NodeId


def is_decided(scene: Scene, parts: Cast) -> bool:
    """Whether all nodes are level, higher than at the mark, and nothing waits at the payer."""
    return scene.queue(parts.payer) == 0 and scene.are_level(scene.everyone, scene.top_before)


def are_gone(scene: Scene, gone: Sequence[NodeId], left: Sequence[NodeId]) -> bool:
    is_down = all(not scene.fleet.is_running(node) for node in gone)
    return is_down and not any(scene.reaches(node, gone) for node in left)


def waits_without_quorum(scene: Scene, node: NodeId) -> bool:
    return bool(scene.queue(node)) and scene.has_quorum(node) is False


def is_split(scene: Scene, parts: Cast) -> bool:
    is_cut = not any(scene.reaches(node, parts.majority) for node in parts.minority)
    return is_cut and scene.has_quorum(parts.payer) is False and bool(scene.has_quorum(parts.payee))


def is_alone(scene: Scene, parts: Cast) -> bool:
    """Whether the circle is cut off from the others, and its nodes reach one another."""
    is_cut = not any(scene.reaches(node, parts.outside) for node in parts.circle)
    return is_cut and all(scene.has_quorum(node) for node in parts.circle)


def is_taken_over(scene: Scene, heirs: Sequence[NodeId]) -> bool:
    """Whether the heirs are level, on whole links, and none holds an undecided block."""
    return (
        scene.fleet.links.is_whole
        and are_level_again(scene, heirs)
        and not any(map(scene.has_undecided, heirs))
        and all(map(scene.has_quorum, heirs))
    )


def are_level_again(scene: Scene, nodes: Sequence[NodeId]) -> bool:
    return scene.are_level(nodes, scene.top_before - 1)


def is_fought_out(scene: Scene, parts: Cast) -> bool:
    """Whether both nodes were made to campaign, and what they had queued is decided."""
    both = (parts.payer, parts.payee)
    return (
        all(scene.was_hurried(node) and scene.queue(node) == 0 for node in both)
        and scene.are_level(scene.everyone, scene.top_before)
        and all(map(scene.is_done, both))
    )
