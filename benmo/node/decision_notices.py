"""What a decided block means to the users of a node, in sentences."""

from __future__ import annotations

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.step import Notice, NoticeKind
from benmo.paxos.types import NodeId

_TOLD_EACH_MAX = 500
"""Of more transfers in a block, each is not told for itself."""


def decided_notices(applied: AppliedBlock, node: NodeId) -> list[Notice]:
    """A sentence for a decided block, and one for each of this node's transfers in it.

    Of many that were applied there is one sentence, since nobody reads them one by one.
    """
    block = applied.block
    count = len(block)
    notices = [
        Notice(
            NoticeKind.DECIDED,
            f"slot {block.slot} is decided: {count} transfer{'s' if count != 1 else ''} "
            f"in ballot {block.ballot}",
        )
    ]
    own = [run for run in block.runs if run.debit == node]
    if not (applied.refused or applied.skipped) and sum(map(len, own)) > _TOLD_EACH_MAX:
        for run in own:
            text = f"decided {node}-{run.first} to {node}-{run.end - 1} ({len(run)} transfers)"
            notices.append(Notice(NoticeKind.DECIDED, text))
        return notices
    for transfer, outcome in applied.outcomes():
        if transfer.debit_node == node and outcome is Outcome.APPLIED:
            notices.append(Notice(NoticeKind.DECIDED, f"decided {transfer}"))
        elif transfer.debit_node == node and outcome is Outcome.REFUSED:
            notices.append(Notice(NoticeKind.REFUSED, f"refused {transfer}"))
    return notices
