"""`checkpoint.json`: a node's durable state without the chain, and without what the journal adds.

One JSON line:

    {"crc":"…","type":"checkpoint","cluster":"…","node":1,"generation":3,"promised":[3,1],
     "accepted":null,"height":7,"head":"…","chain_bytes":2345,"balances":{"1":90,…},
     "last":{"1":2,…},"queue":{"debit":1,"first":3,"credit":[],"amount":[]}}
"""

from __future__ import annotations

import msgspec

from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.types import Ballot, NodeId, Proposal
from benmo.storage.journal import NodeState
from benmo.storage.lines import DamagedLine, block_of, raw_of, unseal


class AcceptedPart(msgspec.Struct, frozen=True):
    """A block that was accepted and isn't known to be decided."""

    ballot: Ballot
    block: msgspec.Raw

    @classmethod
    def of(cls, accepted: Proposal | None) -> AcceptedPart | None:
        return None if accepted is None else cls(accepted.ballot, raw_of(accepted.block))

    def proposal(self) -> Proposal:
        """Raises `DamagedLine`."""
        return Proposal(self.ballot, block_of(self.block))


class CheckpointLine(msgspec.Struct, frozen=True, tag="checkpoint", tag_field="type"):
    """The file's one line; `chain_bytes` is the length of the chain file up to `height`."""

    cluster: str
    node: NodeId
    generation: int
    promised: Ballot
    accepted: AcceptedPart | None
    height: int
    head: str
    chain_bytes: int
    balances: dict[NodeId, int]
    last: dict[NodeId, int]
    queue: Run

    def state(self) -> NodeState:
        """The state that the journal continues. Raises `DamagedLine`."""
        accepted = None if self.accepted is None else self.accepted.proposal()
        try:
            ledger = Ledger(self.balances, self.last, self.height, self.head)
        except (AssertionError, ValueError) as error:
            raise DamagedLine(str(error)) from error
        return NodeState(self.promised, accepted, ledger, self.queue)


_decoder = msgspec.json.Decoder(CheckpointLine)


def decode_checkpoint(data: bytes) -> CheckpointLine:
    """Decode the content of a checkpoint's file. Raises `DamagedLine`."""
    if not data.endswith(b"\n"):
        raise DamagedLine("it has no end")
    return unseal(data[:-1], _decoder)
