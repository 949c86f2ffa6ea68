"""The tour's beats: which node plays which part, what to type, and what that shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benmo.demo.phrases import listed
from benmo.demo.tour.explanations import (
    all_alike,
    explain_agreement,
    explain_duel,
    explain_healing,
    how_many_are_left,
    last_decided,
)
from benmo.demo.tour.scene import Scene
from benmo.demo.tour.tour import Beat
from benmo.errors import Refused
from benmo.paxos.types import NodeId
from benmo.wording import many

NODES_MIN = 3
MONEY = 10
"""The money that the payer needs: for the tour's transfers, and to repeat some of them."""

_DELAY_MS = 300


@dataclass(frozen=True, slots=True)
class Cast:
    """The parts that nodes play: the payer is in the minority, the payee in the majority."""

    payer: NodeId
    payee: NodeId
    minority: tuple[NodeId, ...]
    majority: tuple[NodeId, ...]

    @property
    def everyone(self) -> tuple[NodeId, ...]:
        return tuple(sorted((*self.minority, *self.majority)))

    @property
    def nodes(self) -> int:
        return len(self.everyone)

    @property
    def quorum(self) -> int:
        return self.nodes // 2 + 1

    @property
    def victim(self) -> NodeId:
        """The node that crashes first."""
        return next(node for node in reversed(self.majority) if node != self.payee)

    @property
    def survivors(self) -> tuple[NodeId, ...]:
        """The nodes that are left after the first crash."""
        return tuple(node for node in self.everyone if node != self.victim)

    @property
    def other_victims(self) -> tuple[NodeId, ...]:
        """The nodes without which, after the first crash, no majority is left."""
        return tuple(node for node in self.majority if node != self.victim)

    @property
    def friend(self) -> NodeId:
        """The node that is paid while the payee is out of reach; in the minority, if possible."""
        others = [node for node in (*self.minority, *self.majority) if node != self.payer]
        return others[0]

    @property
    def neighbour(self) -> NodeId:
        """The node that the payee pays."""
        return next(node for node in self.majority if node != self.payee)


def cast(available: Mapping[NodeId, int]) -> Cast:
    """Give out the parts; `available` is how much each node can spend. Raises `Refused`."""
    nodes = tuple(available)
    if len(nodes) < NODES_MIN:
        raise Refused(f"the tour needs {NODES_MIN} nodes: --fresh --nodes 5")
    payer = next((node for node in nodes if available[node] >= MONEY), None)
    if payer is None:
        raise Refused(f"the tour needs a node that has {MONEY} to spend: --fresh starts anew")
    others = [node for node in nodes if node != payer]
    strength = len(nodes) // 2 + 1
    minority = tuple(sorted((payer, *others[: len(nodes) - strength - 1])))
    majority = tuple(node for node in nodes if node not in minority)
    return Cast(payer, majority[0], minority, majority)


def walk(parts: Cast) -> list[Beat]:
    """All beats of the tour, in order."""
    return [
        *_agreement(parts),
        *_crash(parts),
        *_lost_majority(parts),
        *_recovery(parts),
        *_partition(parts),
        *_duel(parts),
    ]


def _agreement(parts: Cast) -> list[Beat]:
    return [
        Beat(
            f"1 of 6: agreement. {parts.nodes} processes with a disk each, and none has the "
            f"last word. A block of transfers is decided once {parts.quorum} of {parts.nodes} "
            f"nodes have accepted it. Node {parts.payer} pays 5 to node {parts.payee}.",
            _pay(parts.payer, parts.payee, 5),
            lambda scene: _is_decided(scene, parts),
            explain_agreement,
            needs=parts.everyone,
        )
    ]


def _crash(parts: Cast) -> list[Beat]:
    return [
        Beat(
            "2 of 6: a crash. SIGKILL ends a node at once, whatever it is doing.",
            f"kill {parts.victim}",
            lambda scene: _are_gone(scene, (parts.victim,), scene.answering),
            lambda scene: [how_many_are_left(scene)],
            needs=parts.survivors,
        ),
        Beat(
            "Does it go on?",
            _pay(parts.payer, parts.payee),
            lambda scene: (
                scene.queue(parts.payer) == 0 and scene.are_level(scene.answering, scene.top_before)
            ),
            lambda scene: [
                f"{last_decided(scene)} Node {parts.victim} missed it: a majority was enough."
            ],
            needs=parts.survivors,
        ),
    ]


def _lost_majority(parts: Cast) -> list[Beat]:
    return [
        Beat(
            f"3 of 6: a lost majority. It takes {parts.quorum} of {parts.nodes}: without "
            f"{many(parts.other_victims)} there are fewer.",
            f"kill {listed(parts.other_victims)}",
            lambda scene: _are_gone(scene, parts.other_victims, parts.minority),
            lambda _: [],
            needs=parts.minority,
        ),
        Beat(
            "Does it still go on?",
            _pay(parts.payer, parts.friend),
            lambda scene: _waits_without_quorum(scene, parts.payer),
            lambda scene: [
                f"Queued, not decided: node {parts.payer} reaches {scene.reached_by(parts.payer)} "
                f"of {parts.nodes}, and needs {parts.quorum}. The transfer is on its disk, and "
                f"waits. The nodes that are gone may have decided blocks that node "
                f"{parts.payer} can't know of: to go on without them could make two chains."
            ],
            needs=parts.minority,
        ),
    ]


def _recovery(parts: Cast) -> list[Beat]:
    gone = sorted((parts.victim, *parts.other_victims))
    return [
        Beat(
            "4 of 6: recovery. Each node starts from what its own disk says.",
            f"restart {listed(gone)}",
            lambda scene: _is_decided(scene, parts),
            lambda scene: [
                f"Node {parts.victim} came back at height {scene.height_before(parts.victim)}, and "
                f"fetched what it had missed. With a majority up, the transfer was decided. "
                f"{last_decided(scene)}",
                all_alike(scene),
            ],
            needs=parts.minority,
        )
    ]


def _partition(parts: Cast) -> list[Beat]:
    return [
        Beat(
            "5 of 6: a partition. All nodes are up, but the two sides can't hear each other.",
            f"partition {listed(parts.minority)} | {listed(parts.majority)}",
            lambda scene: _is_split(scene, parts),
            lambda _: [],
            needs=parts.everyone,
        ),
        Beat(
            f"First the smaller side, {many(parts.minority)}.",
            _pay(parts.payer, parts.friend),
            lambda scene: _waits_without_quorum(scene, parts.payer),
            lambda scene: [
                f"Queued: node {parts.payer} reaches {scene.reached_by(parts.payer)} of "
                f"{parts.nodes}. It can't tell a cut from a crash, and need not."
            ],
            needs=parts.minority,
        ),
        Beat(
            f"Now the larger side, {many(parts.majority)}.",
            _pay(parts.payee, parts.neighbour),
            lambda scene: (
                scene.queue(parts.payee) == 0 and scene.are_level(parts.majority, scene.top_before)
            ),
            lambda scene: [
                f"{last_decided(scene)} On the other side, node {parts.payer} is still at height "
                f"{scene.height(parts.payer)}."
            ],
            needs=parts.majority,
        ),
        Beat(
            "Now mend the links. What will become of the transfer that waits?",
            "heal",
            lambda scene: _is_decided(scene, parts),
            lambda scene: [explain_healing(scene, parts.payer), all_alike(scene)],
            needs=parts.everyone,
        ),
    ]


def _duel(parts: Cast) -> list[Beat]:
    return [
        Beat(
            "6 of 6: two leaders that duel. Slow every link down first, so that you can watch.",
            f"slow all all {_DELAY_MS}",
            lambda scene: bool(scene.fleet.links.delays_ms),
            lambda _: [],
        ),
        Beat(
            "Two nodes with something to propose may want to lead at the same moment: that is "
            "rare, since election delays are random, but nothing forbids it.",
            f"duel {parts.payer} {parts.payee}",
            lambda scene: _is_fought_out(scene, parts),
            explain_duel,
            needs=parts.everyone,
        ),
        Beat(
            "Let the links be fast again.",
            "heal",
            lambda scene: scene.fleet.links.is_whole,
            lambda _: [
                "That was the tour: whatever happened, there was one chain. all printBlockchain "
                "shows it, help lists what else there is to try, Ctrl-D stops the nodes."
            ],
        ),
    ]


# Whether a command has had its effect.


def _is_decided(scene: Scene, parts: Cast) -> bool:
    """Whether all nodes are level, higher than at the mark, and nothing waits at the payer."""
    return scene.queue(parts.payer) == 0 and scene.are_level(scene.everyone, scene.top_before)


def _are_gone(scene: Scene, gone: Sequence[NodeId], left: Sequence[NodeId]) -> bool:
    is_down = all(not scene.fleet.is_running(node) for node in gone)
    return is_down and not any(scene.reaches(node, gone) for node in left)


def _waits_without_quorum(scene: Scene, node: NodeId) -> bool:
    return bool(scene.queue(node)) and scene.has_quorum(node) is False


def _is_split(scene: Scene, parts: Cast) -> bool:
    is_cut = not any(scene.reaches(node, parts.majority) for node in parts.minority)
    return is_cut and scene.has_quorum(parts.payer) is False and bool(scene.has_quorum(parts.payee))


def _is_fought_out(scene: Scene, parts: Cast) -> bool:
    """Whether both nodes were made to campaign, and what they had queued is decided."""
    both = (parts.payer, parts.payee)
    return (
        all(scene.was_hurried(node) and scene.queue(node) == 0 for node in both)
        and scene.are_level(scene.everyone, scene.top_before)
        and all(map(scene.is_done, both))
    )


# Words.


def _pay(debit: NodeId, credit: NodeId, amount: int = 1) -> str:
    return f"{debit}> moneyTransfer {amount},{debit},{credit}"
