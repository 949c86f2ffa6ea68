"""Runs with memos and keys: columns mean what rows mean, whichever of the columns are there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.errors import Reason
from benmo.ledger.blocks import AppliedBlock, Outcome, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.paxos.types import GENESIS_HASH, Ballot
from tests.support.strategies import examples

texts = st.sampled_from(["", "", "", "rent", "Zoë 🧾", "a" * 9])
rows = st.tuples(st.integers(1, 5), st.integers(-2, 9), texts, texts)
Row = tuple[int, int, str, str]


def run_of(first: int, held: list[Row]) -> Run:
    """A run of these rows, with no more columns than it needs."""
    payments = Payments(
        tuple(row[0] for row in held),
        tuple(row[1] for row in held),
        tuple(row[2] for row in held),
        tuple(row[3] for row in held),
    )
    return payments.numbered(1, first)


def rows_of(run: Run) -> list[Row]:
    return [(each.credit_node, each.amount, each.memo, each.key) for each in run.transfers()]


def require_whole(run: Run) -> None:
    """Each column is as long as the run, or isn't there, since nothing is in it."""
    for column in (run.memo, run.key):
        assert len(column) in (0, len(run))
        assert column == () or any(column)


several = st.lists(rows, max_size=6)


@examples
@given(several, st.integers(1, 99))
def test_a_run_holds_the_rows_of_which_it_is_made(held: list[Row], first: int) -> None:
    run = run_of(first, held)
    require_whole(run)
    assert rows_of(run) == held
    assert [each.id for each in run.transfers()] == [f"1-{first + n}" for n in range(len(held))]
    assert run.characters == sum(len(row[2]) + len(row[3]) for row in held)


@examples
@given(several, st.integers(0, 9))
def test_a_part_of_a_run_holds_a_part_of_its_rows(held: list[Row], cut: int) -> None:
    run = run_of(17, held)
    later, earlier = run.since(17 + cut), run.upto(cut)
    for part, expected in ((later, held[cut:]), (earlier, held[:cut])):
        require_whole(part)
        assert rows_of(part) == expected
    assert earlier.first == 17 and later.first == 17 + cut


@examples
@given(several, several, several)
def test_a_run_is_continued_with_its_texts(
    before: list[Row], both: list[Row], after: list[Row]
) -> None:
    """Whichever of the two has memos or keys, and however much of them is the same."""
    joined = run_of(5, before + both).joined(run_of(5 + len(before), both + after))
    require_whole(joined)
    assert rows_of(joined) == before + both + after
    assert joined.first == 5


@examples
@given(several, st.integers(0, 7))
def test_a_run_that_is_cut_and_joined_again_is_the_same(held: list[Row], cut: int) -> None:
    run = run_of(17, held)
    rest = run.since(17 + cut)
    assert run.upto(cut).joined(rest if len(rest) else run.since(run.end)) == run


@examples
@given(several, st.integers(0, 7), st.integers(0, 40))
def test_as_much_of_a_run_fits_as_there_is_room_for(
    held: list[Row], length: int, characters: int
) -> None:
    run = run_of(17, held)
    part = run.fitting(length, characters)
    require_whole(part)
    assert rows_of(part) == held[: len(part)] and part.first == 17
    assert len(part) <= length and part.characters <= characters
    if len(part) < min(length, len(held)):
        longer = held[: len(part) + 1]
        assert sum(len(row[2]) + len(row[3]) for row in longer) > characters


def test_texts_of_no_length_take_no_room() -> None:
    run = run_of(1, [(2, 1, "", ""), (2, 1, "", ""), (2, 1, "x", ""), (2, 1, "", "")])
    assert len(run.fitting(9, 0)) == 2
    assert len(run.fitting(9, 1)) == 4
    assert run_of(1, [(2, 1, "", "")] * 3).fitting(2, 0) == Run(1, 1, (2, 2), (1, 1))


@examples
@given(several, st.sets(st.integers(0, 6)))
def test_payments_without_some_are_the_others_in_their_order(
    held: list[Row], positions: set[int]
) -> None:
    columns = tuple(tuple(row[index] for row in held) for index in range(4))
    payments = Payments(*columns)  # type: ignore[arg-type]
    rest = payments.without(positions).numbered(1, 1)
    assert rows_of(rest) == [row for place, row in enumerate(held) if place not in positions]


def test_payments_without_texts_stay_without() -> None:
    payments = Payments.of((2, 10), (3, 5), (2, 1)).without({1})
    assert payments == Payments.of((2, 10), (2, 1))


@pytest.mark.parametrize(
    ("transfer", "shown"),
    [
        (Transfer(1, 17, 2, 10), "1-17 (10 from node 1 to node 2)"),
        (Transfer(1, 17, 2, 10, "rent"), "1-17 (10 from node 1 to node 2: rent)"),
        (Transfer(1, 17, 2, 10, "", "key"), "1-17 (10 from node 1 to node 2)"),
        (Transfer(1, 17, 2, 10, "a\\\u202eb"), "1-17 (10 from node 1 to node 2: a\\\\\\u202Eb)"),
    ],
)
def test_a_transfer_is_shown_with_its_memo(transfer: Transfer, shown: str) -> None:
    assert str(transfer) == shown


@examples
@given(st.lists(rows, min_size=1, max_size=5))
def test_texts_change_nothing_of_what_a_block_does(held: list[Row]) -> None:
    outcomes = []
    for run in (run_of(1, held), Run(1, 1, *zip(*[row[:2] for row in held], strict=True))):
        ledger = Ledger({1: 10, 2: 0, 3: 5})
        block = encode_block(1, Ballot(1, 1), GENESIS_HASH, 1.5, (run, run))
        applied = ledger.apply(block)
        outcomes.append((applied.refused, applied.skipped, ledger.balances, ledger.last))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(("memo", "key"), [((), ()), (("a", "", "c"), ("", "k", "l"))])
def test_a_transfer_is_found_as_it_would_be_by_walking(
    memo: tuple[str, ...], key: tuple[str, ...]
) -> None:
    runs = (
        Run(2, 4, (1, 3, 1), (5, 6, 7), memo, key),
        Run(1, 1, (2, 3, 2), (1, 2, 3), memo, key),
        Run(2, 5, (1, 3, 1), (6, 7, 8), memo, key),
    )
    applied = AppliedBlock(
        encode_block(1, Ballot(1, 1), GENESIS_HASH, 1.0, runs), refused=(1, 5), skipped=(6, 7)
    )
    walked = {
        (transfer.debit_node, transfer.number): (transfer, outcome)
        for transfer, outcome in applied.outcomes()
        if outcome is not Outcome.SKIPPED
    }
    assert len(walked) == 7
    for debit in (1, 2, 3):
        for number in range(9):
            assert applied.find(debit, number) == walked.get((debit, number))


@pytest.mark.parametrize(
    ("count", "memo", "key"),
    [(20_000, "", ""), (20_000, "m" * 36, "k" * 24), (10_000, "m" * 120, "")],
)
def test_a_request_holds_as_much_as_a_block_and_no_more(count: int, memo: str, key: str) -> None:
    def request(count: int, more: str = "") -> Payments:
        memos = (memo + more, *(memo,) * (count - 1)) if memo else ()
        return Payments((2,) * count, (1,) * count, memos, (key,) * count if key else ())

    assert request(count).why_too_much() is None
    refused = request(count + 1).why_too_much()
    assert refused is not None and refused.reason is Reason.TOO_MANY
    assert refused == (
        "at most 20,000 payments, or 1,200,000 characters of memos and keys, go into one request: "
        "send them in parts"
    )
    assert not memo or request(count, "m").why_too_much() == refused
