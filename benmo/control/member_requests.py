"""The requests to a running node about the members, and the answers: see `requests.py`."""

from __future__ import annotations

from benmo.commands.node_status import MemberStatus
from benmo.control.control_message import ControlMessage, Seconds
from benmo.ledger.blocks import ChangeBody
from benmo.paxos.types import MemberId, NodeId


class ReadMembers(ControlMessage, frozen=True, tag=True):
    """Ask who votes, and who voted before; answered by `MembersRead`."""

    number: int


class ProposeChange(ControlMessage, frozen=True, tag=True):
    """Have a change of the membership decided; answered by `ChangeDecided`.

    The answer is `NotDone` if the change would have no effect. If the time is over first, the
    change may still be decided.
    """

    number: int
    change: ChangeBody
    wait_s: Seconds


class WaitingTransfers(ControlMessage, frozen=True):
    """Transfers `first` to `end` - 1 of a node are queued and not decided, as far as is known."""

    node: NodeId
    first: int
    end: int


class MembersRead(ControlMessage, frozen=True, tag=True):
    """The members after the block at this height of the node's chain, as the node knows them.

    member   the answering node's own, which may have no vote
    members  who votes and who voted before, in the order in which they came
    quorum   whether the node and the nodes that it reaches are a majority
    decided  the number of each node's last decided transfer, 0 if it has none
    waiting  the node's own queue and what others forwarded to it, as far as there is any
    """

    number: int
    member: MemberId
    height: int
    members: tuple[MemberStatus, ...]
    quorum: bool
    decided: tuple[tuple[NodeId, int], ...] = ()
    waiting: tuple[WaitingTransfers, ...] = ()


class ChangeDecided(ControlMessage, frozen=True, tag=True):
    """A change of the membership was decided in `slot`; without effect, if it `is_void`.

    If it was not decided in time, `slot` is 0, and `reason` says why.
    """

    number: int
    slot: int
    is_void: bool = False
    reason: str = ""
