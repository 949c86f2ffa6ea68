"""`printBlockchain` shows where a block was first proposed, and which ballot decided it."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
from msgspec import structs

from benmo.commands.answers import Table
from benmo.commands.block_table import ShownBlock, chain_json, chain_notes, chain_table, shown
from benmo.commands.times import shown_time
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind
from benmo.typed_json import to_json

PROPOSED = Ballot(2, 1)


def applied(decided_in: Ballot) -> AppliedBlock:
    block = encode_block(1, PROPOSED, GENESIS_HASH, 1.5, (Run(1, 1, (2,), (10,)),))
    return Ledger({1: 100, 2: 100, 3: 100}).apply(block, decided_in)


def row(table: Table) -> dict[str, object]:
    return dict(zip(table.headers, table.rows[0], strict=True))


@pytest.mark.parametrize(
    ("decided_in", "cell", "note"),
    [
        (PROPOSED, "(2, 1)", ""),
        (
            Ballot(3, 2),
            "(3, 2)",
            "slot 1: node 1 proposed it in (2, 1); node 2 had to take it over, in (3, 2)",
        ),
        (
            Ballot(3, 1),
            "(3, 1)",
            "slot 1: node 1 proposed it in (2, 1), and again in (3, 1)",
        ),
        (Ballot.ZERO, "?", "?: not seen here, or before a restart"),
    ],
)
def test_a_block_has_the_ballot_of_its_proposal_and_the_one_that_decided_it(
    decided_in: Ballot, cell: str, note: str
) -> None:
    chain = [shown(applied(decided_in))]
    first = row(chain_table(chain))
    assert (first["proposed"], first["decided"]) == ("(2, 1)", cell)
    assert chain_notes(chain).startswith(note) and bool(chain_notes(chain)) == bool(note)


def test_what_programs_are_given_is_the_same_at_each_node_that_has_the_block() -> None:
    chains = [[shown(applied(each))] for each in (PROPOSED, Ballot(3, 2), Ballot.ZERO)]
    assert len({to_json(chain_json(chain)) for chain in chains}) == 1
    assert len({chain_table(chain).as_tsv() for chain in chains}) == 1
    headers, first = (line.split("\t") for line in chain_table(chains[0]).as_tsv().splitlines())
    assert headers == ["slot", "ballot", "hash", "transfer", "amount", "debit", "credit", "outcome"]
    assert first[:2] == ["1", "(2, 1)"]


def test_the_table_fits_into_80_columns() -> None:
    lines = [chain_table([shown(applied(PROPOSED))]).as_text(80)]
    lines += [chain_notes([shown(applied(each))]) for each in (Ballot(3, 2), Ballot.ZERO)]
    assert max(len(line) for text in lines for line in text.splitlines()) <= 80


def test_people_see_each_blocks_time_where_there_is_room_for_it() -> None:
    table = chain_table([shown(applied(PROPOSED))])
    assert row(table)["time (UTC)"] == "1970-01-01 00:00:01"
    header, cells, note = table.as_text(80).splitlines()
    assert header.split()[:4] == ["slot", "proposed", "decided", "hash"]
    assert "1970" not in cells
    assert note == "(left out to fit into 80 columns: time (UTC))"
    assert len(table.as_text(110).splitlines()) == 2, "there is room"


def test_what_programs_are_given_has_no_time() -> None:
    (block,) = cast("list[dict[str, object]]", chain_json([shown(applied(PROPOSED))]))
    assert list(block) == ["slot", "ballot", "previous", "hash", "transfers"]
    headers, cells = chain_table([shown(applied(PROPOSED))]).as_tsv().splitlines()
    assert len(headers.split("\t")) == len(cells.split("\t")) == 8


def test_a_chain_of_which_no_time_is_known_has_no_column_for_it() -> None:
    block = structs.replace(shown(applied(PROPOSED)), time=None)
    assert "time (UTC)" not in chain_table([block]).headers


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(-5.0, "1970-01-01 00:00:00"), (1e300, "9999-12-31 23:59:59")],
)
def test_a_wrong_clock_is_shown_as_the_nearest_date(time_s: float, text: str) -> None:
    assert shown_time(time_s) == text


def test_ballots_count_nothing_when_blocks_are_compared() -> None:
    assert applied(PROPOSED) == applied(Ballot.ZERO)


MEMBER = "6d34ad30" + 56 * "0"
REPLACED = Change(ChangeKind.REPLACE, 3, numbered_member(3), MEMBER, "h", 7003)


@pytest.mark.parametrize("runs", [(), (Run(1, 1, (2,), (10,)),)])
def test_a_change_of_the_membership_has_a_row_a_sentence_and_a_field(runs: tuple[Run, ...]) -> None:
    ledger = Ledger({1: 100, 2: 100, 3: 100})
    first = encode_block(1, PROPOSED, GENESIS_HASH, 1.5, runs, REPLACED)
    again = encode_block(2, PROPOSED, first.hash, 1.5, (), REPLACED)
    chain = [shown(ledger.apply(each, PROPOSED)) for each in (first, again)]
    table = chain_table(chain)
    rows = [dict(zip(table.headers, each, strict=True)) for each in table.rows[len(runs) :]]
    assert [(each["slot"], each["transfer"], each["outcome"]) for each in rows] == [
        (1, "replace 3", "applied"),
        (2, "replace 3", "refused"),
    ]
    assert chain_notes(chain).splitlines() == [
        "slot 1: node 3 has a new member, 6d34ad30",
        "slot 2: the change had no effect: replace node 3",
    ]
    change = cast("list[dict[str, dict[str, object]]]", chain_json(chain))[0]["change"]
    assert (change["kind"], change["node"], change["member"]) == ("replace", 3, MEMBER)
    assert max(map(len, table.as_text(80).splitlines())) <= 80
    assert msgspec.convert(msgspec.json.decode(to_json(chain_json(chain))), list[ShownBlock])


def test_a_block_without_a_change_has_no_such_field() -> None:
    assert "change" not in to_json(chain_json([shown(applied(PROPOSED))]))
