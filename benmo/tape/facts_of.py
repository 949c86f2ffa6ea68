"""Facts about messages, blocks and transfers, as records hold them."""

from __future__ import annotations

from itertools import islice
from typing import assert_never

from benmo.ledger.blocks import Block
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.types import Change, NodeId, PaxosBlock, Proposal
from benmo.tape.facts import (
    HASH_DIGITS,
    MEMO_CHARACTERS_SHOWN,
    TRANSFERS_SHOWN,
    AcceptedFacts,
    AcceptFacts,
    AnyMessage,
    BehindFacts,
    BlockFacts,
    BlocksFacts,
    ConfirmedFacts,
    ConfirmFacts,
    DecideFacts,
    ForwardFacts,
    HeartbeatFacts,
    HeldBlock,
    NackFacts,
    PrepareFacts,
    PromiseFacts,
    TransferFacts,
)


def message_facts(message: Message) -> AnyMessage:
    """Take the facts of a message."""
    match message:
        case Prepare(ballot):
            return PrepareFacts(ballot)
        case Promise(ballot, height, accepted):
            return PromiseFacts(ballot, height, held_block(accepted))
        case Accept(proposal):
            return AcceptFacts(proposal.ballot, block_facts(proposal.block))
        case Accepted(ballot, slot):
            return AcceptedFacts(ballot, slot)
        case Nack(ballot, promised):
            return NackFacts(ballot, promised)
        case Decide(slot, ballot, hash_):
            return DecideFacts(ballot, slot, hash_[:HASH_DIGITS])
        case Behind(height):
            return BehindFacts(height)
        case Blocks(blocks, height):
            first = tuple(map(block_facts, blocks[:TRANSFERS_SHOWN]))
            return BlocksFacts(first, height, len(blocks))
        case Heartbeat(height, ballot):
            return HeartbeatFacts(ballot, height)
        case Forward(Change() as change):
            return ForwardFacts(0, change=change_text(change))
        case Forward(run):
            assert isinstance(run, Run)
            return ForwardFacts(len(run), transfers_facts(run))
        case Confirm(number):
            return ConfirmFacts(number)
        case Confirmed(number, height):
            return ConfirmedFacts(number, height)
        case _:
            assert_never(message)


def held_block(accepted: Proposal | None) -> HeldBlock | None:
    """Take the facts of what an acceptor has accepted, if it has accepted a block."""
    return None if accepted is None else HeldBlock(accepted.ballot, block_facts(accepted.block))


def block_facts(block: PaxosBlock) -> BlockFacts:
    """Take the facts of a block: of its transfers, the first few."""
    assert isinstance(block, Block)
    change = "" if block.change is None else change_text(block.change)
    shown = tuple(map(_transfer_facts, islice(block.transfers(), TRANSFERS_SHOWN)))
    return BlockFacts(block.slot, block.hash[:HASH_DIGITS], block.ballot, len(block), shown, change)


def transfers_facts(run: Run) -> tuple[TransferFacts, ...]:
    """Take the facts of the first few transfers of a run."""
    return tuple(map(_transfer_facts, run.upto(TRANSFERS_SHOWN).transfers()))


def payments_facts(debit: NodeId, payments: Payments) -> tuple[TransferFacts, ...]:
    """Take the facts of the first few payments of a request, which have no numbers yet."""
    run = payments.numbered(debit, 1).upto(TRANSFERS_SHOWN)
    return tuple(_transfer_facts(each, number=0) for each in run.transfers())


def change_text(change: Change) -> str:
    """Describe a change of the membership: `replace node 3`."""
    return f"{change.kind} node {change.node}"


def _transfer_facts(transfer: Transfer, number: int | None = None) -> TransferFacts:
    return TransferFacts(
        transfer.debit_node,
        transfer.number if number is None else number,
        transfer.credit_node,
        transfer.amount,
        transfer.memo[:MEMO_CHARACTERS_SHOWN],
    )
