"""Each block names the hash of the one before, and its own is the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib

from benmo.errors import ProtocolError
from benmo.ledger.blocks import AppliedBlock, Block, decode_block
from benmo.paxos.types import GENESIS_HASH
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine


class HashChain(Checker):
    """Decodes each decided block once, from its bytes."""

    name = "hash chain"
    rule = "promise 3"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._head = GENESIS_HASH

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        self._check(applied.block)
        self._head = applied.block.hash

    def _check(self, block: Block) -> None:
        slot = block.slot
        self.require(block.previous == self._head, f"slot {slot} doesn't name the block before it")
        digest = hashlib.sha256(block.data).hexdigest()
        self.require(block.hash == digest, f"slot {slot}'s hash isn't that of its bytes")
        try:
            said = decode_block(block.data)
        except ProtocolError as error:
            self.fail(f"slot {slot}'s bytes are no block: {error}", slot=slot)
        self.require(said == block, f"slot {slot}'s bytes say something else")
