"""The `benmo` program."""

from __future__ import annotations

import sys

import click

from benmo import __version__
from benmo.admin.export import export
from benmo.admin.initialize import main as initialize
from benmo.admin.status import status
from benmo.admin.verify import verify
from benmo.bench.command import bench
from benmo.demo.command import demo
from benmo.node.process import node
from benmo.repl.attach import attach
from benmo.sim.command import simulate
from benmo.sim.explore.command import explore
from benmo.startup import fill_standard_files, why_not


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A public ledger kept by five nodes that agree through Paxos."""
    fill_standard_files()
    reason = why_not()
    if reason:
        sys.exit(f"benmo: {reason}")


main.add_command(attach)
main.add_command(initialize, "initialize")
main.add_command(node)
main.add_command(demo)
main.add_command(simulate)
main.add_command(explore)
main.add_command(status)
main.add_command(verify)
main.add_command(export)
main.add_command(bench)
