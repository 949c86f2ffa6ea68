"""docs/reference.md is complete: every program, option, command, answer and limit, as it is."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import click
import msgspec
import pytest

from benmo import cli, client, cluster
from benmo.client import Client, Reason
from benmo.client import errors as client_errors
from benmo.commands import arguments
from benmo.commands.answers import Status
from benmo.commands.table import COMMANDS
from benmo.control import requests
from benmo.demo.table import DEMO_COMMANDS
from benmo.engine import surroundings
from benmo.ledger import blocks, transfers
from benmo.ledger import visible_text as text
from benmo.network import frames, link, listener
from benmo.network import peer_link as transports
from benmo.node import commanders, handlers, link_handlers
from benmo.node.process import FAILED, RETIRED
from benmo.paxos.types import NODES_MAX
from benmo.storage import node_storage as storages
from tests.support.documents import section, text_of
from tests.support.processes import ROOT
from tests.support.real_cluster import RealCluster

DOCUMENT = "docs/reference.md"

VALUES = (
    "Payment",
    "Receipt",
    "Balances",
    "Block",
    "MembershipChange",
    "Transfer",
    "AccountTransfer",
    "Status",
)

LIMITS = {
    "nodes": f"{NODES_MAX}",
    "a node's balance at first": f"{cluster.BALANCE_MAX:,}",
    "transfers in a queue": f"`log_limit`: {cluster.ClusterSettings().log_limit}",
    "transfers of programs in a queue": f"`queue_limit`: {cluster.QUEUE_LIMIT:,}",
    "transfers in a block": f"{surroundings.Limits().block_transfers_max:,}",
    "a block": f"{blocks.BLOCK_BYTES_MAX >> 20} MiB",
    "a frame on the wire": f"{frames.FRAME_BYTES_MAX >> 20} MiB",
    "characters of memos and keys in a block": f"{transfers.BLOCK_CHARACTERS_MAX:,}",
    "payments in a request": f"{transfers.BLOCK_TRANSFERS_MAX:,}",
    "characters of memos and keys in a request": f"{transfers.BLOCK_CHARACTERS_MAX:,}",
    "a commander's request": f"{requests.REQUEST_BYTES_MAX >> 20} MiB",
    "characters of a memo": f"{text.MEMO_CHARACTERS_MAX}",
    "characters of a command's line": f"{arguments.LINE_CHARACTERS_MAX:,}",
    "characters of a key": f"{text.KEY_CHARACTERS_MAX}",
    "blocks that `printBlockchain` shows at a time": f"{handlers.BLOCKS_SHOWN_MAX:,}",
    "transfers that it or `printQueue` shows at a time; of one block, all": (
        f"{handlers.TRANSFERS_SHOWN_MAX:,}"
    ),
    "a delay of `delayLink`": f"{link_handlers.DELAY_MS_MAX:,} ms",
    "a journal before a checkpoint": f"{surroundings.Limits().journal_bytes_max >> 20} MiB",
    "decisions that wait for an fsync": f"{storages._UNSYNCED_BYTES_MAX >> 10} KiB",
    "blocks sent at a time to a node that is behind": (
        f"{surroundings.Limits().blocks_bytes_max >> 20} MiB"
    ),
    "bytes that wait for a peer which takes nothing": f"{transports.SEND_BYTES_MAX >> 20} MiB",
    "connections that command a node": (
        "{} for one more that reads, {} for one that pays, {} with the node's own certificate"
    ).format(*commanders.CONNECTIONS_MAX.values()),
    "requests under way at a node, by the memory that they may take": (
        f"{commanders.REQUESTS_BYTES_MAX >> 20} MiB"
    ),
    "long request frames under way, unless it is one alone": (
        f"{commanders.FRAMES_BYTES_MAX >> 20} MiB"
    ),
    "blocks in an answer; less with more than eight connections": (
        f"{commanders.ANSWER_BYTES_MAX >> 20} MiB"
    ),
    "strangers in a handshake at a time": f"{listener.PENDING_MAX}",
    "a handshake": f"{link.HANDSHAKE_TIMEOUT_S:g} s",
    "a frame, from its first byte to its last": f"{frames.FRAME_TIMEOUT_S:g} s",
    "`wait` without a time": f"{arguments.WAIT_S:g} s",
}


def rows(title: str) -> list[list[str]]:
    """The cells of the tables under a heading, without the tables' heads."""
    cells = [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in section(DOCUMENT, title).splitlines()
        if line.startswith("|")
    ]
    marks = [index for index, row in enumerate(cells) if re.fullmatch(r"[-: ]+", row[0])]
    heads = {index - 1 for index in marks}.union(marks)
    return [row for index, row in enumerate(cells) if index not in heads]


def named(command: click.Command) -> str:
    """The section of a program's."""
    heading = rf"^### .*`(?:python3? .*, )?benmo {command.name}\b.*$"
    found = re.search(heading, text_of(DOCUMENT), re.M)
    assert found is not None, f"{DOCUMENT} says nothing of benmo {command.name}"
    return section(DOCUMENT, found[0].lstrip("# "))


@pytest.mark.parametrize("name", cli.ENTRIES)
def test_every_option_of_every_program_is_explained_and_no_other(name: str) -> None:
    command = cli.main.get_command(click.Context(cli.main), name)
    assert command is not None
    command.name = name
    part = named(command)
    options = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    lines = [line for line in part.splitlines() if line.startswith("| `-")]
    told = {found for line in lines for found in re.findall(r"`(--?[a-z-]+)", line.split(" | ")[0])}
    assert told == options - {"-h", "--help"}


def test_every_command_is_explained_and_no_other() -> None:
    told = [row[0].strip("`") for row in rows("Commands") if len(row) == 2]
    usages = [command.usage for command in COMMANDS]
    assert told[: len(usages)] == usages


def test_every_exit_status_is_explained() -> None:
    told = [int(row[0]) for row in rows("Exit statuses")]
    assert told == [*map(int, Status), FAILED, RETIRED, 130]


def test_every_setting_is_explained() -> None:
    told = [row[0].strip("`") for row in rows("Settings in `cluster.json`")]
    fields = msgspec.structs.fields(cluster.ClusterSettings)
    assert told == ["cluster", "nodes", "addresses", *(field.name for field in fields)]


def test_every_field_of_every_value_of_the_client_is_named() -> None:
    told = {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in rows("For programs")}
    fields = {name: list(inspect.signature(getattr(client, name)).parameters) for name in VALUES}
    assert {name: told[name] for name in VALUES} == fields


def test_the_limits_are_those_of_the_code() -> None:
    assert {row[0]: row[1] for row in rows("Limits")} == LIMITS


def test_every_word_of_the_demo_is_explained_and_no_other() -> None:
    title = "`python3 scripts/demo.py`, `benmo demo`"
    told = [
        found for row in rows(title) if len(row) == 2 for found in re.findall(r"`(.+?)`", row[0])
    ]
    assert told[0] == "N> COMMAND"
    assert told[1:] == [word.usage for word in DEMO_COMMANDS]


def test_every_metric_is_explained_and_no_other() -> None:
    """By the names that its module gives out; a test of the endpoint's own scrapes it."""
    source = (ROOT / "benmo" / "node" / "metrics.py").read_text()
    names = set(re.findall(r'"(benmo_[a-z_]+)"', source)) - {"benmo_node"} | {"benmo_node_info"}
    assert {row[0].strip("`") for row in rows("Metrics")} == names


def test_every_method_and_error_of_the_client_is_explained_and_no_other() -> None:
    told = {row[0].strip("`").partition("(")[0]: row[0] for row in rows("For programs")}
    methods = {name for name in vars(Client) if not name.startswith("_")} - {"node"}
    errors = {each.__name__ for each in vars(client_errors).values() if is_client_error(each)}
    assert set(told) == methods | errors | set(VALUES)
    for name in methods:
        parameters = set(inspect.signature(getattr(Client, name)).parameters) - {"self"}
        shown = set(re.findall(r"\w+", told[name].partition("(")[2]))
        assert shown == parameters - {"timeout_s", "reconnect_s"}, name


def test_every_reason_of_a_refusal_is_explained_and_no_other() -> None:
    assert [row[0].strip("`") for row in rows("Why a payment is refused")] == list(
        Reason.__members__
    )


def is_client_error(value: object) -> bool:
    base = client_errors.ClientError
    return isinstance(value, type) and issubclass(value, base) and value is not base


# Answers.

ANSWERS = [(row[0].strip("`"), row[1].strip("`")) for row in rows("Commands")[len(COMMANDS) :]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Two transfers: one decided, and one that may still wait."""
    with RealCluster(tmp_path_factory.mktemp("reference"), 3) as found:
        found.start()
        found.ask(1, "moneyTransfer 1,1,2")
        assert found.ask(1, "wait 60")["outcome"] == "decided"
        yield found


@pytest.mark.parametrize(("line", "shown"), ANSWERS, ids=[line for line, _ in ANSWERS])
def test_an_answer_is_of_the_shape_that_is_shown(
    line: str, shown: str, running: RealCluster
) -> None:
    if line.startswith("restoreLink"):  # whichever tests ran before this one
        running.ask(1, "severLink 2")
    (answer,) = running.attach(1, line).values
    if line == "printQueue":
        assert isinstance(answer, list)
        return
    assert shape(answer) == shape(json.loads(shown))


def test_every_command_that_answers_has_its_answer_shown() -> None:
    silent = {"exit", "crashNode"}
    assert {line.split()[0] for line, _ in ANSWERS} >= {
        command.name for command in COMMANDS if command.name not in silent
    }


def shape(value: Any) -> Any:
    """The names and kinds of what is in a JSON value, whatever it is."""
    match value:
        case {"balances": _, **rest}:
            return {"balances": "by node", **shape(rest)}
        case {"outcome": outcome, **rest}:
            return {"outcome": outcome, **shape(rest)}
        case dict():
            return {name: shape(item) for name, item in value.items()}
        case [first, *_]:
            return [shape(first)]
        case _:
            return type(value).__name__
