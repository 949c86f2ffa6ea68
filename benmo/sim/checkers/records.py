"""A node's durable state as its own records tell it; for checkers that look at each record."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from benmo.storage.journal import JournalRecord, NodeState


@dataclass(slots=True)
class RecordedState:
    """What one node found on its disk when it started, and has recorded since."""

    promised: Ballot = Ballot.ZERO
    accepted: Proposal | None = None
    height: int = 0
    head: str = GENESIS_HASH

    def start(self, state: NodeState) -> None:
        """Begin anew with what a start recovered."""
        durable = state.durable
        self.promised, self.accepted = durable.promised, durable.accepted
        self.height, self.head = durable.height, durable.head

    def add(self, record: JournalRecord) -> None:
        match record:
            case PromiseRecord(ballot):
                self.promised = ballot
            case AcceptRecord(proposal):
                self.promised, self.accepted = proposal.ballot, proposal
            case DecideRecord(block, _):
                self.height, self.head = block.slot, block.hash
                if self.accepted is not None and self.accepted.slot <= block.slot:
                    self.accepted = None
