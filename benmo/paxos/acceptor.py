"""The acceptor: the memory of the protocol, and all of its safety.

*Paxos Made Simple* (Lamport, 2001), section 2.2:

    P1a.  An acceptor can accept a proposal numbered n iff it has not responded to a prepare
          request having a number greater than n.

    Phase 1 (b)  If an acceptor receives a prepare request with number n greater than that of any
          prepare request to which it has already responded, then it responds to the request with a
          promise not to accept any more proposals numbered less than n and with the
          highest-numbered proposal (if any) that it has accepted.

    Phase 2 (b)  If an acceptor receives an accept request for a proposal numbered n, it accepts
          the proposal unless it has already responded to a prepare request having a number
          greater than n.

Benmo adds to the paper: a promise holds for every later slot too, a proposal is accepted only
for the slot right above the chain, and a refusal is answered with a `Nack`.
"""

from __future__ import annotations

from dataclasses import dataclass

from benmo.paxos.messages import Accepted, Behind, Nack, Promise
from benmo.paxos.step import AcceptRecord, PromiseRecord, Step
from benmo.paxos.types import Ballot, Proposal, ProtocolError


@dataclass(frozen=True, slots=True)
class Ahead:
    """The order to send the leader the blocks from `first_slot` on; not a message itself."""

    first_slot: int


class Acceptor:
    """Answers prepare and accept requests. `promised` and `accepted` are durable.

    Invariants, asserted by `check`:

    A1. `promised` never goes back.
    A2. The ballot of what is accepted is no higher than `promised`.
    A3. What is accepted is for the slot right above the chain.
    """

    def __init__(self, promised: Ballot, accepted: Proposal | None) -> None:
        self.promised = promised
        self.accepted = accepted

    def check(self, height: int, promised_before: Ballot) -> None:
        """Assert the invariants; `promised_before` is `promised` as it was before a call."""
        assert self.promised >= promised_before, "A1"
        if self.accepted is not None:
            assert self.accepted.ballot <= self.promised, "A2"
            assert self.accepted.slot == height + 1, "A3"

    def on_prepare(self, ballot: Ballot, height: int, step: Step) -> Promise | Nack | None:
        """Phase 1b. The answer may leave once the step's records are durable.

        Returns None if the ballot is the promised one: the request came twice, or after an
        `Accept` in its ballot.
        """
        if ballot < self.promised:
            return Nack(ballot, self.promised)
        if ballot == self.promised:
            return None
        self._promise(ballot, step)
        return Promise(ballot, height, self.accepted)

    def on_accept(
        self, proposal: Proposal, height: int, step: Step
    ) -> Accepted | Nack | Behind | Ahead:
        """Phase 2b. The answer may leave once the step's records are durable.

        Returns `Behind` if this node lacks blocks below the proposal's slot, and `Ahead` if the
        leader lacks this slot's block. Raises `ProtocolError` if this node has accepted another
        block in the same ballot.
        """
        if proposal.ballot < self.promised:
            return Nack(proposal.ballot, self.promised)
        if proposal.slot > height + 1:
            return Behind(height)
        if proposal.slot <= height:
            return Ahead(proposal.slot)
        if not proposal.is_same_as(self.accepted):
            self._accept(proposal, step)
        return Accepted(proposal.ballot, proposal.slot)

    def on_decided(self, height: int) -> None:
        """Forget what was accepted for a slot up to `height`: those slots are decided."""
        if self.accepted is not None and self.accepted.slot <= height:
            self.accepted = None

    def _promise(self, ballot: Ballot, step: Step) -> None:
        self.promised = ballot
        step.records.append(PromiseRecord(ballot))

    def _accept(self, proposal: Proposal, step: Step) -> None:
        if self.accepted is not None and self.accepted.ballot == proposal.ballot:
            raise ProtocolError(f"two blocks were proposed in ballot {proposal.ballot}")
        self.promised = proposal.ballot
        self.accepted = proposal
        step.records.append(AcceptRecord(proposal))
