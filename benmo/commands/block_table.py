"""Blocks as `printBlockchain` shows them: as JSON, and as a table.

The table has a row per transfer, and one per change of the membership.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from benmo.commands.answers import Cell, Table
from benmo.commands.times import shown_time
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.transfers import Transfer
from benmo.ledger.visible_text import escaped
from benmo.paxos.types import Ballot, Change, ChangeKind, MemberId, NodeId
from benmo.wording import what_changed

_HASH_DIGITS = 12
_HEADERS = (
    "slot",
    "proposed",
    "decided",
    "hash",
    "transfer",
    "amount",
    "debit",
    "credit",
    "outcome",
)
_TSV_HEADERS = ("slot", "ballot", "", *_HEADERS[3:])
_TIME = "time (UTC)"
_UNKNOWN = "?"
_NOTES_MAX = 5
_UNKNOWN_NOTE = "?: not seen here, or before a restart; a block holds only its first ballot"


class ShownTransfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transfer of a block; in JSON, an empty memo or key is left out."""

    id: str
    amount: int
    debit_node: NodeId
    credit_node: NodeId
    outcome: Outcome
    memo: str = ""
    key: str = ""


class ShownChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block's change of the membership, with the fields of a `Change` and what became of it.

    It is either applied or, where it is void, refused. In JSON, what doesn't apply is left out.
    """

    kind: ChangeKind
    node: NodeId
    outcome: Outcome
    replaces: MemberId = ""
    member: MemberId = ""
    host: str = ""
    port: int = 0


class ShownBlock(msgspec.Struct, frozen=True):
    """A decided block; the hashes are whole.

    `ballot` is the one in which the block was first proposed, as round and node. `decided_in` is
    one in which a majority accepted it, None where the node that shows the block knows none; `time`
    is the proposer's clock, in seconds since 1970, None where only the JSON of a block is known.
    """

    slot: int
    ballot: Ballot
    previous: str
    hash: str
    transfers: tuple[ShownTransfer, ...]
    decided_in: Ballot | None = None
    time: float | None = None
    change: ShownChange | None = None


def shown(applied: AppliedBlock) -> ShownBlock:
    """Take from a decided block what is shown of it."""
    block = applied.block
    transfers = tuple(_shown(transfer, outcome) for transfer, outcome in applied.outcomes())
    decided_in = None if applied.decided_in == Ballot.ZERO else applied.decided_in
    return ShownBlock(
        *(block.slot, block.ballot, block.previous, block.hash, transfers, decided_in, block.time),
        None if block.change is None else shown_change(block.change, applied.is_change_void),
    )


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


def shown_change(change: Change, is_void: bool) -> ShownChange:
    """Turn a block's change into the form in which it is shown; `is_void` if it had no effect."""
    return ShownChange(
        change.kind,
        change.node,
        Outcome.REFUSED if is_void else Outcome.APPLIED,
        change.replaces,
        change.member,
        change.host,
        change.port,
    )


def chain_json(blocks: Sequence[ShownBlock]) -> object:
    """Turn the blocks into plain objects, for JSON: the same at each node that has these blocks.

    So what only some nodes know, the ballot that decided a block, is not in it; nor is the time,
    which only people are shown.
    """
    return [_for_programs(block) for block in msgspec.to_builtins(blocks)]


def _for_programs(block: dict[str, object]) -> dict[str, object]:
    del block["decided_in"], block["time"]
    if block["change"] is None:
        del block["change"]
    return block


def chain_table(blocks: Sequence[ShownBlock]) -> Table:
    """Turn the blocks into a table: a row per transfer or change; memos and times if any."""
    has_memo = any(each.memo for block in blocks for each in block.transfers)
    has_time = any(block.time is not None for block in blocks)
    memo = ("memo",) if has_memo else ()
    time = (_TIME,) if has_time else ()
    return Table(
        (_HEADERS[0], *time, *_HEADERS[1:], *memo),
        [row for block in blocks for row in _rows(block, has_memo, has_time)],
        spare=(_TIME, "hash", "proposed"),
        tsv_headers=(_TSV_HEADERS[0], *("" for _ in time), *_TSV_HEADERS[1:], *memo),
    )


def chain_notes(blocks: Sequence[ShownBlock]) -> str:
    """Say what the table has no room for: what changed, who took a block over, what isn't known."""
    changes = [
        f"slot {block.slot}: {change_sentence(block.change)}" for block in blocks if block.change
    ]
    notes = [
        f"slot {block.slot}: {_taken_over(block.ballot, block.decided_in)}"
        for block in blocks
        if block.decided_in is not None and block.decided_in != block.ballot
    ]
    if len(notes) > _NOTES_MAX:
        notes = [*notes[:_NOTES_MAX], f"… and {len(notes) - _NOTES_MAX} more were taken over"]
    if any(block.decided_in is None for block in blocks):
        notes.append(_UNKNOWN_NOTE)
    return "\n".join([*changes, *notes])


def change_sentence(change: ShownChange) -> str:
    """Say what a change has done, or that it did nothing."""
    if change.outcome is not Outcome.APPLIED:
        return f"the change had no effect: {change.kind} node {change.node}"
    return what_changed(
        Change(change.kind, change.node, change.replaces, change.member, change.host, change.port)
    )


def _taken_over(proposed_in: Ballot, decided_in: Ballot) -> str:
    first = f"node {proposed_in.node} proposed it in {proposed_in}"
    if proposed_in.node == decided_in.node:
        return f"{first}, and again in {decided_in}"
    return f"{first}; node {decided_in.node} had to take it over, in {decided_in}"


def _rows(block: ShownBlock, has_memo: bool, has_time: bool) -> Iterator[tuple[Cell, ...]]:
    time = "" if block.time is None else shown_time(block.time)
    of_block = (
        block.slot,
        *((time,) if has_time else ()),
        str(block.ballot),
        _UNKNOWN if block.decided_in is None else str(block.decided_in),
        block.hash[:_HASH_DIGITS],
    )
    for transfer in block.transfers:
        yield (
            *of_block,
            transfer.id,
            transfer.amount,
            transfer.debit_node,
            transfer.credit_node,
            str(transfer.outcome),
            *((escaped(transfer.memo),) if has_memo else ()),
        )
    if block.change is not None:
        yield (
            *of_block,
            f"{block.change.kind} {block.change.node}",
            *("", "", ""),
            str(block.change.outcome),
            *(("",) if has_memo else ()),
        )
