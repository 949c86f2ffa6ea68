"""The `benmo` program. A command is loaded only when it is called."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import click

from benmo import __version__
from benmo.program import exit_status
from benmo.startup import end_at_signals, prepare_standard_files, why_not


class CommandEntry(NamedTuple):
    """A command of the program: its module, its name there, and its line in the help."""

    module: str
    name: str
    meaning: str


ENTRIES = {
    "add": CommandEntry("benmo.admin.add", "main", "Add a node to a running cluster."),
    "attach": CommandEntry("benmo.repl.attach", "attach", "Command a running node from here."),
    "bench": CommandEntry("benmo.bench.command", "bench", "Measure a temporary cluster."),
    "client-certificate": CommandEntry(
        "benmo.admin.client_certificate", "client_certificate", "Let a program pay or read."
    ),
    "demo": CommandEntry(
        "benmo.demo.command", "demo", "Run five nodes, and one prompt for all of them."
    ),
    "explore": CommandEntry(
        "benmo.sim.explore.command", "explore", "Try every order of events of a small system."
    ),
    "export": CommandEntry(
        "benmo.admin.export", "export", "Write all decided transfers, for other programs."
    ),
    "find": CommandEntry(
        "benmo.admin.find", "find", "Show what became of the payment under a key."
    ),
    "history": CommandEntry(
        "benmo.admin.history", "history", "Show one account's transfers and balances."
    ),
    "initialize": CommandEntry(
        "benmo.admin.initialize", "main", "Make the state of a new cluster."
    ),
    "lab": CommandEntry(
        "benmo.labs.command", "lab", "Make the page of a run with a mistake, to be found."
    ),
    "move": CommandEntry("benmo.admin.move", "main", "Let a node go to another address."),
    "node": CommandEntry("benmo.node.process", "node", "Run one node of the cluster."),
    "note": CommandEntry(
        "benmo.watch.note", "note", "Write a teacher's words into a recorded run."
    ),
    "page": CommandEntry(
        "benmo.watch.command", "page", "Make a page of a recorded run, in one HTML file."
    ),
    "play": CommandEntry(
        "benmo.play.command", "play", "Be the network: each message waits for you."
    ),
    "record": CommandEntry(
        "benmo.watch.record", "record", "Write all that running nodes do into a file."
    ),
    "remove": CommandEntry("benmo.admin.remove", "main", "Remove a node whose account is empty."),
    "replace": CommandEntry(
        "benmo.admin.replace", "main", "Replace a node whose disk or machine is lost."
    ),
    "rescue": CommandEntry(
        "benmo.admin.rescue", "main", "Go on in a new cluster when most disks are lost."
    ),
    "simulate": CommandEntry(
        "benmo.sim.command", "simulate", "Break all that may break, on simulated machines."
    ),
    "status": CommandEntry("benmo.admin.status", "status", "Show all nodes in one table."),
    "verify": CommandEntry("benmo.admin.verify", "verify", "Check the files of all nodes."),
    "watch": CommandEntry(
        "benmo.watch.live", "watch", "Show what running nodes do, in a page for the browser."
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are those of `ENTRIES`; its help loads none of them."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the program, and exit with its status."""
        prepare_standard_files()
        work = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return work()
        sys.exit(exit_status(work))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        _require_packages()
        command = getattr(import_module(entry.module), entry.name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in ("node", "demo"):
            end_at_signals()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.meaning) for name, entry in ENTRIES.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A public ledger kept by five nodes that agree through Paxos."""


def _require_packages() -> None:
    """Leave in one line where this Python can't run Benmo; call it before a command is loaded."""
    reason = why_not()
    if reason:
        sys.exit(f"benmo: {reason}")
