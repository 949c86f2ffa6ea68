"""The command `tour`: begins the tour, with every node up and every link whole, or stops it."""

from __future__ import annotations

from benmo.commands.answers import Answer, Status
from benmo.commands.arguments import Misused
from benmo.demo.board import Board
from benmo.demo.node_threads import at_once
from benmo.demo.phrases import has_or_have, is_or_are
from benmo.demo.stage import Stage
from benmo.demo.tour.beats import walk
from benmo.demo.tour.cast import cast
from benmo.demo.tour.tour import Tour
from benmo.errors import Refused
from benmo.paxos.types import NodeId
from benmo.wording import many

_LONG_DELAY_S = 10.0


def tour(stage: Stage, text: str) -> Answer:
    if text.lower() not in ("", "stop"):
        raise Misused(f"it takes nothing, or stop, not {text}")
    was_on = stage.tour is not None and not stage.tour.is_over
    if stage.tour is not None:
        stage.tour.stop()
        stage.tour = None
    if text:
        return Answer(Status.DONE, {"tour": "stopped"}, "the tour is over" if was_on else "no tour")
    if stage.board is None:
        raise Refused("the tour needs a terminal, and answers as tables")
    return _begin(stage, stage.board)


def _begin(stage: Stage, board: Board) -> Answer:
    mended = _bring_everything_back(stage)
    beats = walk(cast(_available(stage)), stage.fleet.cluster.settings.tenure)
    stage.tour = Tour(stage.fleet, _opening(stage), beats, board)
    stage.tour.start()
    return Answer(Status.DONE, {"mended": mended} if mended else None, mended)


def _opening(stage: Stage) -> str:
    delay_s = stage.fleet.cluster.settings.election_delay_s[1]
    slow = (
        f" Election delays go up to {delay_s:g} s here: --election-delay 2-6 is quicker."
        if delay_s > _LONG_DELAY_S
        else ""
    )
    return (
        "A walk of about five minutes. Type each command that it names, or press Enter on the "
        "empty line to have it typed. All other commands work, too; tour stop ends the tour."
        f"{slow}"
    )


def _bring_everything_back(stage: Stage) -> str:
    """Start and wake all nodes, mend all links; returns in words what there was to do."""
    fleet = stage.fleet
    lost = [node for node in fleet.nodes if fleet.state_of(node) == "lost"]
    if lost:
        raise Refused(f"{many(lost)} {has_or_have(lost)} lost the disk: replace {lost[0]} first")
    paused = [node for node in fleet.nodes if fleet.is_paused(node)]
    fleet.resume(paused)
    down = [node for node in fleet.nodes if not fleet.is_running(node)]
    fleet.restart(down)
    done = []
    if woken := [*paused, *down]:
        done.append(f"{many(woken)} {is_or_are(woken)} up again")
    if not fleet.links.is_whole:
        done.append("every link is whole again")
    fleet.link_keeper.heal()
    fleet.until_quorum()
    return f"for the tour, {' and '.join(done)}" if done else ""


def _available(stage: Stage) -> dict[NodeId, int]:
    """Tell how much each node can spend: its balance less what waits in its queue."""
    balances = at_once(lambda node: stage.fleet.value(node, "printBalance"), stage.fleet.nodes)
    return {
        node: balance["available"] if isinstance(balance, dict) else 0
        for node, balance in balances.items()
    }
