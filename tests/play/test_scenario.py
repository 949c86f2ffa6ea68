"""The commands of the language: what they refuse, and what they say."""

from __future__ import annotations

import pytest

from benmo.errors import NotUnderstood, Refused
from benmo.play.language import COMMANDS, in_full
from benmo.play.scenario import Scenario


def after(*lines: str) -> Scenario:
    """A scenario in which these commands were carried out."""
    scenario = Scenario()
    for line in lines:
        scenario.do(line)
    return scenario


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["pay 1 2 10"], "begin with nodes 3"),
        (["nodes 4"], "an odd number"),
        (["nodes 11"], "at most 9"),
        (["nodes three"], "an odd number"),
        (["nodes 3 tenure long"], "a tenure is block or stable"),
        (["nodes 3", "nodes 3"], "nodes already"),
        (["nodes 3", "pay 4 1 10"], "there is no node 4, but 1 to 3"),
        (["nodes 3", "pay 1 2"], "write: pay NODE CREDIT AMOUNT"),
        (["nodes 3", "pay 1 2 ten"], "'ten' is not an amount"),
        (["nodes 3", "campaign 1"], "node 1 has no reason to campaign"),
        (["nodes 3", "pay 1 2 10", "campaign 1", "campaign 1"], "wants to lead already"),
        (["nodes 3", "crash 1", "crash 1"], "node 1 is down: start 1"),
        (["nodes 3", "crash 1 gently"], "crash 1 power"),
        (["nodes 3", "start 1"], "node 1 is up"),
        (["nodes 3", "pause 1", "pay 1 2 10"], "node 1 is paused: resume 1"),
        (["nodes 3", "resume 1"], "isn't paused"),
        (["nodes 3", "cut 1 1"], "two ends"),
        (["nodes 3", "cut 1 2", "cut 2 1"], "is cut already"),
        (["nodes 3", "heal 1 2"], "isn't cut"),
        (["nodes 3", "deliver Vote 1->2"], "no messages 'Vote'"),
        (["nodes 3", "deliver Promise 1-2"], "'1-2' is no way"),
        (["nodes 3", "deliver"], "which message. deliver 3"),
        (["nodes 3", "show money"], "One of: chains"),
        (["nodes 3", "advance long"], "A number from 0"),
        (["nodes 3", "advance 1e9"], "A number from 0"),
        (["nodes 3", "fly"], "no command 'fly'"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_can_not_be_is_refused_with_what_can(lines: list[str], reason: str) -> None:
    scenario = after(*lines[:-1])
    with pytest.raises(Refused, match=reason):
        scenario.do(lines[-1])


def test_a_line_may_be_short_and_in_any_case() -> None:
    assert in_full("DELI promise 2->1") == "deliver Promise 2->1"
    assert in_full("drop accept") == "drop Accept *->*"
    assert in_full("quietly sett") == "quietly settle"
    assert in_full("deliver 3") == "deliver 3"
    assert in_full("pay 1,2,10") == "pay 1 2 10"
    assert in_full("deliver 2->1") == "deliver * 2->1"
    for line in ("c 1", "quietly", "deliver vote 1->2"):
        with pytest.raises(NotUnderstood):
            in_full(line)


def test_the_number_after_a_way_picks_one_of_several() -> None:
    scenario = after("nodes 3", "pay 1 2 10", "campaign 1", "deliver Prepare 1->2")
    for line in ("deliver Promise 2->1", "double Accept 1->2", "double Accept 1->2"):
        scenario.do(line)
    assert scenario.do("show pending") == [
        "1->3 Prepare (1, 1)",
        "1->2 Accept slot 1 in (1, 1): 1-1",
        "1->3 Accept slot 1 in (1, 1): 1-1",
        "2->1 Accepted slot 1 in (1, 1)",
        "2->1 Accepted slot 1 in (1, 1)",
    ]
    assert scenario.do("drop Accepted 2->1 2") == ["! lost 2->1 Accepted slot 1 in (1, 1)"]
    assert scenario.do("drop Accepted 2->1 2") == ["! nothing is under way that is Accepted 2->1 2"]
    assert scenario.do("drop * *->* 3") == ["! lost 1->3 Accept slot 1 in (1, 1): 1-1"]


def test_what_comes_of_a_message_to_a_node_that_can_not_take_it_is_said() -> None:
    scenario = after("nodes 3", "pay 1 2 10", "campaign 1", "crash 3", "pause 2")
    assert scenario.do("deliver Prepare 1->3") == ["! lost 1->3 Prepare (1, 1): node 3 is down"]
    assert scenario.do("deliver Prepare 1->2") == [
        "! node 2 is paused: what is sent to it waits",
    ]
    assert scenario.do("show pending") == ["1->2 Prepare (1, 1)"]


def test_a_cut_outlasts_a_crash_and_a_paused_node_that_crashes_starts_awake() -> None:
    scenario = after("nodes 3", "cut 1 2", "pause 1", "crash 1", "start 1", "pay 1 2 10")
    assert not scenario.sandbox.engine(1).replica.reachability.is_reachable(2)
    assert scenario.do("campaign 1")[-1] == "> 1->3 Prepare (1, 1)"
    scenario.do("heal 1 2")
    assert scenario.sandbox.engine(1).replica.reachability.is_reachable(2)
    assert (1, 2) not in scenario.sandbox.network.cut


def test_every_command_has_a_meaning() -> None:
    assert all(command.meaning for command in COMMANDS)
