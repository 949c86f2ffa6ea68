"""The tour's beats: which node plays which part, what to type, and what that shows."""

from __future__ import annotations

from benmo.demo.phrases import has_or_have, listed
from benmo.demo.tour.cast import Cast
from benmo.demo.tour.effects import (
    are_gone,
    are_level_again,
    is_alone,
    is_decided,
    is_fought_out,
    is_split,
    is_taken_over,
    waits_without_quorum,
)
from benmo.demo.tour.explanations import (
    all_alike,
    explain_agreement,
    explain_duel,
    explain_half_way,
    explain_healing,
    explain_lost_disk,
    explain_replacement,
    explain_taking_over,
    explain_why_kept_down,
    how_many_are_left,
    last_decided,
)
from benmo.demo.tour.tour import Beat
from benmo.paxos.types import NodeId, Tenure
from benmo.wording import many

_DELAY_MS = 300
_LATE_VOTE_MS = 700
"""The delay of the witness's answers: a round trip is shorter than the time limit of a round."""


def walk(parts: Cast, tenure: Tenure) -> list[Beat]:
    """All beats of the tour, in order.

    The leader that dies half-way is left out in tenure `stable`: there a leader, often the witness,
    stands ready to propose what the payer has queued.
    """
    scenes = [_agreement, _crash, _lost_majority, _recovery, _partition]
    scenes += [_taking_over, _lost_disk, _duel]
    if tenure is Tenure.STABLE:
        scenes.remove(_taking_over)
    return [
        beat
        for number, scene in enumerate(scenes, 1)
        for beat in scene(parts, f"{number} of {len(scenes)}")
    ]


def _agreement(parts: Cast, number: str) -> list[Beat]:
    return [
        Beat(
            f"{number}: agreement. {parts.nodes} processes with a disk each, and none has the "
            f"last word. A block of transfers is decided once {parts.quorum} of {parts.nodes} "
            f"nodes have accepted it. Node {parts.payer} pays 5 to node {parts.payee}.",
            _pay(parts.payer, parts.payee, 5),
            lambda scene: is_decided(scene, parts),
            explain_agreement,
            needs=parts.everyone,
        )
    ]


def _crash(parts: Cast, number: str) -> list[Beat]:
    return [
        Beat(
            f"{number}: a crash. SIGKILL ends a node at once, whatever it is doing.",
            f"kill {parts.victim}",
            lambda scene: are_gone(scene, (parts.victim,), scene.answering),
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


def _lost_majority(parts: Cast, number: str) -> list[Beat]:
    return [
        Beat(
            f"{number}: a lost majority. It takes {parts.quorum} of {parts.nodes}: without "
            f"{many(parts.other_victims)} there are fewer.",
            f"kill {listed(parts.other_victims)}",
            lambda scene: are_gone(scene, parts.other_victims, parts.minority),
            lambda _: [],
            needs=parts.minority,
        ),
        Beat(
            "Does it still go on?",
            _pay(parts.payer, parts.friend),
            lambda scene: waits_without_quorum(scene, parts.payer),
            lambda scene: [
                f"Queued, not decided: node {parts.payer} reaches {scene.reached_by(parts.payer)} "
                f"of {parts.nodes}, and needs {parts.quorum}. The transfer is on its disk, and "
                f"waits. The nodes that are gone may have decided blocks that node "
                f"{parts.payer} can't know of: to go on without them could make two chains."
            ],
            needs=parts.minority,
        ),
    ]


def _recovery(parts: Cast, number: str) -> list[Beat]:
    gone = sorted((parts.victim, *parts.other_victims))
    return [
        Beat(
            f"{number}: recovery. Each node starts from what its own disk says.",
            f"restart {listed(gone)}",
            lambda scene: is_decided(scene, parts),
            lambda scene: [
                f"Node {parts.victim} came back at height {scene.height_before(parts.victim)}, and "
                f"fetched what it had missed. With a majority up, the transfer was decided. "
                f"{last_decided(scene)}",
                all_alike(scene),
            ],
            needs=parts.minority,
        )
    ]


def _partition(parts: Cast, number: str) -> list[Beat]:
    return [
        Beat(
            f"{number}: a partition. All nodes are up, but the two sides can't hear each other.",
            f"partition {listed(parts.minority)} | {listed(parts.majority)}",
            lambda scene: is_split(scene, parts),
            lambda _: [],
            needs=parts.everyone,
        ),
        Beat(
            f"First the smaller side, {many(parts.minority)}.",
            _pay(parts.payer, parts.friend),
            lambda scene: waits_without_quorum(scene, parts.payer),
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
            lambda scene: is_decided(scene, parts),
            lambda scene: [explain_healing(scene, parts.payer), all_alike(scene)],
            needs=parts.everyone,
        ),
    ]


def _taking_over(parts: Cast, number: str) -> list[Beat]:
    dead, witness = parts.payer, parts.payee
    return [
        Beat(
            f"{number}: a leader that dies half-way. Let only {many(parts.circle)} hear one "
            f"another: for a majority, the vote of each is needed.",
            f"partition {listed(parts.circle)} | {listed(parts.outside)}",
            lambda scene: is_alone(scene, parts),
            lambda _: [],
            needs=parts.everyone,
        ),
        Beat(
            f"Let node {witness} hear and answer late: so there is a moment in which a majority "
            f"has accepted a block, and no node knows.",
            f"slow {witness} all {_LATE_VOTE_MS}",
            lambda scene: bool(scene.fleet.links.delays_ms),
            lambda _: [],
        ),
        Beat(
            f"In that moment the leader is to die: node {dead} is killed as soon as node {witness} "
            f"has accepted its block.",
            f"ambush {dead} {witness}",
            lambda scene: are_gone(scene, (dead,), ()),
            lambda scene: explain_half_way(scene, dead),
            needs=parts.circle,
        ),
        Beat(
            f"Mend the links: {many(parts.heirs)} are a majority. May the next leader propose "
            f"what it likes for that slot?",
            "heal",
            lambda scene: is_taken_over(scene, parts.heirs),
            lambda scene: explain_taking_over(scene, dead),
            needs=parts.heirs,
        ),
        Beat(
            f"And node {dead}? It has its block on disk, and doesn't know what became of it.",
            f"restart {dead}",
            lambda scene: are_level_again(scene, scene.everyone),
            lambda scene: [all_alike(scene)],
            needs=parts.heirs,
        ),
    ]


def _lost_disk(parts: Cast, number: str) -> list[Beat]:
    lost = parts.payee
    left = tuple(node for node in parts.everyone if node != lost)
    return [
        Beat(
            f"{number}: a lost disk. First a payment that only a bare majority shall know of, "
            f"{many(parts.circle)}.",
            f"partition {listed(parts.circle)} | {listed(parts.outside)}",
            lambda scene: is_alone(scene, parts),
            lambda _: [],
            needs=parts.everyone,
        ),
        Beat(
            f"Node {parts.payer} pays node {lost}.",
            _pay(parts.payer, lost),
            lambda scene: (
                scene.queue(parts.payer) == 0 and scene.are_level(parts.circle, scene.top_before)
            ),
            lambda scene: [
                f"{last_decided(scene)} {many(parts.outside).capitalize()} "
                f"{has_or_have(parts.outside)} not heard of it."
            ],
            needs=parts.circle,
        ),
        Beat(
            f"Now node {lost} is killed, and its disk is wiped.",
            f"lose {lost}",
            lambda scene: (
                scene.fleet.state_of(lost) == "lost" and not scene.reaches(parts.payer, (lost,))
            ),
            lambda scene: explain_lost_disk(scene, parts),
            needs=parts.circle,
        ),
        Beat(
            "Why may it not just start again, empty, and fetch what it lacks?",
            f"restart {lost}",
            lambda scene: scene.was_kept_down(lost),
            lambda scene: explain_why_kept_down(scene, parts),
        ),
        Beat(
            f"So node {lost} stays down. Mend the links: {many(left)} go on without it.",
            "heal",
            lambda scene: scene.fleet.links.is_whole and are_level_again(scene, left),
            lambda _: [],
            needs=left,
        ),
        Beat(
            f"Now let them decide, as they decide on payments, that an empty disk with a new "
            f"identity takes node {lost}'s place.",
            f"replace {lost}",
            lambda scene: scene.are_level(scene.everyone, scene.top_before),
            lambda scene: explain_replacement(scene, lost),
            needs=left,
        ),
    ]


def _duel(parts: Cast, number: str) -> list[Beat]:
    return [
        Beat(
            f"{number}: two leaders that duel. Slow every link down first, so that you can watch.",
            f"slow all all {_DELAY_MS}",
            lambda scene: bool(scene.fleet.links.delays_ms),
            lambda _: [],
        ),
        Beat(
            "Two nodes with something to propose may want to lead at the same moment: that is "
            "rare, since election delays are random, but nothing forbids it.",
            f"duel {parts.payer} {parts.payee}",
            lambda scene: is_fought_out(scene, parts),
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


def _pay(debit: NodeId, credit: NodeId, amount: int = 1) -> str:
    return f"{debit}> moneyTransfer {amount},{debit},{credit}"
