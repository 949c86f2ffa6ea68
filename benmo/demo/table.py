"""The table of the demo's own commands; those of the nodes are in `benmo.commands.table`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benmo.commands.answers import Answer, Status
from benmo.commands.arguments import split_arguments
from benmo.commands.table import COMMANDS, Command, help_answer, match
from benmo.demo import disk_handlers, link_handlers
from benmo.demo import handlers as actions
from benmo.demo.phrases import LEGEND
from benmo.demo.stage import Stage
from benmo.demo.tour.command import tour


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """A command of the demo's: what it is called, takes and means, and what carries it out.

    `handler` is called with the stage and the text of the arguments. `offers` says what each
    argument may be completed with: see `benmo.demo.completion`. One that `waits` answers when the
    nodes have done something, so that their notices of it come before the answer. `more` is what
    `help` with its name says besides the meaning.
    """

    name: str
    arguments: str
    meaning: str
    handler: Callable[[Stage, str], Answer]
    offers: str = ""
    waits: bool = False
    more: str = ""

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()


def command_meant(name: str) -> DemoCommand | Command:
    """The command of that name, the demo's or the nodes'. Raises `NotUnderstood`.

    A full name goes before a beginning, and the beginning of a nodes' command before that of a
    demo's; a beginning that several nodes' commands share isn't understood. The demo's command is
    meant by a name that both have.
    """
    named = match(name, COMMANDS, DEMO_COMMANDS)
    assert isinstance(named, DemoCommand | Command)
    return next((word for word in DEMO_COMMANDS if word.name == named.name), named)


def node_commands() -> list[Command]:
    """The nodes' commands, without those that have the name of one of the demo's own."""
    own = {word.name for word in DEMO_COMMANDS}
    return [command for command in COMMANDS if command.name not in own]


def _help(_stage: Stage, text: str) -> Answer:
    shown: list[DemoCommand | Command] = [*DEMO_COMMANDS, *node_commands()]
    if text:
        meant = command_meant(split_arguments(text)[0])
        return help_answer([meant], meant.more if isinstance(meant, DemoCommand) else "")
    which = f"The commands below exit are for a node: 2> printQueue, all printQueue.\n{LEGEND}"
    return help_answer(shown, which)


def _exit(_stage: Stage, text: str) -> Answer:
    actions.require_no_arguments(text)
    return Answer(Status.DONE, None, "", leaves=True)


DEMO_COMMANDS = (
    DemoCommand("tour", "[stop]", "a guided walk of five minutes", tour, offers="stop"),
    DemoCommand("ls", "", "the nodes, at a glance", actions.list_nodes),
    DemoCommand("use", "N", "what is typed without a number is for node N", actions.use, "nodes"),
    DemoCommand("all", "COMMAND", "every node answers, in one table", actions.ask_all, "commands"),
    DemoCommand("kill", "N…|all", "kill nodes: their disks stay", actions.kill, "running"),
    DemoCommand("stop", "N…|all", "pause nodes: up, but silent", actions.stop, "running"),
    DemoCommand("continue", "N…|all", "wake paused nodes", actions.resume, "paused"),
    DemoCommand(
        "restart",
        "N…|all",
        "start nodes; what runs is killed first",
        actions.restart,
        "any",
        more="A node that lost its disk is kept down: replace it.",
    ),
    DemoCommand(
        "lose",
        "N",
        "kill a node and wipe its disk",
        disk_handlers.lose,
        "whole",
        more="The node is kept down from then on, and restart refuses it: it has forgotten\n"
        "what it promised and accepted, so its vote could undo a decision. What waited in\n"
        "its queue is lost. replace puts a new member in its place.",
    ),
    DemoCommand(
        "replace",
        "N",
        "a new member takes a lost node's place",
        disk_handlers.replace,
        "gone",
        waits=True,
        more="The nodes that run decide that a new member, with an empty disk, votes for the\n"
        "node from then on; it starts, and fetches the chain. A majority must be up and\n"
        "connected without the node, which may also be merely down: then what waits in\n"
        "its queue is lost, too.",
    ),
    DemoCommand(
        "partition", "1 2 | 3 4 5", "cut the links between sides", link_handlers.partition, "nodes"
    ),
    DemoCommand(
        "cut",
        "A B [--one-way]",
        "cut a link, or only what A sends to B",
        link_handlers.cut,
        "links",
        more="A or B may be all. A node that is restarted finds its links cut as before. A leader\n"
        "must be heard by a majority, and hear the answers: a link that is cut one way is of\n"
        "no use to either of its nodes for that.",
    ),
    DemoCommand(
        "slow",
        "A B MILLISECONDS",
        "delay a link, both ways; 0 ends it",
        link_handlers.slow,
        "nodes",
    ),
    DemoCommand(
        "heal", "[A B]", "mend every link, or one: cut and slow end", link_handlers.heal, "nodes"
    ),
    DemoCommand(
        "duel", "A B", "two nodes want to lead at the same moment", actions.duel, "running"
    ),
    DemoCommand(
        "ambush",
        "A B",
        "kill A, as leader, once B accepts its block",
        actions.ambush,
        "running",
        waits=True,
    ),
    DemoCommand("page", "", "the addresses of the page, for a browser", actions.page),
    DemoCommand("quiet", "", "show no notices", actions.quiet),
    DemoCommand("loud", "", "show notices again", actions.loud),
    DemoCommand("help", "[COMMAND]", "what the commands mean", _help, "names"),
    DemoCommand("exit", "", "stop all nodes and leave; so does Ctrl-D", _exit),
)
