"""What a client gives and gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benmo.commands.node_status import NodeStatus

Wait = Literal["decided", "queued"]

Outcome = Literal["decided", "queued", "refused"]


@dataclass(frozen=True, slots=True)
class Payment:
    """So much money to that node.

    amount  whole, 1 or more
    key     the payer's own name for this payment, at most 64 characters: under it, the node pays
            once, however often it is asked
    memo    for people, at most 140 characters, none of them invisible
    """

    amount: int
    to: int
    key: str | None = None
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a payment.

    id       the transfer's: node 3's 17th is "3-17"
    outcome  "decided": a quorum has it on disk, it is applied for ever; "queued": the node has it
             on disk, and nothing is decided; "refused": it never applies
    slot     that of its block, from 1; None while it is queued
    """

    id: str
    payment: Payment
    outcome: Outcome
    slot: int | None


@dataclass(frozen=True, slots=True)
class Balances:
    """Everyone's balance at a height of the chain.

    is_confirmed  whether a quorum confirmed that nothing decided before is missing
    """

    by_node: Mapping[int, int]
    height: int
    is_confirmed: bool

    def __getitem__(self, node: int) -> int:
        return self.by_node[node]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer in a decided block; `outcome` is "applied", "refused" or "skipped" (a double)."""

    id: str
    amount: int
    debit_node: int
    credit_node: int
    outcome: Literal["applied", "refused", "skipped"]
    key: str | None = None
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A decided block. Its hash was computed here, from the bytes that the node sent.

    slot      from 1
    ballot    round and node
    previous  the hash of the block in slot - 1, in 64 hexadecimal digits
    time      the proposer's, in seconds since 1970
    """

    slot: int
    ballot: tuple[int, int]
    previous: str
    hash: str
    time: float
    transfers: tuple[Transfer, ...]


Status = NodeStatus
"""A node's state: see `printStatus`."""
