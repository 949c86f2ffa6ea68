"""The tour: its parts are given out to whoever can play them, and it is walked to its end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benmo.demo.tour.beats import walk
from benmo.demo.tour.cast import MONEY, cast
from benmo.errors import Refused
from benmo.paxos.types import Tenure
from tests.demo.running_demos import Place, leave, place, terminal
from tests.support.terminals import Terminal

QUICK = ("--election-delay", "0.2-0.6")
STEPS = (
    "1> moneyTransfer 5,1,3",
    "kill 5",
    "1> moneyTransfer 1,1,3",
    "kill 3 4",
    "1> moneyTransfer 1,1,2",
    "restart 3 4 5",
    "partition 1 2 | 3 4 5",
    "1> moneyTransfer 1,1,2",
    "3> moneyTransfer 1,3,4",
    "heal",
    "partition 1 3 4 | 2 5",
    "slow 3 all 700",
    "ambush 1 3",
    "heal",
    "restart 1",
    "partition 1 3 4 | 2 5",
    "1> moneyTransfer 1,1,3",
    "lose 3",
    "restart 3",
    "heal",
    "replace 3",
    "slow all all 300",
    "duel 1 3",
    "heal",
)
BALLOT = r"\(\d+, [1-5]\)"
TOO_LATE = r"This time the block was decided before node 1 was dead"
SEEN = (
    rf"asked all to promise ballot {BALLOT}\. Nodes [1-5, ]+ did",
    rf"Slot 1 is decided: nodes [1-5, and]+ accepted it in ballot {BALLOT}",
    r"All 5 are at height 1, with the same hash [0-9a-f]{12}\.",
    r"4 of 5 are left: still a majority",
    r"Slot 2 is decided: .* Node 5 missed it: a majority was enough",
    r"It takes 3 of 5: without nodes 3 and 4 there are fewer",
    r"Queued, not decided: node 1 reaches 2 of 5, and needs 3",
    r"Node 5 came back at height 1, and fetched what it had missed",
    r"All 5 are at height 3, with the same hash [0-9a-f]{12}",
    r"Queued: node 1 reaches 2 of 5",
    r"Slot 4 is decided: nodes [345, and]+ accepted .* node 1 is still at height 3",
    r"transfer of node 1 decided, and node 1 led: it comes after, not beside\. Slot 5 is decided",
    r"All 5 are at height 5, with the same hash [0-9a-f]{12}",
    rf"Node 1 proposed a block for slot 6 in ballot {BALLOT}, and died",
    rf"Node [34] led with ballot {BALLOT}, and nodes? [34 and]+ had reported the block of node 1\. "
    r"Node [34] can't know whether a majority has accepted it.*? must propose that block"
    rf"|{TOO_LATE}",
    rf"Here it was: nodes 1, 3 and 4 had accepted it in ballot {BALLOT}"
    rf"|Slot 6 is decided|{TOO_LATE}",
    r"All 5 are at height 6, with the same hash [0-9a-f]{12}",
    r"Slot 7 is decided: nodes 1, 3 and 4 accepted it .* Nodes 2 and 5 have not heard of it",
    r"its vote for slot 7\. The block is still on 2 disks, of nodes 1 and 4",
    r"With nodes 2 and 5, which never heard of slot 7, it would be a majority of 5",
    r"Slot 8 holds the change\. From slot 9 on, node 3's member [0-9a-f]{8} votes",
    r"All 5 are at height 8, with the same hash [0-9a-f]{12}",
    rf"Node [13] had ballot {BALLOT} and gave it up|no clash this time",
    r"Decided: slot \d+ in ballot",
    r"That was the tour",
)


def guide(shown: Terminal) -> str:
    """All that the tour has said, in one line."""
    lines = (line.partition("▶│") for line in shown.all_text().splitlines())
    return " ".join(said.strip() for _, sign, said in lines if sign)


def offers(command: str) -> re.Pattern[str]:
    """Of a screen's text: the prompt suggests this, on an empty line."""
    return re.compile(rf"^benmo 1> {re.escape(command)}\n(?!.*^benmo)", re.MULTILINE | re.DOTALL)


def walk_to_the_end(shown: Terminal) -> None:
    for step in STEPS:
        shown.wait_for(offers(step))
        shown.enter()
    shown.wait_for("Ctrl-D stops the nodes")


def test_the_tour_is_walked_to_its_end_on_real_nodes(tmp_path: Path) -> None:
    with place(tmp_path) as here, terminal(here, *QUICK, columns=110) as shown:
        shown.enter("tour")
        walk_to_the_end(shown)
        told = guide(shown)
        for wanted in SEEN:
            assert re.search(wanted, told), f"{wanted}\n{told}"
        places = [re.search(wanted, told) for wanted in SEEN]
        starts = [found.start() for found in places if found]
        assert starts == sorted(starts), told
        text = shown.all_text()
        assert text.rindex("every link is whole") < text.rindex("That was the tour")
        leave(shown)
        assert _heads(here) == 1


def test_it_begins_with_everything_up_and_stops_when_told_to(tmp_path: Path) -> None:
    with place(tmp_path) as here, terminal(here, *QUICK, columns=110) as shown:
        for line in ("kill 2", "stop 4", "slow 1 3 50", "partition 1 | 2 3 4 5", "tour"):
            shown.enter(line)
        shown.wait_for(offers(STEPS[0]))
        shown.enter("ls")
        text = shown.wait_for("5 of 5 nodes answer: a quorum is up")
        assert "✂" not in text
        assert "for the tour, nodes 4 and 2 are up again and every link is whole again" in text
        shown.enter("tour stop")
        shown.wait_for("the tour is over")
        shown.enter("use 2")
        shown.enter("")
        shown.wait_for(re.compile(r"^benmo 2>\n(?!.*^benmo)", re.MULTILINE | re.DOTALL))
        assert "queued" not in shown.all_text()
        leave(shown)


def test_another_line_than_the_suggested_one_is_carried_out_as_it_is(tmp_path: Path) -> None:
    with place(tmp_path) as here, terminal(here, *QUICK, columns=110) as shown:
        shown.enter("tour")
        shown.wait_for(offers(STEPS[0]))
        shown.enter("5> moneyTransfer 2,5,1")
        shown.wait_for("decided 5-1")
        shown.enter("1> printBalance")
        shown.wait_for("node 1 has 102")
        leave(shown)


def test_what_was_suggested_does_not_stay_as_if_it_had_been_typed(tmp_path: Path) -> None:
    with place(tmp_path) as here, terminal(here, *QUICK, columns=110) as shown:
        shown.enter("tour")
        shown.wait_for(offers(STEPS[0]))
        leave(shown)
        assert shown.screen_text().splitlines()[-1].rstrip() == "benmo 1>"


def test_it_counts_those_that_are_left_whoever_else_is_gone(tmp_path: Path) -> None:
    with place(tmp_path) as here, terminal(here, *QUICK, columns=110) as shown:
        shown.enter("tour")
        for step in STEPS[:1]:
            shown.wait_for(offers(step))
            shown.enter()
        shown.wait_for(offers(STEPS[1]))
        shown.enter("kill 4")
        shown.wait_for("node 4 is killed")
        shown.enter()
        shown.wait_for("3 of 5 are left: still a majority")
        shown.wait_for(offers(STEPS[2]))
        shown.enter()
        shown.wait_for(lambda _: "Node 5 missed it: a majority was enough" in guide(shown))
        leave(shown)


def test_with_a_stable_leader_it_says_what_happened_too(tmp_path: Path) -> None:
    options = (*QUICK, "--tenure", "stable", "--nodes", "3")
    steps = tuple(beat.command for beat in walk(cast(dict.fromkeys((1, 2, 3), 100)), Tenure.STABLE))
    with place(tmp_path, 3) as here, terminal(here, *options, columns=110) as shown:
        shown.enter("tour")
        for step in steps:
            shown.wait_for(offers(step))
            shown.enter()
        shown.wait_for("Ctrl-D stops the nodes")
        told = guide(shown)
        assert re.findall(r"is decided: nodes? ([1-3]) accepted", told) == []
        healed = re.search(r"node 1 decided, and node (\d) led: .*? in ballot \(\d+, (\d)\)", told)
        assert healed and healed[1] == healed[2], told
        leave(shown)


def _heads(here: Place) -> int:
    """How many different chains there are."""
    (states,) = here.pipe("1> wait 60", "3> wait 60", "all printStatus", options=()).values[-1:]
    return len({state["head"] for state in states["nodes"].values()})


def test_the_usual_cast_is_of_five() -> None:
    parts = cast(dict.fromkeys(range(1, 6), 100))
    assert (parts.payer, parts.payee, parts.victim) == (1, 3, 5)
    assert (parts.minority, parts.majority) == ((1, 2), (3, 4, 5))
    assert tuple(beat.command for beat in walk(parts, Tenure.BLOCK)) == STEPS


@pytest.mark.parametrize("nodes", [3, 5, 7, 9])
@pytest.mark.parametrize("payer", [1, 2, 3])
def test_whoever_has_money_pays_and_the_sides_are_a_minority_and_a_majority(
    nodes: int, payer: int
) -> None:
    available = {node: MONEY if node == payer else 0 for node in range(1, nodes + 1)}
    parts = cast(available)
    assert parts.payer == payer
    assert sorted((*parts.minority, *parts.majority)) == list(range(1, nodes + 1))
    assert payer in parts.minority and parts.payee in parts.majority
    assert len(parts.majority) == parts.quorum
    assert parts.victim not in (parts.payer, parts.payee)
    assert nodes - 1 - len(parts.other_victims) < parts.quorum
    assert len({parts.payer, parts.friend}) == 2
    assert len({parts.payee, parts.neighbour}) == 2
    assert parts.neighbour in parts.majority


def test_nobody_can_pay_with_nothing() -> None:
    with pytest.raises(Refused, match="--fresh"):
        cast(dict.fromkeys(range(1, 6), MONEY - 1))
    with pytest.raises(Refused, match="--nodes"):
        cast({1: 100})
