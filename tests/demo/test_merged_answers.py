"""One table out of what all nodes answered."""

from __future__ import annotations

import json

from benmo.commands.answers import Status
from benmo.demo.merged_answers import together


def lines(values: dict[int, object]) -> list[list[str]]:
    output = together(values, Status.DONE).rendered("tsv").output
    return [line.split("\t") for line in output.split("\n")]


def test_objects_become_rows_and_say_their_node_once() -> None:
    values: dict[int, object] = {
        1: {"node": 1, "balance": 90, "available": 80, "height": 7},
        2: {"node": 2, "balance": 110, "available": 110, "height": 6},
    }
    assert lines(values) == [
        ["node", "balance", "available", "height"],
        ["1", "90", "80", "7"],
        ["2", "110", "110", "6"],
    ]


def test_why_a_node_could_not_comes_last_whoever_is_first() -> None:
    silent = {"outcome": "unknown", "reason": "node 1 is not running"}
    values: dict[int, object] = {1: silent, 2: {"node": 2, "balance": 110}}
    assert lines(values)[0] == ["node", "balance", "outcome", "reason"]


def test_lists_become_a_row_an_item() -> None:
    values: dict[int, object] = {
        1: [{"id": "1-1", "amount": 5}, {"id": "1-2", "amount": 6}],
        2: [],
        3: [{"id": "3-1", "amount": 7}],
    }
    assert lines(values) == [
        ["node", "id", "amount"],
        ["1", "1-1", "5"],
        ["1", "1-2", "6"],
        ["2", "", ""],
        ["3", "3-1", "7"],
    ]


def test_lists_without_an_item_say_so() -> None:
    assert lines({1: [], 2: []}) == [["node", "answer"], ["1", "nothing"], ["2", "nothing"]]


def test_a_node_that_is_down_has_its_reason_in_the_table() -> None:
    values: dict[int, object] = {
        1: {"node": 1, "balance": 90},
        3: {"outcome": "unknown", "reason": "node 3 is not running"},
    }
    assert lines(values) == [
        ["node", "balance", "outcome", "reason"],
        ["1", "90", "", ""],
        ["3", "", "unknown", "node 3 is not running"],
    ]


def test_what_lies_within_is_flattened_named_or_counted() -> None:
    inner: dict[str, object] = {
        "balances": {"1": 90, "2": 110},
        "ballot": [3, 1],
        "promised": None,
        "quorum": True,
        "transfers": [{"id": "1-1"}, {"id": "1-2"}],
        "hash": "ab" * 32,
        "restored": [2, 3, 4],
    }
    header, row = lines({1: inner})
    assert dict(zip(header, row, strict=True)) == {
        "node": "1",
        "balances 1": "90",
        "balances 2": "110",
        "ballot": "(3, 1)",
        "promised": "",
        "quorum": "yes",
        "transfers": "2",
        "hash": "abababababab",
        "restored": "2, 3, 4",
    }


def test_what_people_wrote_can_not_trick_the_terminal() -> None:
    assert lines({1: {"memo": "a\x1b[31m\tb\u202e"}})[1] == ["1", r"a\u001B[31m\u0009b\u202E"]


def test_in_json_the_nodes_own_values_are_kept_whole() -> None:
    values: dict[int, object] = {1: [{"id": "1-1", "more": [1, {"x": 2}]}], 2: None}
    rendered = together(values, Status.UNKNOWN).rendered("json")
    assert json.loads(rendered.output) == {"nodes": {"1": values[1], "2": None}}
    assert rendered.status is Status.UNKNOWN
