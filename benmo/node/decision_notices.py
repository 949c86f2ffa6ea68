"""The notices of a decided block: the block itself, and what became of a node's transfers."""

from __future__ import annotations

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.notices import NodeNotice, RunApplied, SlotDecided, TransferApplied, TransferVoid
from benmo.paxos.types import NodeId

_REPORTED_EACH_MAX = 500
"""With more transfers of a node in a block, there is one notice per run instead."""


def decision_notices(applied: AppliedBlock, node: NodeId) -> list[NodeNotice]:
    """Make a notice for a decided block, and one for each of this node's transfers in it.

    Many transfers that were all applied share one notice per run, to be few enough to read.
    """
    block = applied.block
    notices: list[NodeNotice] = [
        SlotDecided(
            block.slot,
            block.ballot,
            applied.decided_in,
            len(block),
            block.change,
            applied.why_change_void,
        )
    ]
    own = [run for run in block.runs if run.debit == node]
    if not (applied.refused or applied.skipped) and sum(map(len, own)) > _REPORTED_EACH_MAX:
        notices += (RunApplied(block.slot, node, run.first, run.end) for run in own)
        return notices
    for transfer, outcome in applied.outcomes():
        if transfer.debit_node == node and outcome is Outcome.APPLIED:
            notices.append(TransferApplied(block.slot, transfer))
        elif transfer.debit_node == node and outcome is Outcome.REFUSED:
            notices.append(TransferVoid(block.slot, transfer))
    return notices
