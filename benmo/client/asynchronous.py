"""`AsyncClient`: the client for programs that use asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

from benmo.client import convert
from benmo.client.connector import Connector, SameCluster
from benmo.client.errors import (
    Inconsistent,
    NotConnected,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from benmo.client.monotonic_reads import MonotonicReads, expect
from benmo.client.readers import Readers
from benmo.client.receipts import Receipts
from benmo.client.values import AccountTransfer, Balances, Block, Payment, Receipt, Status, Wait
from benmo.cluster import StateDirectory
from benmo.control.account_history import balances_before, from_newest, from_oldest, page_of
from benmo.control.chain_reads import backwards
from benmo.control.connection import NodeGone
from benmo.control.requests import Find, Found, NotDone, Paid, Pay
from benmo.errors import ProtocolError, Reason
from benmo.ledger.transfers import Payments

CONNECT_TIMEOUT_S = 5.0
"""Long enough for a node that is restarted, short enough to learn soon that a node is down."""

_POLL_S = 10.0
_SLOT_MAX = 2**53


class AsyncClient:
    """A client of one node, with whose money it pays. Use it as a context manager, in one loop.

    node               the node's id
    state_dir          the directory with `cluster.json` and a certificate: a client's directory,
                       or one with the node's own, `node-N/tls`
    nodes              nodes to read from while `node` can't be asked; for each of them, too, the
                       directory has a certificate. Payments and `find` are `node`'s alone
    connect_timeout_s  how many seconds a call waits for a node that isn't there, at most the
                       call's `timeout_s`

    The client connects at the first call, and again when the connection was lost. What it returns
    never goes back: a later answer is of the same height of the chain or a greater one.

    The `timeout_s` of a method is how many seconds the node may take for each request of the call;
    a node that hasn't answered 2 s later counts as silent. A time below 0 raises `ValueError`.
    """

    def __init__(
        self,
        node: int = 1,
        state_dir: str | Path = "state",
        *,
        nodes: Iterable[int] = (),
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        if type(node) is not int:
            raise TypeError(f"the node must be a whole number, not {node!r}")
        self.node = node
        others = [each for each in dict.fromkeys(nodes) if each != node]
        if any(type(each) is not int for each in others):
            raise TypeError(f"the nodes must be whole numbers, not {others!r}")
        self._state, cluster = StateDirectory(Path(state_dir)), SameCluster()
        self._connector = Connector(self._state, node, cluster)
        self._others = [Connector(self._state, each, cluster) for each in others]
        self._payer = Readers([self._connector], connect_timeout_s)
        readers = Readers([self._connector, *self._others], connect_timeout_s)
        self._reads = MonotonicReads(readers)
        self._connect_timeout_s = connect_timeout_s

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection for good.

        Of the calls under way, a payment that was sent raises `OutcomeUnknown`, and any other call
        `Unavailable` or `NotConnected`. A later call raises `NotConnected`.
        """
        for connector in (self._connector, *self._others):
            await connector.close()

    # Paying.

    async def transfer(
        self,
        amount: int,
        to: int,
        *,
        key: str | None = None,
        memo: str | None = None,
        wait: Wait = "decided",
        timeout_s: float = 30.0,
    ) -> Receipt:
        """Pay `amount` to node `to`, and wait until the transfer is decided, or only queued.

        amount     a whole number, 1 or more, that the node's balance covers, less what waits in
                   its queue
        to         another node's id
        key        the payer's own name for this payment, 1 to 64 visible characters: with a key,
                   the node pays once, however often it is asked, across any crash; a repeated
                   request is answered with what became of the first. None: each call pays
        memo       a text for people, 1 to 140 visible characters, in the chain for all to read
        wait       "decided", or "queued": the node has the transfer on disk, which isn't success
        timeout_s  how many seconds the node may take; in tenure `block` a decision takes as long
                   as the election delay, a minute perhaps

        Returns a `Receipt`, whose outcome is "decided", or "queued" if that is what `wait` is.

        Raises `Refused` if the payment never applies, with a `Reason`, and of that `QueueFull` if
        the queue had no room until the time was up; `OutcomeUnknown` if the payment was sent and
        may apply, as when the time is up before the decision: ask again with the same key;
        `NotConnected` if nothing was sent, since the node can't be reached; `Misconfigured` if the
        directory, the certificate or the node's address is wrong; `TypeError` or `ValueError` for
        an argument of another type or value.
        """
        payment = Payment(amount, to, key, memo)
        (receipt,) = await self._pay(convert.payment_of(payment), wait, timeout_s)
        if receipt.outcome == "refused":
            raise Refused(f"{receipt.id} was decided to be void", Reason.VOID)
        return receipt

    async def transfer_many(
        self,
        payments: Iterable[Payment],
        *,
        wait: Wait = "decided",
        timeout_s: float = 30.0,
    ) -> list[Receipt]:
        """Queue all payments or none, and wait as `transfer` does. Returns a receipt for each.

        At most 20,000 payments, with 1,200,000 characters of memos and keys together, at a time,
        and no more than the cluster's `queue_limit`: send more in parts. The outcome of a receipt
        may be "refused", if the node could no longer pay when the transfer was decided. Raises as
        `transfer`; `Refused` then concerns all payments that are new, while a payment that was made
        before, under its key, stays made.
        """
        columns = convert.payments_of(list(payments))
        return list(await self._pay(columns, wait, timeout_s))

    async def transfer_columns(
        self,
        to: Iterable[int],
        amounts: Iterable[int],
        *,
        keys: Iterable[str] = (),
        memos: Iterable[str] = (),
        wait: Wait = "decided",
        timeout_s: float = 30.0,
    ) -> Receipts:
        """As `transfer_many`, several times faster, since payments and receipts are columns.

        `to` and `amounts` have one item per payment. So have `keys` and `memos`, with "" for a
        payment without one, or they are empty. A column is a list, or anything that has an order:
        an array of NumPy or a column of pandas, too. Raises as `transfer_many`, and `ValueError` if
        the columns' lengths differ.
        """
        columns = convert.columns_of(to, amounts, keys, memos)
        return await self._pay(columns, wait, timeout_s)

    async def _pay(self, columns: Payments, wait: Wait, timeout_s: float) -> Receipts:
        if wait not in ("decided", "queued"):
            raise ValueError(f"wait is 'decided' or 'queued', not {wait!r}")
        end = asyncio.get_running_loop().time() + timeout_s
        connection = await self._connector.connection(min(timeout_s, self._connect_timeout_s))
        left_s = max(0.0, end - asyncio.get_running_loop().time())
        wait_s = left_s if wait == "decided" else 0.0
        request = Pay(connection.next_number(), columns, wait_s, room_s=left_s)
        keys = tuple(key for key in columns.key if key)
        try:
            answer = await self._connector.ask(connection, request, left_s)
        except (NodeGone, TimeoutError) as error:
            raise OutcomeUnknown(self._connector.why(error), keys) from error
        if isinstance(answer, NotDone):
            raise convert.refusal_of(answer)
        try:
            paid = expect(answer, Paid)
            receipts = Receipts(self.node, columns, paid)
        except Inconsistent as error:
            raise OutcomeUnknown(str(error), keys) from error
        self._reads.note(max(receipts.slots, default=0))
        if wait == "decided" and not receipts.is_decided:
            raise OutcomeUnknown(f"queued, not decided: {paid.reason}", keys, receipts.ids)
        height = self._reads.height
        if paid.height < height and any(each.payment.key for each in receipts.queued()):
            why = f"node {self.node} is at height {paid.height}, not {height}"
            raise OutcomeUnknown(f"queued, or decided already: {why}", keys, receipts.ids)
        return receipts

    async def find(self, key: str, *, timeout_s: float = 30.0) -> Receipt | None:
        """The receipt of the payment under this key; None if the node has queued none until now.

        After None, a request that was sent before may still arrive. To be sure, pay again with the
        same key, which pays once. Raises `Unavailable`, `NotConnected`, `Inconsistent`, or
        `ValueError` for a text that can't be a key.
        """
        convert.require_key(key)
        height = self._reads.height
        answer = await self._payer.ask(
            lambda number, share_s: Find(number, key, height, share_s), timeout_s
        )
        receipt = convert.found_receipt(self.node, key, expect(answer, Found))
        self._reads.note((receipt and receipt.slot) or 0)
        return receipt

    # Reading.

    async def balances(
        self, *, confirmed: bool = False, height: int | None = None, timeout_s: float = 30.0
    ) -> Balances:
        """The balances of all nodes, at a height of the chain.

        By default, the balances are those that this node knows, which may be old. Confirmed
        balances are linearizable: a quorum confirms that they include each decision that any
        program or user can have learned of before this call. That may take as long as an election
        delay, if a leader went and left a block undecided that must be settled first.

        With a `height`, the balances are those after the block in that slot, or at first for 0:
        the blocks above it are read, and undone. Raises `Unavailable`, `NotConnected` or
        `Inconsistent`, or `ValueError` if the node's chain isn't that high.
        """
        answer = await self._reads.balances(confirmed, timeout_s)
        balances = Balances(dict(answer.balances), answer.height, confirmed)
        return balances if height is None else await self._undone(balances, height, timeout_s)

    async def _undone(self, balances: Balances, height: int, timeout_s: float) -> Balances:
        if not 0 <= height <= balances.height:
            raise ValueError(f"the chain's height is {balances.height}: there is no {height}")
        fetch = partial(self._reads.decided_blocks, timeout_s=timeout_s)
        blocks = backwards(fetch, balances.height, height + 1)
        try:
            before = await balances_before(blocks, balances.by_node)
        except ProtocolError as error:
            raise Inconsistent(str(error)) from error
        return Balances(before, height, balances.is_confirmed)

    async def history(
        self,
        node: int,
        *,
        limit: int = 100,
        after: AccountTransfer | None = None,
        oldest_first: bool = False,
        timeout_s: float = 30.0,
    ) -> list[AccountTransfer]:
        """A page of the transfers from and to the account of `node`, with the balance after each.

        limit         how many at most; fewer are the last page
        after         the last transfer of the page before; None: the first page
        oldest_first  begin with the first transfer, rather than with the last

        A page reads only the blocks that it needs. The outcomes are those that the node says, and
        the hashes are computed here. `timeout_s` is for each of several requests. Raises
        `Unavailable`, `NotConnected`, `Inconsistent`, or `ValueError` if there is no such node or
        `limit` is below 1.
        """
        if limit < 1:
            raise ValueError(f"a page has at least one transfer, not {limit}")
        now = await self.balances(timeout_s=timeout_s)
        if node not in now.by_node and node not in await self._reads.nodes(timeout_s):
            raise ValueError(f"there is no node {node}")
        fetch = partial(self._reads.decided_blocks, timeout_s=timeout_s)
        if oldest_first:
            opening = self._state.load().opening_balance(node)
            transfers = from_oldest(fetch, node, now.height, opening, after)
        else:
            transfers = from_newest(fetch, node, now.height, now.by_node.get(node, 0), after)
        try:
            return await page_of(transfers, limit)
        except ProtocolError as error:
            raise Inconsistent(str(error)) from error

    async def chain(
        self, first: int = 1, last: int | None = None, *, timeout_s: float = 30.0
    ) -> AsyncIterator[Block]:
        """The decided blocks in slots `first` to `last`, or to the last that is decided now.

        The hash of each block is computed here, and each block is checked to continue the one
        before. `timeout_s` is for each of several requests. Raises `Unavailable`, `NotConnected`,
        `Inconsistent` if blocks contradict one another, or `ValueError` if `first` is no slot.
        """
        _require_slot(first)
        slot, previous = first, None
        end = _SLOT_MAX if last is None else min(last, _SLOT_MAX)
        while slot <= end:
            answer = await self._reads.decided_blocks(slot, end, timeout_s)
            if last is None:
                end = min(end, answer.height)
            if not answer.blocks:
                return
            for read in answer.blocks[: end - slot + 1]:
                block = convert.block_of(read, slot, previous)
                slot, previous = slot + 1, block.hash
                yield block

    async def watch(
        self, first: int | None = None, *, reconnect_s: float = 30.0
    ) -> AsyncIterator[Block]:
        """Blocks as they are decided, from slot `first` on, or from the next one; without end.

        To resume after a break, begin with the slot after the last one seen. A lost connection is
        made again. Raises `NotConnected` when that takes longer than `reconnect_s` seconds,
        `Inconsistent` if blocks contradict one another, or `ValueError` if `first` is no slot.
        """
        if first is not None:
            _require_slot(first)
        previous = None
        slot = first
        while True:
            await self._reads.connect(reconnect_s)
            try:
                if slot is None:
                    slot = (await self.status(timeout_s=reconnect_s)).height + 1
                answer = await self._reads.blocks(slot, _SLOT_MAX, _POLL_S, reconnect_s)
            except (Unavailable, NotConnected):
                continue
            for read in answer.blocks:
                block = convert.block_of(read, slot, previous)
                slot, previous = slot + 1, block.hash
                self._reads.note(block.slot)
                yield block

    async def status(self, *, timeout_s: float = 30.0) -> Status:
        """The node's role, ballots, height, queue and links.

        Raises `Unavailable`, `NotConnected` or `Inconsistent`.
        """
        return await self._reads.status(timeout_s)


def _require_slot(slot: int) -> None:
    if not 1 <= slot <= _SLOT_MAX:
        raise ValueError(f"slots are numbered from 1, not {slot}")
