"""Blocks as `printBlockchain` shows them: as JSON, and as a table with a row per transfer."""

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
    """A transfer of a block; in JSON, an empty memo or key is left out."""

    id: str
    amount: int
    debit_node: NodeId
    credit_node: NodeId
    outcome: Outcome
    memo: str = ""
    key: str = ""


class ShownBlock(msgspec.Struct, frozen=True):
    """A decided block: `ballot` is round and node, the hashes are whole."""

    slot: int
    ballot: tuple[int, NodeId]
    previous: str
    hash: str
    transfers: tuple[ShownTransfer, ...]


def shown(applied: AppliedBlock) -> ShownBlock:
    """Take from a decided block what is shown of it."""
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
    """Turn the blocks into plain objects, for JSON."""
    return msgspec.to_builtins(blocks)


def chain_table(blocks: Iterable[ShownBlock]) -> Table:
    """Turn the blocks into a table: a row per transfer, and memos only if there are any."""
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
