"""An account's transfers and earlier balances, beside those of a ledger that replays the chain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benmo.client import AccountTransfer, AsyncClient, Inconsistent
from benmo.commands.node_status import MemberStatus
from benmo.control.member_requests import MembersRead, ReadMembers
from benmo.control.requests import (
    AnsweredRequest,
    BalancesRead,
    BlockRead,
    ControlAnswer,
    ReadBalances,
    ReadBlocks,
)
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.types import Change, ChangeKind
from tests.client.fake_nodes import FakeNode, Script, reads_of, serve_blocks
from tests.support.idle_clock import run_on_idle_clock
from tests.support.keyed_chains import NODES, ListChain
from tests.support.written_state import empty_state

DEADLINE_S = 30.0


def drawn_chain(seed: int, blocks: int = 30) -> ListChain:
    """A chain in which transfers are applied, refused and skipped, between all nodes."""
    dice, chain = Random(seed), ListChain()
    for _ in range(blocks):
        runs = [_drawn_run(dice, chain, debit) for debit in dice.sample(NODES, dice.randint(1, 3))]
        chain.decide(*runs)
    return chain


def _drawn_run(dice: Random, chain: ListChain, debit: int) -> Run:
    count = dice.randint(1, 4)
    first = max(1, chain.ledger.last[debit] + dice.choice([0, 1, 1, 1, 1]))
    credit = tuple(dice.choice(NODES) for _ in range(count))
    amount = tuple(dice.choice([1, 5, 60]) for _ in range(count))
    if dice.random() < 0.5:
        return Run(debit, first, credit, amount)
    memos = tuple(dice.choice(["", "rent"]) for _ in range(count))
    keys = tuple(dice.choice(["", f"k-{dice.random()}"]) for _ in range(count))
    return Run(debit, first, credit, amount, memos, keys)


def replayed(chain: ListChain, account: int) -> list[AccountTransfer]:
    """The account's transfers, the oldest first, told one by one from the opening balance on."""
    balance, told = 100 if account in NODES else 0, list[AccountTransfer]()
    for applied in chain.blocks:
        for position, (transfer, outcome) in enumerate(applied.outcomes()):
            ends = (transfer.debit_node, transfer.credit_node)
            if account not in ends:
                continue
            is_out = ends[0] == account
            if outcome == "applied":
                balance += -transfer.amount if is_out else transfer.amount
            told.append(
                AccountTransfer(
                    applied.block.slot,
                    position,
                    applied.block.time,
                    transfer.id,
                    "out" if is_out else "in",
                    ends[1] if is_out else ends[0],
                    transfer.amount,
                    outcome.value,
                    balance,
                    transfer.key or None,
                    transfer.memo or None,
                )
            )
    return told


def serving(chain: ListChain, reads: list[BlockRead] | None = None) -> Script:
    """A node with this chain; its blocks may be replaced by `reads`."""
    blocks = serve_blocks(reads or reads_of(chain), at_a_time=3)

    def script(request: AnsweredRequest) -> ControlAnswer | Exception | None:
        if isinstance(request, ReadBalances):
            balances = tuple(chain.ledger.balances.items())
            return BalancesRead(request.number, balances, chain.height)
        if isinstance(request, ReadMembers):
            return MembersRead(request.number, "", chain.height, _members(chain), True)
        return blocks(request)

    return script


def _members(chain: ListChain) -> tuple[MemberStatus, ...]:
    return tuple(
        MemberStatus(each.node, each.id, each.ordinal, each.since, each.until, each.host, each.port)
        for each in chain.ledger.membership.all
    )


def chain_of_a_node_that_comes_and_goes() -> ListChain:
    """Node 4 is added, paid, emptied and removed, and comes again; changes without effect, too."""
    chain = ListChain()
    members = [f"{number:032x}" for number in (44, 45)]
    added = [Change(ChangeKind.ADD, 4, "", member, "h", 1) for member in members]
    removed = Change(ChangeKind.REMOVE, 4, members[0])
    chain.decide(Run(1, 1, (2, 4), (30, 5)), change=added[0])
    chain.decide(Run(1, 3, (4,), (20,)), change=added[1])
    chain.decide(Run(4, 1, (3, 2), (5, 1)), change=removed)
    chain.decide(Run(4, 3, (1,), (14,)), change=removed)
    chain.decide(Run(2, 1, (3, 4), (7, 1)), change=removed)
    chain.decide(change=added[1])
    chain.decide(Run(3, 1, (4,), (2,)))
    voids = [each.is_change_void for each in chain.blocks]
    assert voids == [False, True, True, False, True, False, False]
    return chain


def test_balances_and_pages_reach_back_over_nodes_that_were_added_and_removed(
    node: FakeNode, tmp_path: Path
) -> None:
    chain = chain_of_a_node_that_comes_and_goes()
    for end in (5, 7):  # while node 4 has no account, and when it has one again
        shorter, ledger = ListChain(), Ledger(dict.fromkeys(NODES, 100))
        for applied in chain.blocks[:end]:
            shorter.decide(*applied.block.runs, change=applied.block.change)
        node.script, node.asks_max = serving(shorter), 100_000
        for height in range(end + 1):
            read = with_client(tmp_path, partial(AsyncClient.balances, height=height))
            assert read.by_node == ledger.balances
            if height < end:
                ledger.apply(chain.blocks[height].block)
        for account in (*NODES, 4):
            told = replayed(shorter, account)
            for oldest in (False, True):
                found = with_client(
                    tmp_path, partial(all_pages, account=account, limit=2, oldest=oldest)
                )
                assert found == (told if oldest else told[::-1])


def with_client(tmp_path: Path, test: Callable[[AsyncClient], Awaitable[object]]) -> Any:
    path = tmp_path / "state"
    if not path.exists():
        empty_state(path)

    async def run() -> object:
        async with AsyncClient(1, path) as client:
            return await asyncio.wait_for(test(client), DEADLINE_S)

    return run_on_idle_clock(run())


async def all_pages(client: AsyncClient, account: int, limit: int, oldest: bool) -> list[Any]:
    found: list[AccountTransfer] = []
    while page := await client.history(
        account, limit=limit, after=found[-1] if found else None, oldest_first=oldest
    ):
        assert len(page) <= limit
        found += page
    return found


@pytest.mark.parametrize("oldest", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_the_pages_together_are_all_transfers_of_the_account(
    node: FakeNode, tmp_path: Path, seed: int, limit: int, oldest: bool
) -> None:
    chain = drawn_chain(seed)
    node.script, node.asks_max = serving(chain), 100_000
    outcomes = set[str]()
    for account in NODES:
        told = replayed(chain, account)
        outcomes |= {each.outcome for each in told}
        read = partial(all_pages, account=account, limit=limit, oldest=oldest)
        found = with_client(tmp_path, read)
        assert found == (told if oldest else told[::-1])
        assert told[-1].balance == chain.ledger.balances[account]
    assert outcomes == {"applied", "refused", "skipped"}, "the chain has all kinds"


def test_a_first_page_reads_the_newest_blocks_alone(node: FakeNode, tmp_path: Path) -> None:
    chain = ListChain(*[(Run(1, slot, (3,), (1,)),) for slot in range(1, 60)])
    node.script = serving(chain)
    page = with_client(tmp_path, lambda client: client.history(3, limit=2))
    assert [(each.slot, each.balance) for each in page] == [(59, 159), (58, 158)]
    assert min(each.first for each in node.asked if isinstance(each, ReadBlocks)) > 50


def test_balances_at_each_height_are_those_of_then(node: FakeNode, tmp_path: Path) -> None:
    chain = drawn_chain(7)
    node.script, node.asks_max = serving(chain), 100_000

    async def test(client: AsyncClient) -> None:
        ledger = Ledger(dict.fromkeys(NODES, 100))
        for height in range(chain.height + 1):
            read = await client.balances(height=height)
            assert (read.by_node, read.height) == (ledger.balances, height)
            if height < chain.height:
                ledger.apply(chain.blocks[height].block)

    with_client(tmp_path, test)


@pytest.mark.parametrize("height", [-1, 6])
def test_a_height_that_the_chain_has_not_is_refused(
    node: FakeNode, tmp_path: Path, height: int
) -> None:
    node.script = serving(drawn_chain(1, blocks=5))
    with pytest.raises(ValueError, match="the chain's height is 5"):
        with_client(tmp_path, lambda client: client.balances(height=height))


@pytest.mark.parametrize(("account", "limit"), [(4, 1), (0, 1), (1, 0)])
def test_no_page_is_of_no_account_or_of_nothing(
    node: FakeNode, tmp_path: Path, account: int, limit: int
) -> None:
    node.script = serving(drawn_chain(1, blocks=5))
    with pytest.raises(ValueError, match=r"no node|at least one"):
        with_client(tmp_path, lambda client: client.history(account, limit=limit))


@pytest.mark.parametrize("oldest", [False, True])
def test_blocks_that_contradict_one_another_are_not_believed(
    node: FakeNode, tmp_path: Path, oldest: bool
) -> None:
    """Each block of one chain is followed by one of another, wherever windows meet."""
    chain, other = drawn_chain(1), reads_of(drawn_chain(2))
    for place in range(1, len(other)):
        mixed = [*other[:place], *reads_of(chain)[place:]]
        node.script, node.asked = serving(chain, mixed), []
        with pytest.raises(Inconsistent):
            with_client(
                tmp_path,
                lambda client: client.history(1, limit=1000, oldest_first=oldest),
            )


def test_balances_that_the_blocks_cannot_have_led_to_are_not_believed(
    node: FakeNode, tmp_path: Path
) -> None:
    chain = ListChain((Run(1, 1, (3,), (90,)),))
    node.script = serving(chain)
    chain.ledger.balances[3] = 10
    with pytest.raises(Inconsistent, match="can't have led"):
        with_client(tmp_path, lambda client: client.balances(height=0))
