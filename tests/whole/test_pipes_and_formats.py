"""Benmo unattended: commands from pipes and options, exit statuses, JSON and TSV."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benmo.commands.table import COMMANDS
from tests.support.processes import BENMO, NODE, Finished, run
from tests.support.real_cluster import RealCluster
from tests.whole.answer_shapes import (
    Balance,
    Balances,
    Block,
    Decided,
    Exact,
    NotUnderstood,
    Queued,
    Refused,
    State,
    Unknown,
    Waiting,
    require_shape,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes that run, and a block in their chain."""
    with RealCluster(tmp_path_factory.mktemp("formats"), 3) as cluster:
        cluster.start()
        made = cluster.attach(1, "moneyTransfer 10,1,2", "wait 60")
        assert made.status == 0, made
        for node in cluster.nodes:
            cluster.until(node, "printStatus", lambda status: status["height"] == 1)
        yield cluster


@pytest.fixture
def mute(cluster: RealCluster) -> Iterator[RealCluster]:
    """Cut node 3 off; at the end, its queue is decided."""
    assert cluster.attach(3, "severLink 1", "severLink 2").status == 0
    yield cluster
    assert cluster.attach(3, "restoreLink all", "wait 60").status == 0


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give a cluster of which only one node, at a pipe, will ever run."""
    with RealCluster(tmp_path_factory.mktemp("pipes"), 3) as cluster:
        yield cluster


def piped(cluster: RealCluster, typed: str, form: str = "json") -> Finished:
    """Node 1 with these lines on its standard input."""
    return run(*NODE, "1", "--format", form, *cluster.state_option, typed=typed)


def test_each_answer_in_json_is_one_line_of_the_promised_shape(cluster: RealCluster) -> None:
    shapes: dict[str, Any] = {
        "moneyTransfer 1,1,2": Queued,
        "wait 60": Decided,
        "printBalance": Balance,
        "printBalance all": Balances,
        "printQueue": list[Waiting],
        "printBlockchain": list[Block],
        "printStatus": State,
    }
    finished = cluster.attach(1, *shapes)
    assert finished.status == 0 and finished.err == ""
    for value, wanted in zip(finished.values, shapes.values(), strict=True):
        require_shape(value, wanted)
    _, _, _, balances, queue, chain, status = finished.values
    assert sum(balances["balances"].values()) == 300
    assert queue == []
    assert [block["slot"] for block in chain] == list(range(1, len(chain) + 1))
    assert all(after["previous"] == block["hash"] for block, after in pairwise(chain))
    assert (status["height"], status["head"]) == (len(chain), chain[-1]["hash"])
    assert [peer["node"] for peer in status["peers"]] == [2, 3]


def test_a_pipe_may_go_on_after_a_refused_payment(tmp_path: Path) -> None:
    typed = "moneyTransfer 1000,1,2\nmoneyTransfer 1,1,2\n"
    with RealCluster(tmp_path, 3) as alone:
        option = alone.state_option
        finished = run(*NODE, "1", "--keep-going", "--format", "json", *option, typed=typed)
    refused, queued = finished.values
    require_shape(refused, Refused)
    require_shape(queued, Queued)
    assert finished.status == 1


def test_a_queue_without_a_quorum_in_json(mute: RealCluster) -> None:
    commands = ("moneyTransfer 2,3,1", "printQueue", "printBalance", "wait 0.2", "help")
    finished = mute.attach(3, *commands)
    assert finished.status == 3
    queued, queue, balance, waited = finished.values
    require_shape(queued, Queued)
    require_shape(queue, list[Waiting])
    require_shape(waited, Unknown)
    assert queue[-1] == {"id": queued["id"], "amount": 2, "debit_node": 3, "credit_node": 1}
    assert balance["available"] == balance["balance"] - 2
    assert waited == {
        "outcome": "unknown",
        "queue": 1,
        "reason": "node 3 reaches 1 of 3, needs 2",
    }


@pytest.mark.parametrize(
    ("line", "shape", "status"),
    [
        ("moneyTransfer 1000,1,2", Refused, 1),
        ("moneyTransfer 1,2,1", Refused, 1),
        ("moneyTransfer 0,1,2", Refused, 1),
        ("moneyTransfer 1,1,1", Refused, 1),
        ("moneyTransfer 1,1,4", Refused, 1),
        ("severLink 1", Refused, 1),
        ("restoreLink 2", Refused, 1),
        ("moneyTransfer 1.5,1,2", NotUnderstood, 2),
        ("moneyTransfer 1", NotUnderstood, 2),
        ("moneyTransfer ,1,,1,2", NotUnderstood, 2),
        ("moneyTransfer 1,1,2,", NotUnderstood, 2),
        ("moneyTransfer(1,1,2", NotUnderstood, 2),
        ("launch", NotUnderstood, 2),
        ("print", NotUnderstood, 2),
        ("wait soon", NotUnderstood, 2),
        ("printBalance everything", NotUnderstood, 2),
    ],
)
def test_a_failure_in_json_has_its_status_and_ends_the_work(
    cluster: RealCluster, line: str, shape: type[Exact], status: int
) -> None:
    finished = cluster.attach(1, line, "printBalance")
    assert finished.status == status
    assert finished.err == ""
    (value,) = finished.values
    require_shape(value, shape)


def test_a_failure_for_people_is_one_line_on_standard_error(cluster: RealCluster) -> None:
    finished = cluster.attach(1, "printBalance", "moneyTransfer 1000,1,2", "help", form="table")
    assert finished.status == 1
    assert finished.out.count("\n") == 1 and finished.out.startswith("node 1 has ")
    assert finished.err.count("\n") == 1 and "refused: node 1 has " in finished.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("monyTransfer 1 2 3", "there is no command 'monyTransfer': did you mean moneyTransfer?"),
        ("status", "there is no command 'status': did you mean printStatus?"),
        ("a,b,c", "there is no command 'a': help lists the commands"),
    ],
)
def test_an_unknown_command_is_answered_with_a_near_one_or_none(
    cluster: RealCluster, typed: str, told: str
) -> None:
    assert cluster.attach(1, typed, form="table").err == told + "\n"


def test_tsv_has_one_row_a_line_and_as_many_cells_in_each(cluster: RealCluster) -> None:
    headers = ["slot", "ballot", "hash", "transfer", "amount", "debit", "credit", "outcome"]
    tables = {
        "printBlockchain": headers,
        "printBalance all": ["node", "balance"],
        "printBalance": ["node", "balance", "available", "height"],
        "printQueue": ["id", "amount", "debit_node", "credit_node"],
    }
    for command, headers in tables.items():
        finished = cluster.attach(2, command, form="tsv")
        rows = [line.split("\t") for line in finished.out.splitlines()]
        assert rows[0] == headers
        assert all(len(row) == len(headers) for row in rows), rows
    balances = cluster.attach(2, "printBalance all", form="tsv").out.splitlines()[1:]
    assert sum(int(line.split("\t")[1]) for line in balances) == 300
    status = cluster.attach(2, "printStatus", form="tsv").out.splitlines()
    assert status[0] == "node\t2" and all(line.count("\t") == 1 for line in status)


@pytest.mark.parametrize(
    "line",
    [
        "printBalance all",
        "PRINTBALANCE ALL",
        "printbal all",
        "PrintBa,all",
        "  printBalance   all  ",
        "printBalance, all",
    ],
)
def test_a_command_may_be_in_any_case_and_short(cluster: RealCluster, line: str) -> None:
    finished = cluster.attach(1, line)
    assert finished.status == 0, finished
    require_shape(finished.values[0], Balances)


@pytest.mark.parametrize(
    "written", ["1,1,2", "1 1 2", "1, 1, 2", " 1 ,1 ,2", "1\t1\t2", "+1,1,2", "(1, 1, 2)"]
)
def test_arguments_are_parted_by_commas_or_blanks(cluster: RealCluster, written: str) -> None:
    finished = cluster.attach(1, f"moneyTransfer {written}", "wait 60")
    assert finished.status == 0, finished
    last = cluster.attach(1, "printBlockchain").values[0][-1]["transfers"][-1]
    expected = {"amount": 1, "debit_node": 1, "credit_node": 2, "outcome": "applied"}
    assert last == {"id": finished.values[0]["id"], **expected}


def test_slots_may_be_chosen(cluster: RealCluster) -> None:
    cluster.attach(2, "moneyTransfer 1,2,1", "wait 60", "moneyTransfer 1,2,1", "wait 60")
    (whole,) = cluster.attach(2, "printBlockchain").values
    chosen = cluster.attach(2, "printBlockchain 2", "printBlockchain 2 2", "printBlockchain 1 999")
    assert chosen.values == [whole[1:], whole[1:2], whole]


def test_slots_that_are_not_there_are_not_called_an_empty_chain(cluster: RealCluster) -> None:
    shown = cluster.attach(2, "printBlockchain 900 901", form="table")
    assert "the chain is empty" not in shown.out + shown.err


@pytest.mark.parametrize("form", ["table", "json", "tsv"])
def test_help_lists_every_command(cluster: RealCluster, form: str) -> None:
    finished = cluster.attach(1, "help", form=form)
    assert finished.status == 0
    for command in COMMANDS:
        assert command.usage in finished.out and command.meaning in finished.out
    names = "moneyTransfer printBlockchain printBalance printQueue printStatus severLink"
    for name in f"{names} restoreLink crashNode wait help exit".split():
        assert name in finished.out


def test_attach_reads_a_pipe_too(cluster: RealCluster) -> None:
    typed = "# who am I?\nprintBalance   # only this\n\nexit\nprintStatus\n"
    command = (*BENMO, "attach", "2", "--format", "json", *cluster.state_option)
    finished = run(*command, typed=typed)
    assert finished.status == 0, finished
    require_shape(finished.values, list[Balance])
    assert cluster.attach(2, "printStatus").status == 0


def test_links_cut_from_a_pipe_stay_cut_and_show(cluster: RealCluster) -> None:
    cut = cluster.attach(1, "severLink 2", "severLink 3 --one-way", "printStatus")
    assert cut.status == 0, cut
    assert [peer["link"] for peer in cut.values[2]["peers"]] == ["severed", "severed"]
    mended = cluster.attach(1, "restoreLink 2", "restoreLink ALL")
    assert mended.values == [{"restored": [2]}, {"restored": [3]}]
    cluster.until(1, "printStatus", lambda s: [peer["link"] for peer in s["peers"]] == ["up", "up"])


def test_a_node_at_a_pipe_skips_comments_and_leaves_at_the_end(lonely: RealCluster) -> None:
    typed = "# two commands\n\nprintBalance # mine\n   # no more\nprintQueue"
    finished = piped(lonely, typed)
    assert (finished.status, finished.err) == (0, "")
    require_shape(finished.values, tuple[Balance, list[Waiting]])
    journal = (lonely.node_directory(1) / "journal.jsonl").read_text()
    assert journal.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "status", "answers"),
    [
        ("", 0, 0),
        ("# nothing\n", 0, 0),
        ("exit\nprintBalance\n", 0, 0),
        ("printBalance\nmoneyTransfer 101,1,2\nprintBalance\n", 1, 2),
        ("printBalance\nfly\nprintBalance\n", 2, 2),
        ("wait 0\nprintBalance\n", 0, 2),
    ],
)
def test_a_node_at_a_pipe_stops_at_the_first_error(
    lonely: RealCluster, typed: str, status: int, answers: int
) -> None:
    finished = piped(lonely, typed)
    assert finished.status == status, finished
    assert len(finished.values) == answers


def test_a_node_without_a_quorum_says_so_in_time_and_keeps_the_queue(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as lonely:
        finished = piped(lonely, "moneyTransfer 5,1,2\nwait 0.2\nprintBalance\n")
        assert finished.status == 3, finished
        reason = "node 1 reaches 1 of 3, needs 2"
        assert finished.values == [
            {"id": "1-1", "outcome": "queued"},
            {"outcome": "unknown", "queue": 1, "reason": reason},
        ]
        again = piped(lonely, "wait 0.2\n", form="table")
        assert again.status == 3
        assert again.err == f"queued, not decided: 1 in the queue after 0.2 s: {reason}\n"
        lonely.start(1, 2)
        assert lonely.attach(1, "wait 60").status == 0


def test_a_node_at_a_pipe_takes_part_while_it_waits(cluster: RealCluster) -> None:
    cluster.signal(3, signal.SIGTERM)
    assert cluster.ended(3) == 0
    command = (*NODE, "3", "--format", "json", *cluster.state_option)
    finished = run(*command, typed="moneyTransfer 1 3 1\nwait 60\n")
    assert finished.status == 0, finished
    require_shape(finished.values, tuple[Queued, Decided])
    cluster.start(3)
