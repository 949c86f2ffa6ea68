"""What a node sends becomes the values that programs get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benmo.client.convert import block_of
from benmo.client.values import MembershipChange
from benmo.control.requests import BlockRead
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind

OLD, NEW = "a" * 32, "b" * 32
CHANGES = {
    Change(ChangeKind.REPLACE, 3, OLD, NEW, "h", 9): MembershipChange(
        "replace", 3, "applied", OLD, NEW, "h", 9
    ),
    Change(ChangeKind.ADD, 3, "", NEW, "h", 9): MembershipChange(
        "add", 3, "applied", "", NEW, "h", 9
    ),
    Change(ChangeKind.REMOVE, 3, OLD): MembershipChange("remove", 3, "applied", OLD, "", "", 0),
    Change(ChangeKind.MOVE, 3, OLD, OLD, "h", 9): MembershipChange(
        "move", 3, "applied", OLD, OLD, "h", 9
    ),
}


@pytest.mark.parametrize("is_void", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.kind))
def test_a_block_says_what_it_changes_in_who_votes(change: Change, is_void: bool) -> None:
    block = encode_block(1, Ballot(1, 1), GENESIS_HASH, 0.0, (), change)
    read = block_of(BlockRead(block.data, (), (), is_void), 1, None)
    assert read.change == replace(CHANGES[change], outcome="refused" if is_void else "applied")
    assert read.transfers == ()


def test_a_block_that_only_pays_changes_nothing() -> None:
    block = encode_block(1, Ballot(1, 1), GENESIS_HASH, 0.0, (Run(1, 1, (2,), (5,)),))
    assert block_of(BlockRead(block.data, (), (), False), 1, None).change is None
