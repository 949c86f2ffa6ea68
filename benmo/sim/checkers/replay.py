"""A node's state is that to which a fresh replay of its files would lead.

The check reads all files of a node: it is made every few turns, for the node whose turn it is, and
at the end.
"""

from __future__ import annotations

from itertools import pairwise

from benmo.engine.engine import Engine
from benmo.errors import StateError
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.types import Durable
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import CLUSTER, Machine, Turn
from benmo.sim.member_names import label_of
from benmo.storage.journal import NodeState
from benmo.storage.node_storage import NodeStorage

_EVERY_TURNS = 32


class Replay(Checker):
    """Opens a copy of a node's disk, as the next start would."""

    name = "replay"
    rule = "promise 1"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._turns = 0

    def after_turn(self, machine: Machine, turn: Turn) -> None:
        self._turns += 1
        if self._turns % _EVERY_TURNS == 0:
            self._check(machine)

    def at_end(self, survivors: Machines) -> None:
        for machine in survivors:
            self._check(machine)
            self._read_whole_chain(machine)

    def _check(self, machine: Machine) -> None:
        if machine.is_damaged or machine.engine is None:
            return
        try:
            _, state = NodeStorage.open(machine.disk.copy(), CLUSTER, machine.node, machine.member)
        except StateError as error:
            self.fail(f"node {machine.label}'s files can't be read: {error}", node=machine.node)
        found, held = _of_state(state, machine), _of_engine(machine.engine)
        self.require(
            found == held, f"node {machine.label}'s files lead to {found}, it itself is at {held}"
        )

    def _read_whole_chain(self, machine: Machine) -> None:
        if machine.is_damaged or machine.engine is None:
            return
        blocks = [applied.block for applied in machine.whole_chain()]
        slots = [block.slot for block in blocks]
        self.require(
            slots == list(range(1, machine.engine.ledger.height + 1)),
            f"node {machine.label}'s files hold the slots {slots}",
        )
        for earlier, later in pairwise(blocks):
            self.require(
                earlier.hash == later.previous, f"node {machine.label}'s chain breaks on disk"
            )


def _of_state(state: NodeState, machine: Machine) -> str:
    """Describe what files lead to; a start drops the queue of a member that has lost its vote."""
    is_voter = state.ledger.membership.is_voter(machine.member)
    queue = state.queue if is_voter else Run(machine.node, 1, (), ())
    return _text(state.durable, state.ledger, queue)


def _of_engine(engine: Engine) -> str:
    return _text(engine.replica.durable, engine.ledger, engine.queue.own)


def _text(durable: Durable, ledger: Ledger, queue: Run) -> str:
    accepted = durable.accepted
    block = "nothing" if accepted is None else f"{accepted.block.hash[:8]} in {accepted.ballot}"
    waiting = [
        (each.number, each.credit_node, each.amount, each.memo, each.key)
        for each in queue.transfers()
    ]
    members = " ".join(map(label_of, ledger.membership.ids.values()))
    return (
        f"promised {durable.promised}, accepted {block}, height {durable.height}, "
        f"head {durable.head[:8]}, members {members}, "
        f"balances {ledger.balances}, last {ledger.last}, queue {waiting}"
    )
