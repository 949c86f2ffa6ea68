"""Blocks as `printBlockchain` shows them: as JSON, and as a table with a row a transfer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from benmo.commands.answers import Cell, Table
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.transfers import Transfer
from benmo.ledger.visible_text import escaped
from benmo.paxos.types import NodeId

_HASH_DIGITS = 12
_HEADERS = ("slot", "ballot", "hash", "transfer", "amount", "debit", "credit", "outcome")


class ShownTransfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transfer of a block; memo and key only where there are any."""

    id: str
    amount: int
    debit_node: NodeId
    credit_node: NodeId
    outcome: Outcome
    memo: str = ""
    key: str = ""


class ShownBlock(msgspec.Struct, frozen=True):
    """A decided block: its ballot is round and node, its hashes are whole."""

    slot: int
    ballot: tuple[int, NodeId]
    previous: str
    hash: str
    transfers: tuple[ShownTransfer, ...]


def shown(applied: AppliedBlock) -> ShownBlock:
    """What is shown of a block."""
    block = applied.block
    transfers = tuple(_shown(transfer, outcome) for transfer, outcome in applied.outcomes())
    ballot = (block.ballot.round, block.ballot.node)
    return ShownBlock(block.slot, ballot, block.previous, block.hash, transfers)


def _shown(transfer: Transfer, outcome: Outcome) -> ShownTransfer:
    return ShownTransfer(
        transfer.id,
        transfer.amount,
        transfer.debit_node,
        transfer.credit_node,
        outcome,
        transfer.memo,
        transfer.key,
    )


def chain_json(blocks: Sequence[ShownBlock]) -> object:
    """The blocks as plain objects."""
    return msgspec.to_builtins(blocks)


def chain_table(blocks: Iterable[ShownBlock]) -> Table:
    """A row a transfer; the column of memos is there only where somebody wrote one."""
    pairs = [(block, transfer) for block in blocks for transfer in block.transfers]
    has_memo = any(transfer.memo for _, transfer in pairs)
    rows = [_row(block, transfer, has_memo) for block, transfer in pairs]
    return Table((*_HEADERS, *(("memo",) if has_memo else ())), rows)


def _row(block: ShownBlock, transfer: ShownTransfer, has_memo: bool) -> tuple[Cell, ...]:
    round_, node = block.ballot
    return (
        block.slot,
        f"({round_}, {node})",
        block.hash[:_HASH_DIGITS],
        transfer.id,
        transfer.amount,
        transfer.debit_node,
        transfer.credit_node,
        str(transfer.outcome),
        *((escaped(transfer.memo),) if has_memo else ()),
    )
