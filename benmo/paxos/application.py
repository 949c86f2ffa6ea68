"""The replicated state machine, as the protocol sees it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from benmo.paxos.membership import Membership
from benmo.paxos.types import Ballot, NodeId, PaxosBlock


class Application(Protocol):
    """The replicated state machine, as the protocol sees it. No method does I/O.

    The caller of a replica applies every block of `Step.decided` to the application before it
    calls the replica again.
    """

    @property
    def membership(self) -> Membership:
        """The voters of the slot after the last block that the application has applied."""

    @property
    def has_change(self) -> bool:
        """Whether a change of the membership waits for `block`, this node's own or another's."""

    def front(self) -> int:
        """The number of the first transfer in this node's queue, 0 if the queue is empty.

        The number grows as transfers are decided.
        """

    def ready(self) -> bool:
        """Whether a transfer or a change waits for `block`, this node's own or a forwarded one."""

    def block(self, slot: int, ballot: Ballot, previous: str, now: float) -> PaxosBlock:
        """Make the next block, of the transfers that wait. Called only when `ready`.

        `previous` is the hash of the block in `slot` - 1, `now` the replica's time in seconds.
        """

    def payers(self, block: PaxosBlock) -> Collection[NodeId]:
        """The nodes whose users wait for the decision of this block."""

    def bytes_of(self, block: PaxosBlock) -> int:
        """How many bytes a block has."""

    def forward(self, ballot: Ballot, again: bool) -> Sequence[object]:
        """The parts of this node's queue to send to the leader of `ballot` now, perhaps none.

        They hold what that leader wasn't sent yet. With `again`, which comes with each heartbeat,
        they also hold what was sent, unless the queue's first transfer has changed since the last
        call with `again`.
        """

    def take_forwarded(self, sender: NodeId, payload: object) -> None:
        """Keep what `sender` forwarded, for the next block.

        Raises `ProtocolError` if the payload is neither a change nor transfers of the sender.
        """

    def drop_forwarded(self) -> None:
        """Forget what was forwarded: this node doesn't lead any more."""
