"""benmo explore: what it counts, shows and refuses."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from benmo.sim.explore.command import explore


def test_the_command_counts_what_it_explored() -> None:
    result = CliRunner().invoke(explore, ["--slots", "1", "--crashes", "0"])
    assert result.exit_code == 0
    assert result.output.startswith("3 nodes, 2 leaders, 0 crashes, 1 slot, ")
    assert result.output.endswith("seconds: no violation\n")


def test_the_command_says_that_a_part_is_not_the_whole() -> None:
    result = CliRunner().invoke(explore, ["--states-max", "50"])
    assert result.exit_code == 3
    assert result.output.endswith("no violation so far, but this is not the whole\n")


def test_the_command_shows_a_shortest_way_to_a_planted_mistake() -> None:
    result = CliRunner().invoke(explore, ["--slots", "1", "--plant", "promise-not-saved"])
    assert result.exit_code == 1
    *lines, summary = result.output.splitlines()
    assert lines == [
        "= 1 promised (1, 1)",
        "= 1 wants to lead with (1, 1)",
        "> 1->2 Prepare (1, 1)",
        "> 1->3 Prepare (1, 1)",
        "! 1 crashes and restarts, at height 0",
        "! node 1 forgets that it promised (1, 1)",
    ]
    assert summary.endswith("a violation after 2 events")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--nodes", "4"), ("--leaders", "5"), ("--changed", "4"), ("--plant", "a-sunflower")],
)
def test_the_command_explores_no_system_that_there_cant_be(option: str, value: str) -> None:
    result = CliRunner().invoke(explore, [option, value])
    assert result.exit_code == 2
    assert option in result.output
