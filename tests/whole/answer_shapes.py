"""The promised shapes of the answers in JSON, field by field."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

BallotPair = tuple[int, int]


class Exact(msgspec.Struct, forbid_unknown_fields=True):
    """Every field there, none besides."""


class Queued(Exact):
    id: str
    outcome: Literal["queued"]


class Refused(Exact):
    outcome: Literal["refused"]
    reason: str


class NotUnderstood(Exact):
    outcome: Literal["not understood"]
    reason: str


class Decided(Exact):
    outcome: Literal["decided"]
    height: int


class Unknown(Exact):
    outcome: Literal["unknown"]
    queue: int
    reason: str


class Balance(Exact):
    node: int
    balance: int
    available: int
    height: int


class Balances(Exact):
    balances: dict[Literal["1", "2", "3"], int]
    height: int


class Waiting(Exact):
    id: str
    amount: int
    debit_node: int
    credit_node: int


class Applied(Exact):
    id: str
    amount: int
    debit_node: int
    credit_node: int
    outcome: Literal["applied", "refused", "skipped"]


class Block(Exact):
    slot: int
    ballot: BallotPair
    previous: str
    hash: str
    transfers: list[Applied]


class Peer(Exact):
    node: int
    link: Literal["up", "down", "severed"]
    height: int


class Accepted(Exact):
    slot: int
    ballot: BallotPair


class State(Exact):
    node: int
    role: Literal["leader", "candidate", "acceptor"]
    leader: int | None
    ballot: BallotPair
    promised: BallotPair
    accepted: Accepted | None
    height: int
    head: str
    queue: int
    quorum: bool
    peers: list[Peer]


def require_shape(value: Any, wanted: Any) -> None:
    """Check a JSON value to have exactly that shape."""
    msgspec.convert(value, wanted, strict=True)
