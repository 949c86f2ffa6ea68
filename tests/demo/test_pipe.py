"""The demo at a pipe: real nodes, and answers that a program can read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.demo.running_demos import DEMO, QUICK, Place, place
from tests.support.processes import Finished, run


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give a place whose cluster the tests share, one after the other."""
    with place(tmp_path_factory.mktemp("pipe")) as found:
        yield found


def answers(ended: Finished) -> list[Any]:
    """What a demo that did everything said, a JSON value a line."""
    assert ended.status == 0, ended
    assert ended.err == "", ended
    return ended.values


def test_a_transfer_is_decided_and_every_node_says_so(here: Place) -> None:
    """The task's own example, word for word but for the directory, the ports and the delay."""
    typed = "1> moneyTransfer 10,1,2\n1> wait\nall printBalance\n"
    options = (*here.options, *QUICK)
    ended = run(*DEMO, "--fresh", "--format", "json", *options, typed=typed)
    queued, decided, balances = answers(ended)
    assert queued == {"id": "1-1", "outcome": "queued"}
    assert decided == {"outcome": "decided", "height": 1}
    assert list(balances["nodes"]) == ["1", "2", "3", "4", "5"]
    assert balances["nodes"]["1"]["balance"] == 90
    assert not here.processes()


def test_a_lost_majority_waits_and_a_restart_recovers_it(here: Place) -> None:
    said = answers(
        here.pipe(
            "kill 3 4 5",
            "2> moneyTransfer 1,2,1",
            "2> printQueue",
            "all printQueue",
            "restart 3 4 5",
            "2> wait 60",
            "5> wait 0",
            "use 2",
            "printQueue",
        )
    )
    assert said[0] == {"killed": [3, 4, 5]}
    assert said[1]["outcome"] == "queued"
    assert [transfer["id"] for transfer in said[2]] == [said[1]["id"]]
    assert said[3]["nodes"]["2"] == said[2]
    assert said[3]["nodes"]["4"] == {"outcome": "unknown", "reason": "node 4 is not running"}
    assert said[4] == {"restarted": [3, 4, 5]}
    assert said[5]["outcome"] == "decided"
    assert said[-1] == []


def test_all_nodes_that_restart_in_a_partition_begin_with_it(here: Place) -> None:
    said = answers(here.pipe("partition 1 2 | 3 4 5", "restart all", "all printStatus", "kill all"))
    for node, status in said[2]["nodes"].items():
        side = ("1", "2") if node in ("1", "2") else ("3", "4", "5")
        severed = {str(peer["node"]) for peer in status["peers"] if peer["link"] == "severed"}
        assert severed == {"1", "2", "3", "4", "5"} - set(side)
    assert said[3] == {"killed": [1, 2, 3, 4, 5]}


def test_all_means_those_for_whom_it_makes_sense(here: Place) -> None:
    said = answers(here.pipe("kill 2", "stop 3", "continue all", "stop all", "kill all"))
    assert said[2:] == [{"continued": [3]}, {"paused": [1, 3, 4, 5]}, {"killed": [1, 3, 4, 5]}]


def test_a_partition_is_kept_by_a_node_that_restarts_and_ends_with_heal(here: Place) -> None:
    said = answers(
        here.pipe(
            "partition 1 2 | 3 4 5",
            "restart 1",
            "1> printStatus",
            "1> moneyTransfer 1,1,2",
            "3> moneyTransfer 1,3,4",
            "3> wait 60",
            "1> printQueue",
            "heal",
            "1> wait 60",
            "1> printStatus",
            "3> printStatus",
        )
    )
    links = {peer["node"]: peer["link"] for peer in said[2]["peers"]}
    assert [links[node] for node in (3, 4, 5)] == ["severed"] * 3
    assert links[2] != "severed"
    assert said[5]["outcome"] == "decided"
    assert len(said[6]) == 1
    assert said[7] == {"groups": [[1, 2, 3, 4, 5]]}
    assert said[8]["outcome"] == "decided"
    assert said[9]["height"] > said[5]["height"]
    assert all(peer["link"] != "severed" for state in said[9:] for peer in state["peers"])


def test_a_cut_of_one_link_or_one_way_is_kept_by_a_node_that_restarts(here: Place) -> None:
    status = ("1> printStatus", "3> printStatus", "4> printStatus")
    ended = here.pipe(
        *("cut 1 3 --one-way", "cut 2 4", "restart 1 4", *status),
        *("heal 1 3", *status, "stop 4", "heal", "continue 4", *status),
        form="table",
    )
    assert ended.status == 0, ended
    cut = [
        re.findall(r"^ link to (\d  severed(?: one way)?)", told, re.MULTILINE)
        for told in re.split(r"^ node ", ended.out, flags=re.MULTILINE)[1:]
    ]
    assert cut == [
        *(["3  severed one way"], [], ["2  severed"]),
        *([], [], ["2  severed"]),
        *([], [], []),
    ], ended.out


def test_slowed_links_are_slow_at_both_ends_and_after_a_restart(here: Place) -> None:
    ended = here.pipe(
        "slow 1 2 1500",
        "restart 2",
        "1> printStatus",
        "2> printStatus",
        "heal",
        "2> printStatus",
        form="table",
    )
    assert ended.status == 0, ended
    assert ended.out.count("1500 ms late") == 2
    first, last = ended.out.split("every link is whole")
    assert "late" in first and "late" not in last


def test_a_paused_node_is_named_and_goes_on_where_it_was(here: Place) -> None:
    said = answers(
        here.pipe("stop 4", "all printBalance", "ls", "continue 4", "4> printBalance", "stop 5")
    )
    assert said[0] == {"paused": [4]}
    assert said[1]["nodes"]["4"] == {"outcome": "unknown", "reason": "node 4 is paused"}
    assert [state["up"] for state in said[2]] == [True, True, True, False, True]
    assert said[4]["node"] == 4
    assert not here.processes(), "a paused node was left behind"


def test_a_crash_by_command_is_told_as_what_it_is(here: Place) -> None:
    said = answers(here.pipe("2> crashNode", "ls", "restart 2", "2> printBalance"))
    assert said[0] == {"node": 2, "outcome": "crashed"}
    assert [state["up"] for state in said[1]] == [True, False, True, True, True]
    assert said[3]["node"] == 2


def test_a_duel_ends_with_both_transfers_decided(here: Place) -> None:
    said = answers(
        here.pipe(
            "slow all all 50",
            "1> moneyTransfer 1,1,2",
            "3> moneyTransfer 1,3,4",
            "duel 1 3",
            "1> wait 60",
            "3> wait 60",
            "2> wait 60",
        )
    )
    assert said[3] == {"nodes": [1, 3]}
    assert [each["outcome"] for each in said[4:]] == ["decided"] * 3


def test_a_duel_without_anything_queued_queues_something(here: Place) -> None:
    ended = here.pipe("duel 2 4", "2> wait 60", "4> wait 60", form="table")
    assert ended.status == 0, ended
    assert "node 2 had nothing to propose: queued 2-" in ended.out
    assert "node 4 had nothing to propose: queued 4-" in ended.out


def test_the_chain_is_kept_and_each_node_has_a_beginning_of_it(here: Place) -> None:
    pay = ("1> moneyTransfer 1,1,2", "1> wait 60", "2> moneyTransfer 1,2,1", "2> wait 60")
    *_, before = answers(here.pipe(*pay, "2> printStatus"))
    (said,) = answers(here.pipe("all printBlockchain"))
    chains = list(said["nodes"].values())
    longest = max(chains, key=len)
    assert len(longest) >= before["height"] > 1
    assert longest[before["height"] - 1]["hash"] == before["head"]
    for chain in chains:
        assert chain == longest[: len(chain)]


def test_all_in_a_table_has_a_row_a_node(here: Place) -> None:
    ended = here.pipe("all printBalance", "all printStatus", form="tsv")
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert lines[0] == ["node", "balance", "available", "height"]
    assert [line[0] for line in lines[1:6]] == ["1", "2", "3", "4", "5"]
    assert lines[6][:3] == ["node", "up", "role"]
    assert [line[1] for line in lines[7:12]] == ["yes"] * 5


def test_a_lost_disk_stays_lost_until_a_new_member_takes_its_place(here: Place) -> None:
    before = answers(here.pipe("1> moneyTransfer 1,1,3", "1> wait 60", "lose 3"))
    assert before[-1] == {"lost": [3]}
    assert not (here.state / "node-3").exists()
    again = here.pipe("all printBalance", "restart 3")
    assert again.status == 1
    assert "benmo: node 3 is kept down" in again.err and "replace 3 puts" in again.err
    assert again.values[0]["nodes"]["3"]["reason"] == "node 3 has lost its disk"
    assert again.values[0]["nodes"]["2"]["height"] > 0
    ended = here.pipe("partition 1 2 | 3 4 5", "replace 3", options=("--keep-going", *QUICK))
    assert "the links are cut (1 2 | 3 4 5), and 3 that reach" in ended.values[1]["reason"]
    ended = here.pipe("replace 3", "3> moneyTransfer 1,3,1", "3> wait 60", "3> printMembers")
    assert ended.status == 0, ended
    assert ended.values[0] == {"replaced": [3]}
    old, new = (each for each in ended.values[-1] if each["node"] == 3)
    assert old["until"] == new["since"] - 1 and new["until"] is None


def test_a_node_that_was_killed_is_replaced_and_one_that_runs_is_not(here: Place) -> None:
    ended = here.pipe("replace 2", "stop 4", "replace 4", options=("--keep-going", *QUICK))
    assert ended.values[0]["reason"] == "node 2 is running: lose 2 or kill 2 first"
    assert ended.values[2]["reason"] == "node 4 is paused: lose 4 or kill 4 first"
    said = answers(here.pipe("kill 2", "replace 2", "2> wait 60", "all printBalance"))
    assert said[1] == {"replaced": [2]}
    assert len(list(here.state.glob("node-2.retired-*"))) == 1


def test_a_nodes_refusal_ends_the_script_with_its_status(here: Place) -> None:
    ended = here.pipe("1> printBalance  # what comes here is a comment", "", "2> pay 10,1,2", "ls")
    assert ended.status == 2
    assert len(ended.values) == 2
    assert ended.values[-1]["outcome"] == "not understood"
    ended = here.pipe("2> moneyTransfer 10,1,2", "ls", form="table")
    assert (ended.status, ended.out) == (1, "")
    assert "type that at node 1" in ended.err


def test_commands_may_come_as_options(here: Place) -> None:
    ended = run(*DEMO, *here.options, *QUICK, "-e", "use 3", "-e", "printBalance")
    assert ended.status == 0, ended
    assert ended.out.startswith("node 3 has ")


def test_waiting_for_what_can_not_be_decided_has_its_own_status(here: Place) -> None:
    ended = here.pipe("kill 1 2 3", "4> moneyTransfer 1,4,5", "4> wait 2")
    assert ended.status == 3
    assert ended.values[-1]["reason"] == "node 4 reaches 2 of 5, needs 3"
    answers(here.pipe("4> wait 60"))
