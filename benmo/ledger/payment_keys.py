"""Keys: a payer's own names for its transfers. Under one key, a node pays once.

A node spends only its own money, and forgets no transfer of its own: each is durable before it
leaves the queue, and stays there until it is in this node's chain. So this node alone can tell
whether a key was used, and asks no other node. It looks for the key, from the newest to the oldest,

    in its queue                                         in memory, bounded by the queue limit
    in the blocks decided since the last checkpoint      in memory, bounded by the engine
    in all earlier blocks                                in an index on disk

The index follows the chain: keys that it lacks after a crash are read from the chain at the next
start, and an index that is lost, ahead of the chain, or another chain's is made anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, Protocol

from benmo.errors import Reason, RefusalText, Refused, StateError
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.ledger.visible_text import KEY_CHARACTERS_MAX, escaped, why_column_not_shown
from benmo.paxos.types import GENESIS_HASH, NodeId

_READ_BYTES = 1 << 20


class KeyUse(NamedTuple):
    """A key, and the transfer that it stands for: the node's `number`-th, decided in `slot`."""

    key: str
    number: int
    slot: int


@dataclass(frozen=True, slots=True)
class KnownPayment:
    """A transfer that was asked for before; `slot` and `outcome` are None while it is queued."""

    transfer: Transfer
    slot: int | None = None
    outcome: Outcome | None = None


class KeyIndex(Protocol):
    """The keys of one node's transfers in blocks 1 to `height`; `head` is the last one's hash."""

    @property
    def height(self) -> int: ...

    @property
    def head(self) -> str: ...

    def find(self, keys: Sequence[str]) -> dict[str, KeyUse]:
        """The uses of those of these keys that are in the index, by key, all looked up together.

        Raises `StateError` if the index can't be read.
        """

    def extend(self, uses: Iterable[KeyUse], height: int, head: str) -> None:
        """Add the keys of the blocks up to this height, all or none; they needn't be durable."""

    def clear(self) -> None:
        """Become the index of an empty chain."""


class Chain(Protocol):
    """The decided blocks, as far as keys need them."""

    @property
    def height(self) -> int: ...

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        """Blocks from a slot on, of about `bytes_max` bytes together; one at least."""


class PaymentKeys:
    """Knows every key that this node has used. Call `recover` before anything else."""

    def __init__(self, node: NodeId, index: KeyIndex, chain: Chain) -> None:
        self._node = node
        self._index = index
        self._chain = chain
        self._queued: dict[str, int] = {}
        """By key, the number of a transfer in the queue."""
        self._queued_runs: list[Run] = []
        """The runs with keys that were queued, in order, unless all of a run is decided."""
        self._recent: dict[str, KeyUse] = {}

    def recover(self, queue: Run) -> None:
        """Bring the index up to the chain, and note the keys of the transfers in the queue."""
        if not self._is_of_this_chain():
            self._index.clear()
        slot = self._index.height + 1
        while slot <= self._chain.height:
            blocks = self._chain.read(slot, _READ_BYTES)
            for applied in blocks:
                self.applied(applied)
            self.checkpoint(blocks[-1].block.slot, blocks[-1].block.hash)
            slot = blocks[-1].block.slot + 1
        self.queued(queue)

    def _is_of_this_chain(self) -> bool:
        height = self._index.height
        if not 0 < height <= self._chain.height:
            return height == 0
        return self._chain.read(height, 1)[0].block.hash == self._index.head

    def queued(self, run: Run) -> None:
        """Note the keys of transfers that this node queued, which are or will be durable."""
        if run.key:
            numbered = zip(run.key, range(run.first, run.end), strict=True)
            self._queued.update((key, number) for key, number in numbered if key)
            self._queued_runs.append(run)

    def applied(self, applied: AppliedBlock) -> None:
        """Note the keys of this node's transfers in a decided block: they wait no more."""
        slot, position, skipped = applied.block.slot, 0, set(applied.skipped)
        for run in applied.block.runs:
            if run.debit == self._node and run.key:
                positions = range(position, position + len(run))
                self._decide(
                    [
                        KeyUse(key, number, slot)
                        for key, number, place in zip(
                            run.key, range(run.first, run.end), positions, strict=True
                        )
                        if key and place not in skipped
                    ]
                )
            position += len(run)

    def _decide(self, uses: list[KeyUse]) -> None:
        for use in uses:
            self._queued.pop(use.key, None)
        self._recent.update((use.key, use) for use in uses)
        if uses:
            last = uses[-1].number
            count = bisect_right(self._queued_runs, last, key=lambda run: run.end - 1)
            del self._queued_runs[:count]

    def _queued_under(self, key: str) -> Transfer:
        number = self._queued[key]
        place = bisect_right(self._queued_runs, number, key=lambda run: run.first) - 1
        return self._queued_runs[place].transfer(number)

    @property
    def recent_count(self) -> int:
        """How many keys the next checkpoint will move into the index."""
        return len(self._recent)

    def checkpoint(self, height: int, head: str) -> None:
        """Move the keys of the blocks up to this height, which are durable, into the index."""
        self._index.extend(self._recent.values(), height, head)
        self._recent.clear()

    def known(self, payments: Payments, new_max: float = inf) -> dict[int, KnownPayment]:
        """The payments, by position, whose keys were used before for the very same payment.

        Raises `Refused` for a key that was used for another payment, stands for two payments or
        can't be a key, and `StateError` if the index can't be read or contradicts the chain. Once
        more than `new_max` payments are new, the search ends: the queue has no room for them.
        """
        if not payments.key:
            return {}
        _require_keys(payments.key)
        found: dict[int, KnownPayment] = {}
        used: dict[int, KeyUse] = {}
        older: dict[str, int] = {}
        for position, key in enumerate(payments.key):
            if key in self._queued:
                found[position] = KnownPayment(self._queued_under(key))
            elif key in self._recent:
                used[position] = self._recent[key]
            elif key:
                older[key] = position
        used |= self._indexed(older, new_max - payments.key.count(""))
        found |= self._decided(used)
        for position, known in found.items():
            _require_same(payments, position, known.transfer)
        return found

    def _indexed(self, older: dict[str, int], new_max: float) -> dict[int, KeyUse]:
        """The uses in the index, by position; the search ends once more than `new_max` are new."""
        keys = list(older)
        used: dict[int, KeyUse] = {}
        searched = 0
        while searched < len(keys) and searched - len(used) <= new_max:
            count = min(len(keys), new_max + 1 - (searched - len(used)))
            some = keys[searched : searched + int(count)]
            used |= {older[key]: use for key, use in self._index.find(some).items()}
            searched += len(some)
        return used

    def find(self, key: str) -> KnownPayment | None:
        """The transfer that was asked for under this key, or None. Raises as `known` does."""
        if key in self._queued:
            return KnownPayment(self._queued_under(key))
        use = self._recent.get(key) or self._index.find([key]).get(key)
        return None if use is None else self._decided({0: use})[0]

    def _decided(self, used: dict[int, KeyUse]) -> dict[int, KnownPayment]:
        """The decided transfers with these keys, by position; each block is read once."""
        blocks = {slot: self._block(slot) for slot in {use.slot for use in used.values()}}
        found: dict[int, KnownPayment] = {}
        for position, use in used.items():
            decided = blocks[use.slot].find(self._node, use.number)
            if decided is None or decided[0].key != use.key:
                raise _contradiction(use.slot)
            found[position] = KnownPayment(decided[0], use.slot, decided[1])
        return found

    def _block(self, slot: int) -> AppliedBlock:
        if not 1 <= slot <= self._chain.height:
            raise _contradiction(slot)
        return self._chain.read(slot, 1)[0]


def _contradiction(slot: int) -> StateError:
    return StateError(
        f"the index of keys contradicts slot {slot} of the chain: remove keys.sqlite, which is "
        f"made again from the chain"
    )


def _require_keys(keys: Sequence[str]) -> None:
    """Raise `Refused` if these can't be the keys of one request; "" is none, and passes."""
    named = [key for key in keys if key]
    if len(set(named)) < len(named):
        text = "the same key stands twice in one request"
        raise Refused(RefusalText(text, Reason.KEY_CONFLICT))
    malformed = why_column_not_shown(keys, "key", KEY_CHARACTERS_MAX)
    if malformed is not None:
        raise Refused(RefusalText(malformed, Reason.BAD_KEY))


def _require_same(payments: Payments, position: int, known: Transfer) -> None:
    memo = payments.memo[position] if payments.memo else ""
    asked = (payments.credit[position], payments.amount[position], memo)
    if asked != (known.credit_node, known.amount, known.memo):
        text = f"the key {escaped(known.key)} was used for another payment, {known}"
        raise Refused(RefusalText(text, Reason.KEY_CONFLICT))


class MemoryKeyIndex:
    """A `KeyIndex` in memory, which is lost when the process ends."""

    def __init__(self) -> None:
        self.clear()

    def find(self, keys: Sequence[str]) -> dict[str, KeyUse]:
        return {key: self._uses[key] for key in keys if key in self._uses}

    def extend(self, uses: Iterable[KeyUse], height: int, head: str) -> None:
        self._uses.update({use.key: use for use in uses})
        self.height, self.head = height, head

    def clear(self) -> None:
        self._uses: dict[str, KeyUse] = {}
        self.height, self.head = 0, GENESIS_HASH
