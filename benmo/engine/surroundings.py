"""What the engine is given: a storage, a transport, and the limits of its node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benmo.engine.events import Event, Report
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import BLOCK_TRANSFERS_MAX, Run
from benmo.paxos.messages import Message
from benmo.paxos.step import Step
from benmo.paxos.types import Durable, NodeId
from benmo.storage.journal import JournalRecord

DiskWait = Callable[[], None]
"""Waits until something is durable. Raises `OSError`."""


class Transport(Protocol):
    """Carries messages; may lose, double, delay and reorder them, but not alter them."""

    def send(self, to: NodeId, message: Message) -> None:
        """Send to another node if that is possible now; else the message is lost."""

    def is_full(self, to: NodeId) -> bool:
        """Whether blocks for a node had better wait: it can't be sent any, or has many to read."""


class Storage(Protocol):
    """The durable state of one node: see `benmo.storage.node_storage.NodeStorage`."""

    @property
    def journal_bytes(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def needs_sync(self) -> bool: ...

    def append(self, records: Sequence[JournalRecord]) -> None: ...

    def write(self) -> None: ...

    def sync(self) -> None: ...

    def applied(self, block: AppliedBlock) -> None: ...

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]: ...

    def checkpoint(self, durable: Durable, ledger: Ledger, queue: Run) -> None: ...


class Tape(Protocol):
    """Is told of all that an engine does, as it does it: see `benmo.tape`."""

    def happens(self, event: Event | None, now: float) -> None:
        """The engine turns to an event or, with None, to what is due."""

    def recorded(self, records: Sequence[JournalRecord]) -> None:
        """These records will be durable with the next sync."""

    def stepped(self, step: Step) -> None:
        """The replica has made this step, whose records were told before."""

    def durable(self) -> None:
        """All records so far are durable."""

    def told(self, report: Report) -> None:
        """The turn's results are published now."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that bound memory and messages."""

    queue_limit: int = 10
    """How many transfers of this node wait in its queue at most."""
    journal_bytes_max: int = 4 << 20
    """A longer journal is replaced by a checkpoint."""
    blocks_bytes_max: int = 1 << 20
    """About how many bytes of blocks are sent to a peer at a time."""
    block_transfers_max: int = BLOCK_TRANSFERS_MAX
    """How many transfers a block of this node holds at most."""
