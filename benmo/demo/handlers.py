"""Carries out the demo's own commands; `benmo.demo.table` has their names and arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from benmo.admin.cluster_table import DOWN, Absent, Said, cluster_table
from benmo.commands.answers import Answer, Cell, Rendered, Status
from benmo.commands.arguments import Misused, split_arguments
from benmo.commands.node_status import NodeStatus
from benmo.commands.table import is_crash, parse
from benmo.control.connection import NodeGone
from benmo.demo.links import EVERY_NODE, read_node, read_nodes
from benmo.demo.merged_answers import together
from benmo.demo.merged_chains import chains_together
from benmo.demo.node_threads import at_once
from benmo.demo.phrases import is_or_are
from benmo.demo.stage import Stage
from benmo.errors import Refused
from benmo.paxos.types import NodeId
from benmo.wording import many

_AMBUSH_S = 30.0


def use(stage: Stage, text: str) -> Answer:
    stage.selected = one_node(stage, text)
    return Answer(Status.DONE, None, "")


def ask_all(stage: Stage, text: str) -> Answer:
    """Have every node carry out a command at the same time, and merge their answers.

    The status is the worst of those nodes that could be asked, `UNKNOWN` if none could.
    """
    if not text:
        raise Misused("it takes a command")
    command, _ = parse(text)
    answers = at_once(lambda node: _ask(stage, node, text), stage.fleet.nodes)
    asked = [rendered.status for rendered in answers.values() if not rendered.leaves]
    values = {node: json.loads(rendered.output or "null") for node, rendered in answers.items()}
    answer = together(values, max(asked, default=Status.UNKNOWN))
    if answer.status is not Status.DONE:
        return answer
    if command.name == "printStatus":
        seen = cluster_table(_said_by_all(stage, values))
        return replace(answer, text=seen.text, table=seen.table)
    if command.name == "printBlockchain":
        text, table = chains_together(values, stage.decided_in)
        return replace(answer, text=text, table=table)
    return answer


def _ask(stage: Stage, node: NodeId, line: str) -> Rendered:
    """A node's answer in JSON; if `leaves` is set, the demo gave it, for a node that is silent."""
    why = stage.fleet.why_silent(node)
    if why:
        value = {"outcome": "unknown", "reason": why}
        return Answer(Status.UNKNOWN, value, why, leaves=True).rendered("json")
    try:
        return run_at(stage, node, line, "json")
    except (NodeGone, Refused) as error:
        return gone(error).rendered("json")


def gone(error: Exception) -> Answer:
    """The answer for a node that ended before it answered: the outcome is unknown."""
    reason = str(error)
    return Answer(
        Status.UNKNOWN, {"outcome": "unknown", "reason": reason}, f"outcome unknown: {reason}"
    )


def run_at(stage: Stage, node: NodeId, line: str, output_format: str) -> Rendered:
    """Have a node carry out a line; the demo stays. Raises `NodeGone` and `Refused`."""
    carry_out = stage.fleet.crash if is_crash(line) else stage.fleet.run
    rendered = carry_out(node, line, output_format)
    return Rendered(rendered.status, rendered.output, leaves=False)


def kill(stage: Stage, text: str) -> Answer:
    nodes = _some_that_run(stage, text)
    stage.fleet.kill(nodes)
    return _done("killed", nodes, "killed: memory is lost, the disk stays")


def stop(stage: Stage, text: str) -> Answer:
    nodes = _some_that_run(stage, text)
    stage.fleet.pause(nodes)
    return _done("paused", nodes, "paused until you type continue")


def resume(stage: Stage, text: str) -> Answer:
    nodes = _some_that_run(stage, text)
    awake = [node for node in nodes if not stage.fleet.is_paused(node)]
    if _means_all(text) and len(awake) < len(nodes):
        nodes = tuple(node for node in nodes if node not in awake)
    elif awake:
        raise Refused(f"{many(awake)} {is_or_are(awake)} not paused")
    stage.fleet.resume(nodes)
    return _done("continued", nodes, "awake again")


def restart(stage: Stage, text: str) -> Answer:
    nodes = _some(stage, text)
    lost = [node for node in nodes if stage.fleet.state_of(node) == "lost"]
    kept_down = stage.fleet.disks.keep_down(lost) if lost else ""
    whole = [node for node in nodes if node not in lost]
    if lost and not (whole and _means_all(text)):
        raise Refused(kept_down)
    stage.fleet.restart(whole)
    answer = _done("restarted", whole, "up again, with what was on disk")
    return replace(answer, text="\n".join(filter(None, [answer.text, kept_down])))


def duel(stage: Stage, text: str) -> Answer:
    nodes = read_nodes(text, stage.fleet.nodes)
    if len(nodes) != 2:
        raise Misused("it takes two nodes")
    first, second = nodes
    _require_running(stage, nodes)
    lines = [_something_queued(stage, first, second), _something_queued(stage, second, first)]
    stage.fleet.hurry(nodes)
    lines.append(
        f"nodes {first} and {second} want to lead at this moment: watch which one gives its ballot "
        f"up;\na node that has promised both ballots keeps to the higher one"
    )
    return Answer(Status.DONE, {"nodes": list(nodes)}, "\n".join(filter(None, lines)))


def ambush(stage: Stage, text: str) -> Answer:
    nodes = read_nodes(text, stage.fleet.nodes)
    if len(nodes) != 2:
        raise Misused("it takes two nodes")
    leader, witness = nodes
    _require_answering(stage, nodes)
    said: list[str] = []

    def prepare() -> bool:
        queued = _something_queued(stage, leader, witness)
        if queued and stage.board is not None:
            stage.board.reply(queued)  # before the notices of what it leads to
        elif queued:
            said.append(queued)
        return bool(queued)

    within_s = _AMBUSH_S + 2 * stage.fleet.cluster.settings.election_delay_s[1]
    if not stage.fleet.ambush(leader, witness, prepare, within_s):
        raise Refused(f"node {witness} has accepted nothing from node {leader} in {within_s:g} s")
    how = f"node {witness} accepted its block, and at that moment node {leader} was killed"
    return Answer(Status.DONE, {"killed": [leader]}, "\n".join([*said, how]))


def _require_answering(stage: Stage, nodes: Sequence[NodeId]) -> None:
    silent = [why for node in nodes if (why := stage.fleet.why_silent(node))]
    if silent:
        raise Refused("; ".join(silent))


def _something_queued(stage: Stage, node: NodeId, other: NodeId) -> str:
    """Queue a transfer of 1 at a node whose queue is empty; returns what to say about it.

    Raises `Refused` if the node can't pay.
    """
    if stage.fleet.value(node, "printQueue"):
        return ""
    rendered = stage.fleet.run(node, f"moneyTransfer 1,{node},{other}", "table")
    if rendered.status is not Status.DONE:
        raise Refused(f"node {node} has nothing to propose: {rendered.output}")
    return f"node {node} had nothing to propose: {rendered.output}"


def page(stage: Stage, text: str) -> Answer:
    require_no_arguments(text)
    if stage.page is None:
        raise Refused("no page is served: start the demo with --page")
    return Answer(Status.DONE, stage.page._asdict(), stage.page.text)


def quiet(stage: Stage, text: str) -> Answer:
    return _set_quiet(stage, text, True)


def loud(stage: Stage, text: str) -> Answer:
    return _set_quiet(stage, text, False)


def _set_quiet(stage: Stage, text: str, is_quiet: bool) -> Answer:
    require_no_arguments(text)
    if stage.board is not None:
        stage.board.is_quiet = is_quiet
    how = "are not shown: loud shows them" if is_quiet else "are shown"
    return Answer(Status.DONE, {"notices": not is_quiet}, f"the nodes' notices {how}")


def list_nodes(stage: Stage, text: str) -> Answer:
    require_no_arguments(text)
    fleet = stage.fleet
    said = at_once(lambda node: json.loads(_ask(stage, node, "printStatus").output), fleet.nodes)
    processes: dict[NodeId, Cell] = {
        node: fleet.process_id(node) for node in fleet.nodes if fleet.is_running(node)
    }
    seen = cluster_table(_said_by_all(stage, said), {"process": processes})
    text = "\n".join([seen.text, *fleet.links.summary()])
    return replace(seen, status=Status.DONE, text=text)


def _said_by_all(stage: Stage, values: Mapping[NodeId, object]) -> dict[NodeId, Said]:
    """Each node's status, from its answer to `printStatus`, or why there is none."""
    return {node: _said_by(stage, node, value) for node, value in values.items()}


def _said_by(stage: Stage, node: NodeId, value: object) -> Said:
    if isinstance(value, dict) and "role" in value:
        return msgspec.convert(value, NodeStatus)
    match stage.fleet.state_of(node):
        case "paused":
            return Absent("paused", "paused", is_down=False)
        case "lost":
            return Absent("lost", "its disk is lost")
        case _:
            return DOWN


def one_node(stage: Stage, text: str) -> NodeId:
    """The one node that is named. Raises `Misused`, `NotUnderstood` and `Refused`."""
    words = split_arguments(text)
    if len(words) != 1:
        raise Misused("it takes one node")
    return read_node(words[0], stage.fleet.nodes)


def _some(stage: Stage, text: str) -> tuple[NodeId, ...]:
    nodes = read_nodes(text, stage.fleet.nodes)
    if not nodes:
        raise Misused("it takes one node, or several")
    return nodes


def _some_that_run(stage: Stage, text: str) -> tuple[NodeId, ...]:
    """The nodes named, each of which must run; of `all`, those that run. Raises `Refused`."""
    nodes = _some(stage, text)
    running = tuple(filter(stage.fleet.is_running, nodes))
    if _means_all(text) and running:
        return running
    _require_running(stage, nodes)
    return nodes


def _means_all(text: str) -> bool:
    return text.strip().lower() == EVERY_NODE


def _require_running(stage: Stage, nodes: Sequence[NodeId]) -> None:
    down = [node for node in nodes if not stage.fleet.is_running(node)]
    if down:
        raise Refused(f"{many(down)} {is_or_are(down)} not running")


def require_no_arguments(text: str) -> None:
    """Raises `Misused` if a command that takes no arguments was given some."""
    if text:
        raise Misused(f"it takes nothing, not {text}")


def _done(what: str, nodes: Sequence[NodeId], how: str) -> Answer:
    return Answer(Status.DONE, {what: list(nodes)}, f"{many(nodes)} {is_or_are(nodes)} {how}")
