"""The ledger: every node finds the same outcomes, and money is neither made nor lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.ledger.blocks import Block, Outcome, decode_block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run, Transfer
from benmo.paxos.types import GENESIS_HASH, Ballot
from tests.support.strategies import examples

BALANCES = {1: 100, 2: 50, 3: 0}
HUGE = 10**30


def next_block(ledger: Ledger, *runs: Run) -> Block:
    return encode_block(ledger.height + 1, Ballot(1, 1), ledger.head, 1.5, runs)


def apply(ledger: Ledger, *runs: Run) -> str:
    """The outcomes of a block of these runs, a letter each."""
    applied = ledger.apply(next_block(ledger, *runs))
    ledger.check()
    return "".join(outcome[0] for _, outcome in applied.outcomes())


def received_one_by_one(run: Run) -> dict[int, int]:
    received = dict.fromkeys(run.credit, 0)
    for transfer in run.transfers():
        received[transfer.credit_node] += transfer.amount
    return received


@examples
@given(
    st.lists(
        st.tuples(st.sampled_from([2, 3, 99, 255, 256, -1, 7, 8, 9, 10]), st.integers(1, 10**20)),
        min_size=1,
        max_size=40,
    )
)
def test_what_each_receives_is_what_one_by_one_gives(payments: list[tuple[int, int]]) -> None:
    credit, amount = zip(*payments, strict=True)
    run = Run(1, 1, credit, amount)
    assert run.received() == received_one_by_one(run)


# One block.

NOTHING_MOVES = dict(BALANCES)

CASES: dict[str, tuple[Sequence[Run], str, dict[int, int]]] = {
    "one transfer": ([Run(1, 1, (2,), (10,))], "a", {1: 90, 2: 60, 3: 0}),
    "the whole balance": ([Run(1, 1, (2,), (100,))], "a", {1: 0, 2: 150, 3: 0}),
    "the whole balance in parts": ([Run(1, 1, (2, 3), (99, 1))], "aa", {1: 0, 2: 149, 3: 1}),
    "one too much": ([Run(1, 1, (2,), (101,))], "r", NOTHING_MOVES),
    "the last one too much": ([Run(1, 1, (2, 3, 3), (99, 1, 1))], "aar", {1: 0, 2: 149, 3: 1}),
    "the middle one too much": ([Run(1, 1, (2, 2, 3), (60, 60, 40))], "ara", {1: 0, 2: 110, 3: 40}),
    "far too much": ([Run(1, 1, (2,), (HUGE,))], "r", NOTHING_MOVES),
    "zero": ([Run(1, 1, (2,), (0,))], "r", NOTHING_MOVES),
    "a negative amount": ([Run(1, 1, (2,), (-50,))], "r", NOTHING_MOVES),
    "far below zero": ([Run(1, 1, (2,), (-HUGE,))], "r", NOTHING_MOVES),
    "a sum that only looks right": ([Run(1, 1, (2, 3), (150, -60))], "rr", NOTHING_MOVES),
    "to itself": ([Run(1, 1, (1,), (10,))], "r", NOTHING_MOVES),
    "to itself among others": ([Run(1, 1, (2, 1, 3), (1, 1, 1))], "ara", {1: 98, 2: 51, 3: 1}),
    "to nobody": ([Run(1, 1, (4,), (10,))], "r", NOTHING_MOVES),
    "to nobody among others": ([Run(1, 1, (2, 0, 3), (1, 1, 1))], "ara", {1: 98, 2: 51, 3: 1}),
    "from nobody": ([Run(4, 1, (1, 2), (10, 10))], "rr", NOTHING_MOVES),
    "from nobody, number 0's next": ([Run(0, 1, (1,), (10,))], "r", NOTHING_MOVES),
    "from the poor": ([Run(3, 1, (1,), (1,))], "r", NOTHING_MOVES),
    "from the poor, once paid": (
        [Run(1, 1, (3,), (5,)), Run(3, 1, (2,), (5,))],
        "aa",
        {1: 95, 2: 55, 3: 0},
    ),
    "from the poor, before being paid": (
        [Run(3, 1, (2,), (5,)), Run(1, 1, (3,), (5,))],
        "ra",
        {1: 95, 2: 50, 3: 5},
    ),
    "a gap": ([Run(1, 2, (2, 3), (10, 10))], "ss", NOTHING_MOVES),
    "a run in two parts": (
        [Run(1, 1, (2,), (10,)), Run(1, 2, (3,), (20,))],
        "aa",
        {1: 70, 2: 60, 3: 20},
    ),
    "a run in two parts, turned round": (
        [Run(1, 2, (3,), (20,)), Run(1, 1, (2,), (10,))],
        "sa",
        {1: 90, 2: 60, 3: 0},
    ),
    "a run twice": ([Run(1, 1, (2,), (10,)), Run(1, 1, (2,), (10,))], "as", {1: 90, 2: 60, 3: 0}),
    "a run that overlaps": (
        [Run(1, 1, (2, 2), (1, 2)), Run(1, 2, (2, 3), (2, 4))],
        "aasa",
        {1: 93, 2: 53, 3: 4},
    ),
    "a number twice with another amount": (
        [Run(1, 1, (2,), (10,)), Run(1, 1, (3,), (90,))],
        "as",
        {1: 90, 2: 60, 3: 0},
    ),
}


@pytest.mark.parametrize(("runs", "outcomes", "balances"), CASES.values(), ids=CASES.keys())
def test_what_a_block_does(runs: Sequence[Run], outcomes: str, balances: dict[int, int]) -> None:
    ledger = Ledger(BALANCES)
    assert apply(ledger, *runs) == outcomes
    assert ledger.balances == balances


def test_a_refused_transfer_uses_its_number_up() -> None:
    ledger = Ledger(BALANCES)
    assert apply(ledger, Run(3, 1, (1,), (5,))) == "r"
    assert ledger.last[3] == 1
    assert apply(ledger, Run(1, 1, (3,), (50,))) == "a"
    assert apply(ledger, Run(3, 1, (1,), (5,))) == "s"
    assert apply(ledger, Run(3, 2, (1,), (5,))) == "a"


def test_a_skipped_transfer_may_still_come() -> None:
    ledger = Ledger(BALANCES)
    assert apply(ledger, Run(1, 2, (2,), (10,))) == "s"
    assert apply(ledger, Run(1, 1, (2, 2), (5, 10))) == "aa"


def test_a_transfer_moves_money_at_most_once_however_often_it_is_decided() -> None:
    ledger = Ledger(BALANCES)
    outcomes = [apply(ledger, Run(1, 1, (2, 3), (10, 20))) for _ in range(4)]
    assert outcomes == ["aa", "ss", "ss", "ss"]
    assert ledger.balances == {1: 70, 2: 60, 3: 20}


def test_positions_are_counted_over_the_whole_block() -> None:
    ledger = Ledger(BALANCES)
    runs = (Run(2, 1, (1, 2), (1, 1)), Run(1, 1, (2,), (1,)), Run(1, 1, (3, 3), (1, 500)))
    applied = ledger.apply(next_block(ledger, *runs))
    assert (applied.refused, applied.skipped) == ((1, 4), (3,))
    assert [(transfer.id, outcome) for transfer, outcome in applied.outcomes()] == [
        ("2-1", Outcome.APPLIED),
        ("2-2", Outcome.REFUSED),
        ("1-1", Outcome.APPLIED),
        ("1-1", Outcome.SKIPPED),
        ("1-2", Outcome.REFUSED),
    ]


@pytest.mark.parametrize(("slot", "previous"), [(2, GENESIS_HASH), (1, "a" * 64)])
def test_a_block_that_does_not_follow_is_a_bug(slot: int, previous: str) -> None:
    ledger = Ledger(BALANCES)
    block = encode_block(slot, Ballot(1, 1), previous, 1.5, (Run(1, 1, (2,), (1,)),))
    with pytest.raises(AssertionError):
        ledger.apply(block)
    assert (ledger.balances, ledger.last, ledger.height) == (BALANCES, {1: 0, 2: 0, 3: 0}, 0)


def test_a_ledger_knows_the_hash_of_its_last_block() -> None:
    ledger = Ledger(BALANCES)
    first = next_block(ledger, Run(1, 1, (2,), (1,)))
    ledger.apply(first)
    assert (ledger.height, ledger.head) == (1, first.hash)
    assert next_block(ledger, Run(1, 2, (2,), (1,))).previous == first.hash


@pytest.mark.parametrize(
    ("transfer", "reserved", "reason"),
    [
        (Transfer(1, 1, 2, 100), 0, None),
        (Transfer(1, 1, 2, 70), 30, None),
        (Transfer(1, 1, 2, 100), 1, "node 1 has 99 to spend (1 more waits in the queue), not 100"),
        (Transfer(1, 1, 2, 71), 30, "node 1 has 70 to spend (30 more wait in the queue), not 71"),
        (Transfer(1, 1, 2, 101), 0, "node 1 has 100 to spend, not 101"),
        (Transfer(1, 1, 1, 1), 0, "node 1 can't pay itself"),
        (Transfer(1, 1, 4, 1), 0, "there is no node 4: nodes are 1 to 3"),
        (Transfer(9, 1, 2, 1), 0, "there is no node 9: nodes are 1 to 3"),
        (Transfer(1, 1, 2, 0), 0, "the amount must be a whole number of 1 or more, not 0"),
        (Transfer(1, 1, 2, -5), 0, "the amount must be a whole number of 1 or more, not -5"),
    ],
)
def test_why_a_transfer_is_void(transfer: Transfer, reserved: int, reason: str | None) -> None:
    assert Ledger(BALANCES).why_void(transfer, reserved) == reason


@pytest.mark.parametrize("balances", [{1: -1, 2: 2}, {1: 0, 2: -5}])
def test_a_ledger_below_zero_is_a_bug(balances: dict[int, int]) -> None:
    with pytest.raises(AssertionError, match="M2"):
        Ledger(balances)


# Any chain, against the rules written row by row.


@dataclass
class Rows:
    """The rules of the ledger, one transfer at a time, in their own words."""

    balances: dict[int, int]
    last: dict[int, int] = field(default_factory=dict)

    def outcome(self, debit: int, number: int, credit: int, amount: int) -> Outcome:
        if debit not in self.balances:
            return Outcome.REFUSED
        if number != self.last.get(debit, 0) + 1:
            return Outcome.SKIPPED
        self.last[debit] = number
        nodes_are_known = credit in self.balances
        if amount < 1 or not nodes_are_known or debit == credit or amount > self.balances[debit]:
            return Outcome.REFUSED
        self.balances[debit] -= amount
        self.balances[credit] += amount
        return Outcome.APPLIED


nodes = st.sampled_from([1, 2, 3, 1, 2, 3, 1, 2, 3, 0, 4, -1])
amounts = st.one_of(st.integers(1, 30), st.integers(-2, 120), st.sampled_from([HUGE, -HUGE]))


@st.composite
def likely_run(draw: st.DrawFn, last: dict[int, int]) -> Run:
    """A run that often, but not always, continues its node's transfers."""
    debit = draw(nodes)
    offset = draw(st.sampled_from([1, 1, 1, 1, 0, -1, 2, 3]))
    rows = draw(st.lists(st.tuples(nodes, amounts), min_size=1, max_size=6))
    credit, amount = zip(*rows, strict=True)
    return Run(debit, max(1, last.get(debit, 0) + offset), credit, amount)


@examples
@given(st.lists(st.integers(0, 150), min_size=3, max_size=3), st.data())
def test_columns_mean_what_rows_mean(start: list[int], data: st.DataObject) -> None:
    balances = dict(enumerate(start, 1))
    ledger, again, rows = Ledger(balances), Ledger(balances), Rows(dict(balances))
    for _ in range(data.draw(st.integers(1, 6))):
        runs: list[Run] = []
        reached = dict(rows.last)
        for _ in range(data.draw(st.integers(1, 4))):
            run = data.draw(likely_run(reached))
            runs.append(run)
            reached[run.debit] = run.end - 1
        block = next_block(ledger, *runs)
        applied = ledger.apply(block)
        expected = [
            rows.outcome(run.debit, number, credit, amount)
            for run in runs
            for number, (credit, amount) in enumerate(
                zip(run.credit, run.amount, strict=True), run.first
            )
        ]
        assert [outcome for _, outcome in applied.outcomes()] == expected
        assert ledger.balances == rows.balances
        assert {node: last for node, last in ledger.last.items() if last} == rows.last
        assert sum(ledger.balances.values()) == sum(start)
        assert min(ledger.balances.values()) >= 0
        assert again.apply(decode_block(block.data)) == applied
        assert (again.balances, again.last, again.head) == state(ledger)


def state(ledger: Ledger) -> tuple[dict[int, int], dict[int, int], str]:
    return ledger.balances, ledger.last, ledger.head


@examples
@given(st.data())
def test_a_ledger_goes_on_from_what_a_checkpoint_keeps(data: st.DataObject) -> None:
    ledger = Ledger(BALANCES)
    for _ in range(data.draw(st.integers(1, 4))):
        ledger.apply(next_block(ledger, data.draw(likely_run(dict(ledger.last)))))
        kept = Ledger(ledger.balances, ledger.last, ledger.height, ledger.head)
        block = next_block(ledger, data.draw(likely_run(dict(ledger.last))))
        assert kept.apply(block) == ledger.apply(block)
        assert state(kept) == state(ledger)


# Runs.

RUN = Run(1, 17, (2, 3, 2), (10, 5, 1))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, RUN),
        (17, RUN),
        (18, Run(1, 18, (3, 2), (5, 1))),
        (20, Run(1, 20, (), ())),
        (25, Run(1, 25, (), ())),
    ],
)
def test_the_part_of_a_run_from_a_number_on(number: int, expected: Run) -> None:
    assert RUN.since(number) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, Run(1, 17, (), ())), (2, Run(1, 17, (2, 3), (10, 5))), (3, RUN), (9, RUN)],
)
def test_the_first_transfers_of_a_run(length: int, expected: Run) -> None:
    assert RUN.upto(length) == expected


@pytest.mark.parametrize(
    "later",
    [
        RUN.since(20),
        Run(1, 20, (3,), (9,)),
        Run(1, 18, (3, 2, 3), (5, 1, 9)),
        Run(1, 17, (2, 3, 2, 3), (10, 5, 1, 9)),
        Run(1, 18, (3,), (5,)),
    ],
)
def test_a_run_is_continued_without_gap_or_double(later: Run) -> None:
    joined = RUN.joined(later)
    assert joined.first == 17 and joined.end == max(20, later.end)
    assert joined.upto(3) == RUN
    assert joined.since(20) in (Run(1, 20, (), ()), Run(1, 20, (3,), (9,)))


@pytest.mark.parametrize(
    "later", [Run(1, 21, (3,), (9,)), Run(1, 16, (3,), (9,)), Run(2, 20, (), ())]
)
def test_a_run_is_not_continued_by_what_does_not_meet_it(later: Run) -> None:
    with pytest.raises(AssertionError):
        RUN.joined(later)


def test_a_run_is_so_many_transfers() -> None:
    assert len(RUN) == 3 and RUN.end == 20
    assert [str(transfer) for transfer in RUN.transfers()] == [
        "1-17 (10 from node 1 to node 2)",
        "1-18 (5 from node 1 to node 3)",
        "1-19 (1 from node 1 to node 2)",
    ]
