"""The tree of branches: what is undone stays, and a place has one state."""

from __future__ import annotations

import pytest

from benmo.errors import Refused
from benmo.play.branches import Branches
from benmo.play.outlook import Outlook, outlook
from benmo.play.script import ScriptLine, run

WAY = ("nodes 3", "pay 1 2 10", "campaign 1", "deliver Prepare 1->*", "deliver Promise *->1")


def at_the_end_of(*lines: str) -> Branches:
    branches = Branches()
    for line in lines:
        branches.do(ScriptLine(line))
    return branches


def seen(branches: Branches) -> Outlook:
    return outlook(branches.scenario.sandbox)


def test_undo_goes_back_and_redo_on_and_nothing_is_deleted() -> None:
    branches = at_the_end_of(*WAY)
    end = seen(branches)
    assert branches.undo().line.text == WAY[-1]
    before = seen(branches)
    assert before != end and before == seen(at_the_end_of(*WAY[:-1]))
    branches.do(ScriptLine("crash 1 power"))
    branches.undo()
    assert seen(branches) == before
    branches.do(ScriptLine("crash 1 power"))
    assert [place.line.text for place in branches.places] == ["", *WAY, "crash 1 power"]
    branches.undo()
    assert branches.redo().line.text == "crash 1 power", "the way that was taken last"
    branches.go(5)
    assert seen(branches) == end
    branches.go(0)
    for line in WAY:
        assert branches.redo().line.text == line, "going somewhere is taking that way"
    assert seen(branches) == end


def test_the_tree_shows_where_ways_part() -> None:
    branches = at_the_end_of(*WAY[:3])
    for line in ("deliver Prepare 1->2", "drop Prepare 1->2", "crash 1"):
        branches.do(ScriptLine(line))
        branches.do(ScriptLine("settle"))
        branches.go(3)
    branches.do(ScriptLine("nodes 5"))
    rows = [(place.number, before + place.line.text) for place, before in branches.rows()]
    assert rows == [
        (0, ""),
        (1, "├ nodes 3"),
        (2, "│ pay 1 2 10"),
        (3, "│ campaign 1"),
        (4, "│ ├ deliver Prepare 1->2"),
        (5, "│ │ settle"),
        (6, "│ ├ drop Prepare 1->2"),
        (7, "│ │ settle"),
        (8, "│ └ crash 1"),
        (9, "│   settle"),
        (10, "└ nodes 5"),
    ]


def test_a_refused_command_changes_nothing() -> None:
    branches = at_the_end_of(*WAY)
    before = seen(branches)
    for line in ("campaign 1", "nodes 4", "deliver Vote 1->2"):
        with pytest.raises(Refused):
            branches.do(ScriptLine(line))
        assert branches.here.number == len(WAY) == len(branches.places) - 1
        assert seen(branches) == before
    with pytest.raises(Refused, match="branches shows them"):
        branches.go(6)
    branches.go(0)
    with pytest.raises(Refused, match="nothing to undo"):
        branches.undo()


def test_the_way_to_here_is_a_scenario() -> None:
    branches = at_the_end_of(*WAY)
    branches.go(3)
    branches.do(ScriptLine("drop Prepare 1->*"))
    text = branches.text()
    assert run(text) == text
    assert "deliver" not in text and "! lost 1->3 Prepare (1, 1)" in text


def test_only_an_observer_knows_of_a_decision_before_the_leader_does() -> None:
    branches = at_the_end_of(*WAY, "deliver Accept 1->2")
    decision = seen(branches).decision
    assert decision is not None
    assert (decision.slot, decision.ballot, decision.known_by) == (1, (1, 1), ())
    branches.do(ScriptLine("crash 1"))
    nodes = seen(branches).nodes
    assert [node.is_ for node in nodes] == ["down", "acceptor", "acceptor"]
    assert [node.accepted for node in nodes] == ["1-1 in (1, 1)", "1-1 in (1, 1)", ""]
    branches.undo()
    branches.do(ScriptLine("deliver Accepted 2->1"))
    after = seen(branches).decision
    assert after is not None and after.known_by == (1,)
    branches.undo()
    branches.undo()
    assert seen(branches).decision is None
