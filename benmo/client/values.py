"""The values that a client takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benmo.commands.node_status import NodeStatus
from benmo.control import account_history

Wait = Literal["decided", "queued"]
"""The outcome that a call which pays waits for."""

Outcome = Literal["decided", "queued", "refused"]
"""The outcome of a payment: see `Receipt`."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment of `amount` to node `to`, which is another than the payer's.

    amount  a whole number, 1 or more
    key     the payer's own name for this payment, 1 to 64 characters, none of them invisible: for
            one key, the node pays once, however often it is asked
    memo    a text for people, at most 140 characters, none of them invisible
    """

    amount: int
    to: int
    key: str | None = None
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a payment, and the transfer that pays it.

    id       the id of its transfer: node 3's 17th is "3-17"
    outcome  "decided": a quorum has the transfer on disk, and it is applied for ever; "queued": the
             node has the transfer on disk, and it isn't known to be decided; "refused": the
             transfer never applies
    slot     the slot of the block that has the transfer, from 1; None while that is queued
    """

    id: str
    payment: Payment
    outcome: Outcome
    slot: int | None


@dataclass(frozen=True, slots=True)
class Balances:
    """The balances of all nodes at a height of the chain; `balances[2]` is node 2's.

    by_node       each node's balance, by the node's id
    height        how many blocks the balances include
    is_confirmed  whether a quorum confirmed that no block is missing that was decided before
    """

    by_node: Mapping[int, int]
    height: int
    is_confirmed: bool

    def __getitem__(self, node: int) -> int:
        return self.by_node[node]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer in a decided block.

    id         as in `Receipt`
    outcome    "applied": it has moved money; "refused": it never does; "skipped": it is a
               duplicate, or out of order, and moves no money here
    key, memo  None where there is none
    """

    id: str
    amount: int
    debit_node: int
    credit_node: int
    outcome: Literal["applied", "refused", "skipped"]
    key: str | None = None
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A change of who votes, in a decided block; in force from the next slot on.

    kind        "replace" gives a node whose disk was lost a new member; the others are "add",
                "remove" and "move"
    node        the node that the change is about
    outcome     "applied", or "refused" where it had no effect
    replaces    the member that voted for the node before, in 32 hexadecimal digits; empty for "add"
    member      the member that votes for it from then on; empty for "remove"
    host, port  where it listens from then on; empty and 0 for "remove"
    """

    kind: Literal["replace", "add", "remove", "move"]
    node: int
    outcome: Literal["applied", "refused"]
    replaces: str
    member: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Block:
    """A decided block.

    slot       the block's place in the chain, from 1
    ballot     the ballot in which the block was first proposed: round and node
    previous   the hash of the block in the slot before, in 64 hexadecimal digits
    hash       the SHA-256 of this block, computed here from the bytes that the node sent
    time       when it was proposed, by its proposer's clock, in seconds since 1970
    transfers  in the order in which they were applied; none, if the block only changes the members
    change     what the block changes in who votes; None for most blocks
    """

    slot: int
    ballot: tuple[int, int]
    previous: str
    hash: str
    time: float
    transfers: tuple[Transfer, ...]
    change: MembershipChange | None = None


Status = NodeStatus
"""A node's state, as `printStatus` shows it: see `benmo.commands.node_status.NodeStatus`."""

AccountTransfer = account_history.AccountTransfer
"""A transfer as one account sees it: see `benmo.control.account_history.AccountTransfer`."""
