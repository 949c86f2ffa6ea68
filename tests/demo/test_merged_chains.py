"""All nodes' chains are shown as the one that they are, or else it is said aloud."""

from __future__ import annotations

from benmo.demo.merged_chains import chains_together
from benmo.paxos.types import Ballot

DECIDED_IN = {slot: Ballot(slot, 1) for slot in range(1, 9)}


def chain(*names: str, first: int = 1) -> list[dict[str, object]]:
    """Blocks of a transfer each, with these hashes."""
    return [
        {
            "slot": slot,
            "ballot": [slot, 1],
            "previous": "00",
            "hash": name * 64,
            "transfers": [
                {"id": f"1-{slot}", "amount": 1, "debit_node": 1, "credit_node": 2}
                | {"outcome": "applied"}
            ],
        }
        for slot, name in enumerate(names, first)
    ]


def test_one_chain_is_shown_once_with_its_transfers() -> None:
    text, table = chains_together({1: chain("a", "b"), 2: chain("a", "b")}, {})
    assert text.splitlines()[0] == "nodes 1 and 2 have all of it, up to slot 2"
    assert [(row[0], row[1], *row[3:5]) for row in table.rows] == [
        (1, "(1, 1)", "a" * 12, "1-1"),
        (2, "(2, 1)", "b" * 12, "1-2"),
    ]


def test_whoever_has_less_is_told_and_so_is_who_is_silent() -> None:
    silent = {"outcome": "unknown", "reason": "node 4 is not running"}
    text, table = chains_together(
        {1: chain("a", "b", "c"), 2: chain("a"), 3: [], 4: silent}, DECIDED_IN
    )
    assert text.splitlines() == [
        "node 1 has all of it, up to slot 3",
        "node 2 has it up to slot 1 only",
        "node 3 has none of it yet",
        "node 4 is not running",
    ]
    assert len(table.rows) == 3


def test_a_part_of_it_is_compared_by_its_slots() -> None:
    text, _ = chains_together({1: chain("e", "f", first=5), 2: chain("e", first=5)}, {})
    assert text.splitlines()[1] == "node 2 has it up to slot 5 only"


def test_another_block_is_said_aloud() -> None:
    text, _ = chains_together({1: chain("a", "b"), 2: chain("a", "x")}, {})
    assert "node 2 has ANOTHER BLOCK IN SLOT 2, which must never be" in text


def test_no_block_is_no_row() -> None:
    text, table = chains_together({1: [], 2: []}, {})
    assert (text, table.rows) == ("nodes 1 and 2 have no block there", [])


def test_the_ballot_that_decided_a_block_is_shown_if_a_notice_told_it() -> None:
    chains = {1: chain("a", "b", "c"), 2: chain("a", "b")}
    text, table = chains_together(chains, {1: Ballot(1, 1), 2: Ballot(3, 2)})
    assert [row[2] for row in table.rows] == ["(1, 1)", "(3, 2)", "?"]
    assert "slot 2: node 1 proposed it in (2, 1); node 2 had to take it over" in text
    assert "ANOTHER BLOCK" not in text
