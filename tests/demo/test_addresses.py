"""Whom a line is for, and what it may be called."""

from __future__ import annotations

import pytest

from benmo.commands.table import COMMANDS, Command
from benmo.demo.addresses import AddressedLine, read_line, require_node_command
from benmo.demo.links import Links, links_named, pairs_between, read_groups, read_nodes
from benmo.demo.table import DEMO_COMMANDS, DemoCommand, command_meant
from benmo.errors import NotUnderstood, Refused
from benmo.paxos.types import NodeId

NODES = (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("typed", "target", "text"),
    [
        ("2> moneyTransfer 10,2,3", "2", "moneyTransfer 10,2,3"),
        ("2>printQueue", "2", "printQueue"),
        ("  2 > printQueue ", "2", "printQueue"),
        ("all> printBalance", "all", "printBalance"),
        ("ALL > printBalance all", "all", "printBalance all"),
        ("2>", "2", ""),
        ("printQueue", "", "printQueue"),
        ("all printBalance", "", "all printBalance"),
        ("moneyTransfer 10,2,3", "", "moneyTransfer 10,2,3"),
        ("partition 1 2 | 3 4 5", "", "partition 1 2 | 3 4 5"),
        ("x2> printQueue", "", "x2> printQueue"),
    ],
)
def test_a_line_says_whom_it_is_for(typed: str, target: str, text: str) -> None:
    assert read_line(typed) == AddressedLine(target, text)


def test_every_name_in_full_means_what_it_says_in_any_case() -> None:
    for word in DEMO_COMMANDS:
        for name in (word.name, word.name.upper()):
            assert command_meant(name) is word
    own = {word.name for word in DEMO_COMMANDS}
    for command in COMMANDS:
        if command.name not in own:
            assert command_meant(command.name.lower()) is command


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mon", "moneyTransfer"),
        ("re", "restoreLink"),
        ("resta", "restart"),
        ("w", "wait"),
        ("par", "partition"),
        ("k", "kill"),
        ("con", "continue"),
        ("he", "help"),
        ("hea", "heal"),
        ("st", "stop"),
    ],
)
def test_a_beginning_is_enough_and_a_nodes_command_keeps_its_own(typed: str, meant: str) -> None:
    assert command_meant(typed).name == meant


@pytest.mark.parametrize("typed", ["print", "p", "l"])
def test_a_beginning_of_several_is_refused_with_their_names(typed: str) -> None:
    with pytest.raises(NotUnderstood, match=" or "):
        command_meant(typed)


@pytest.mark.parametrize(("typed", "hint"), [("restrat", "restart"), ("partiton", "partition")])
def test_a_slip_is_answered_with_a_guess(typed: str, hint: str) -> None:
    with pytest.raises(NotUnderstood, match=f"did you mean {hint}"):
        command_meant(typed)


@pytest.mark.parametrize("text", ["kill 3", "ls", "use 2", "partition 1 | 2"])
def test_a_node_is_not_asked_what_only_the_demo_knows(text: str) -> None:
    with pytest.raises(NotUnderstood, match="without 2: "):
        require_node_command(text, "2")


def test_exit_at_a_node_is_not_taken_for_leaving() -> None:
    with pytest.raises(NotUnderstood, match="kill 2"):
        require_node_command("exit", "2")


def test_help_and_a_nodes_commands_may_be_asked_of_a_node() -> None:
    for text in ("help", "printQueue", "mon 1,2,3"):
        require_node_command(text, "2")


def test_both_tables_are_of_one_kind_each() -> None:
    assert all(isinstance(word, DemoCommand) for word in DEMO_COMMANDS)
    assert isinstance(command_meant("printQueue"), Command)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("1 2 | 3 4 5", ((1, 2), (3, 4, 5))),
        ("1,2|3,4,5", ((1, 2), (3, 4, 5))),
        ("1 | 2 | 3 4 5", ((1,), (2,), (3, 4, 5))),
        ("1 2", ((1, 2), (3, 4, 5))),
        ("2 | 4", ((2,), (4,), (1, 3, 5))),
    ],
)
def test_sides_of_a_partition_are_read(text: str, groups: object) -> None:
    assert read_groups(text, NODES) == groups


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 2 | 2 3", "two sides"),
        ("1 2 3 4 5", "partition 1 2 . 3 4 5"),
        ("all", "together"),
        ("|", "together"),
        ("1 | 9", "there is no node 9"),
        ("1 | x", "a number from 1 to 5"),
        ("1 | 1234567890123", "a number from 1 to 5"),
    ],
)
def test_a_partition_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_groups(text, NODES)


def test_nodes_are_read_once_each() -> None:
    assert read_nodes("3, 3 4", NODES) == (3, 4)
    assert read_nodes("ALL", NODES) == NODES
    assert read_nodes("", NODES) == ()


def test_links_are_remembered_until_they_are_healed() -> None:
    links = Links(NODES)
    assert links.is_whole
    links.split(((1, 2), (3, 4, 5)))
    links.slow(pairs_between((1,), (2, 3)), 200)
    assert links.cut_from(1) == [3, 4, 5]
    assert links.cut_from(4) == [1, 2]
    assert links.delays_of(1) == {2: 200, 3: 200}
    assert links.delays_of(3) == {1: 200}
    links.slow([(1, 2)], 0)
    assert links.delays_of(1) == {3: 200}
    links.heal()
    assert links.is_whole
    assert links.cut_from(1) == []


def test_one_way_of_a_link_is_cut_alone_and_mended_with_the_other() -> None:
    links = Links(NODES)
    links.cut = {(1, 2), (3, 4), (4, 3)}
    assert (links.unheard_by(1), links.cut_from(1)) == ([2], [])
    assert (links.unheard_by(2), links.cut_from(2)) == ([], [])
    assert (links.unheard_by(3), links.cut_from(3)) == ([], [4])
    assert links.connected_to(1) == [1, 3, 4, 5]
    assert links.connected_to(2) == [2, 3, 4, 5]
    links.slow([(1, 2), (1, 5)], 70)
    assert links.summary() == ["cut: 3–4, 1 to 2", "slowed: 1–2 by 70 ms, 1–5 by 70 ms"]
    links.mend([(1, 2)])
    assert links.cut == {(3, 4), (4, 3)}
    assert links.delays_ms == {(1, 5): 70}


def test_cuts_are_shown_as_sides_only_where_they_part_the_nodes_into_sides() -> None:
    links = Links(NODES)
    for sides in (((1, 2), (3, 4, 5)), ((1,), (2, 3), (4, 5))):
        links.split(sides)
        assert links.shown() == " | ".join(" ".join(map(str, side)) for side in sides)
    links.split(((1, 2), (3, 4, 5)))
    links.mend([(2, 3)])
    assert links.shown() == "1–3, 1–4, 1–5, 2–4, 2–5"


@pytest.mark.parametrize(
    ("some", "others", "name"),
    [
        ((1,), (2,), "the link between 1 and 2"),
        ((1, 2, 3, 4), (1, 2, 3, 4), "each link"),
        ((3,), (1, 2, 3, 4), "each link of node 3"),
        ((1, 2), (3, 4), "each of the links 1–3, 1–4, 2–3, 2–4"),
    ],
)
def test_slowed_links_are_named(
    some: tuple[NodeId, ...], others: tuple[NodeId, ...], name: str
) -> None:
    assert links_named(pairs_between(some, others), (1, 2, 3, 4)) == name
