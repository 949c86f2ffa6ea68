"""Keys: under one key a node pays once, whatever it forgot meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benmo.errors import Refused, StateError
from benmo.ledger.blocks import Outcome
from benmo.ledger.payment_keys import KeyUse, KnownPayment, MemoryKeyIndex, PaymentKeys
from benmo.ledger.transfers import Payments, Run, Transfer
from tests.support.keyed_chains import EMPTY, ListChain, asked, keyed


def recovered(chain: ListChain, index: MemoryKeyIndex, queue: Run = EMPTY) -> PaymentKeys:
    keys = PaymentKeys(1, index, chain)
    keys.recover(queue)
    return keys


def why_refused(keys: PaymentKeys, payments: Payments) -> str:
    with pytest.raises(Refused) as caught:
        keys.known(payments)
    return str(caught.value)


# Where a key may be.


def test_a_key_that_was_never_used_is_not_known() -> None:
    keys = recovered(ListChain((keyed(1, 1, "rent"),)), MemoryKeyIndex())
    assert keys.known(asked("food")) == {} and keys.find("food") is None


def test_a_key_that_waits_in_the_queue_is_known_without_a_slot() -> None:
    keys = recovered(ListChain(), MemoryKeyIndex(), keyed(1, 1, "rent", "", "food"))
    assert keys.find("food") == KnownPayment(Transfer(1, 3, 3, 1, "", "food"))
    assert keys.known(asked("new", "food", "rent")) == {
        1: KnownPayment(Transfer(1, 3, 3, 1, "", "food")),
        2: KnownPayment(Transfer(1, 1, 3, 1, "", "rent")),
    }


@pytest.mark.parametrize("is_in_index", [False, True])
def test_a_key_that_was_decided_is_known_with_its_slot(is_in_index: bool) -> None:
    chain = ListChain((keyed(2, 1, "rent"),))
    keys = recovered(chain, MemoryKeyIndex(), keyed(1, 1, "food", "rent"))
    keys.applied(chain.decide(keyed(1, 1, "food", "rent"), keyed(3, 1, "rent", credit=1)))
    if is_in_index:
        keys.checkpoint(chain.height, chain.head)
    known = KnownPayment(Transfer(1, 2, 3, 1, "", "rent"), 2, Outcome.APPLIED)
    assert keys.find("rent") == known
    assert keys.known(asked("rent")) == {0: known}


def test_a_key_of_a_void_transfer_stays_void() -> None:
    chain = ListChain((keyed(1, 1, "rent", "food", amount=60),))
    keys = recovered(chain, MemoryKeyIndex())
    known = keys.known(asked("rent", "food", amount=60))
    assert [each.outcome for each in known.values()] == [Outcome.APPLIED, Outcome.REFUSED]


def test_another_nodes_keys_are_its_own() -> None:
    chain = ListChain((keyed(2, 1, "rent"),), (keyed(3, 1, "rent", credit=1),))
    keys = recovered(chain, MemoryKeyIndex())
    assert keys.known(asked("rent")) == {}


def test_a_double_in_the_chain_does_not_move_a_key() -> None:
    run = keyed(1, 1, "rent")
    chain = ListChain((run,), (run, keyed(1, 2, "food")))
    known = recovered(chain, MemoryKeyIndex()).known(asked("rent", "food"))
    assert [(each.transfer.number, each.slot) for each in known.values()] == [(1, 1), (2, 2)]


def test_a_key_is_compared_letter_by_letter() -> None:
    keys = recovered(ListChain((keyed(1, 1, "é", "Rent", "a b"),)), MemoryKeyIndex())
    assert keys.known(asked("e\u0301", "rent", "a  b", "a b ")) == {}


# What is not the same payment.


@pytest.mark.parametrize("is_decided", [False, True])
@pytest.mark.parametrize(
    "payments",
    [asked("rent", amount=2), asked("rent", credit=2), asked("rent", memo="for May")],
    ids=["amount", "credit node", "memo"],
)
def test_a_key_does_not_stand_for_another_payment(is_decided: bool, payments: Payments) -> None:
    run = keyed(1, 1, "rent")
    chain = ListChain((run,)) if is_decided else ListChain()
    keys = recovered(chain, MemoryKeyIndex(), EMPTY if is_decided else run)
    expected = "the key rent was used for another payment, 1-1 (1 from node 1 to node 3)"
    assert why_refused(keys, payments) == expected


def test_a_memo_is_part_of_the_payment() -> None:
    run = replace_memo(keyed(1, 1, "rent"), "for May")
    keys = recovered(ListChain((run,)), MemoryKeyIndex())
    assert list(keys.known(asked("rent", memo="for May"))) == [0]
    assert "1-1 (1 from node 1 to node 3: for May)" in why_refused(keys, asked("rent"))


def replace_memo(run: Run, *memos: str) -> Run:
    return Run(run.debit, run.first, run.credit, run.amount, memos, run.key)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (("a", "b", "a"), "the same key stands twice in one request"),
        (("a\n",), "a key can't hold the invisible character U+000A"),
        (("\u202erent",), "a key can't hold the invisible character U+202E"),
        (("k" * 65,), "a key has at most 64 characters, not 65"),
    ],
)
def test_what_can_be_no_key_is_refused(keys: tuple[str, ...], reason: str) -> None:
    assert why_refused(recovered(ListChain(), MemoryKeyIndex()), asked(*keys)) == reason


def test_payments_without_keys_are_never_known() -> None:
    keys = recovered(ListChain((Run(1, 1, (3,), (1,)),)), MemoryKeyIndex(), Run(1, 2, (3,), (1,)))
    assert keys.known(Payments.of((3, 1), (3, 1))) == {}
    assert keys.known(asked("", "")) == {} and keys.find("") is None


# What the index may have lost.

BLOCKS = tuple((keyed(1, number, f"k{number}"), keyed(2, number, "x")) for number in range(1, 8))
ALL = tuple(f"k{number}" for number in range(1, 8))


@pytest.mark.parametrize("height", range(8))
def test_what_the_index_lacks_is_read_from_the_chain(height: int) -> None:
    early = ListChain(*BLOCKS[:height])
    index = MemoryKeyIndex()
    recovered(early, index)
    chain = ListChain(*BLOCKS)
    known = recovered(chain, index).known(asked(*ALL))
    assert [each.slot for each in known.values()] == [1, 2, 3, 4, 5, 6, 7]
    assert (index.height, index.head) == (chain.height, chain.head)


def test_an_index_of_a_longer_chain_is_made_anew() -> None:
    index = MemoryKeyIndex()
    recovered(ListChain(*BLOCKS), index)
    keys = recovered(ListChain(*BLOCKS[:3]), index)
    assert list(keys.known(asked(*ALL))) == [0, 1, 2]
    assert index.height == 3


@pytest.mark.parametrize("height", [1, 4, 7])
def test_an_index_of_another_chain_is_made_anew(height: int) -> None:
    index = MemoryKeyIndex()
    other = [(keyed(1, number, f"other {number}"),) for number in range(1, height + 1)]
    recovered(ListChain(*other, time=2.5), index)
    keys = recovered(ListChain(*BLOCKS), index)
    assert len(keys.known(asked(*ALL))) == 7
    assert keys.known(asked("other 1")) == {}


@pytest.mark.parametrize(
    "use",
    [
        KeyUse("k2", 2, 3),
        KeyUse("k2", 3, 3),
        KeyUse("k2", 9, 2),
        KeyUse("k2", 2, 99),
        KeyUse("k2", 2, 0),
    ],
    ids=["another slot", "another transfer", "no such number", "no such slot", "slot 0"],
)
def test_an_index_that_contradicts_the_chain_stops_the_node_with_a_word(use: KeyUse) -> None:
    chain = ListChain(*BLOCKS)
    index = MemoryKeyIndex()
    index.extend([use], chain.height, chain.head)
    keys = recovered(chain, index)
    for ask in (lambda: keys.find("k2"), lambda: keys.known(asked("k2"))):
        with pytest.raises(StateError):
            ask()


def test_a_long_chain_is_read_in_parts_and_once() -> None:
    names = tuple(f"k{number}" for number in range(20_000))
    chain = ListChain(*[(keyed(1, 1 + 20_000 * slot, *names),) for slot in range(6)])
    assert sum(len(each.block.data) for each in chain.blocks) > 1 << 20
    recovered(chain, MemoryKeyIndex())
    assert 1 < chain.reads < 6


def test_a_block_is_read_once_however_many_of_its_keys_are_asked_for() -> None:
    chain = ListChain((keyed(1, 1, *(f"k{number}" for number in range(100))),))
    keys = recovered(chain, MemoryKeyIndex())
    chain.reads = 0
    assert len(keys.known(asked(*(f"k{number}" for number in range(100))))) == 100
    assert chain.reads == 1


def test_all_keys_of_a_request_are_looked_up_together() -> None:
    chain = ListChain((keyed(1, 1, "old", "older"),))
    index = MemoryKeyIndex()
    keys = recovered(chain, index)
    searches: list[Sequence[str]] = []
    find = index.find

    def counting(some: Sequence[str]) -> object:
        searches.append(some)
        return find(some)

    index.find = counting  # type: ignore[method-assign, assignment]
    names = ["older", *(f"new {number}" for number in range(1000)), "", "old"]
    known = keys.known(asked(*names))
    assert {place: each.transfer.key for place, each in known.items()} == {0: "older", 1002: "old"}
    assert len(searches) == 1 and len(searches[0]) == 1002


# What is kept in memory.


def test_a_queued_key_is_known_by_its_own_run_until_that_is_decided() -> None:
    chain = ListChain()
    keys = recovered(chain, MemoryKeyIndex())
    for run in (keyed(1, 1, "a", "b"), Run(1, 3, (3,), (1,)), keyed(1, 4, "c"), keyed(1, 5, "d")):
        keys.queued(run)
    ahead = chain.decide(keyed(1, 5, "d"))
    assert ahead.skipped == (0,)
    keys.applied(ahead)
    assert keys.find("d") == KnownPayment(Transfer(1, 5, 3, 1, "", "d"))
    blocks = ((keyed(1, 1, "a"),), (keyed(1, 2, "b"),), (Run(1, 3, (3,), (1,)), keyed(1, 4, "c")))
    for runs, left in zip(blocks, (3, 2, 1), strict=True):
        keys.applied(chain.decide(*runs))
        assert len(keys._queued_runs) == left, runs
        for number, key in ((1, "a"), (2, "b"), (4, "c"), (5, "d")):
            known = keys.find(key)
            assert known is not None and known.transfer == Transfer(1, number, 3, 1, "", key)
