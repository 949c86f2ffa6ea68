"""The requests to a running node over its port, and the answers.

Both travel as frames of msgpack, as between nodes; the connection is under the node's own
certificate, or a client's. A request carries a number, and its answer carries the same number;
several requests may be under way.

    attach or client                               node
      |  RunLine, Pay, Find, ReadBalances, ReadBlocks, ReadUsage, ReadMembers, ProposeChange
      |--------------------------------------------->|
      |      Ran, Paid, Found, BalancesRead, BlocksRead, UsageRead, MembersRead,
      |      ChangeDecided, or NotDone
      |<---------------------------------------------|
      |  Watch                                       |
      |--------------------------------------------->|
      |      Told       every notice from now on
      |      Shown      the snapshot, four times a second
      |<---------------------------------------------|
      |  Listen                                      |
      |--------------------------------------------->|
      |      Taped      records from now on, twenty times a second
      |<---------------------------------------------|
      |  Hurry          campaign at once             |
      |--------------------------------------------->|

`wait_s` is how long, in seconds, the node waits for what a request asks for. When that time is
over, the node answers with what it knows, or with `NotDone`.

A request that the certificate gives no right to is answered with `NotDone`, and a line with `Ran`;
`Hurry`, which has no answer, then does nothing.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from benmo.commands.node_status import NodeSnapshot
from benmo.control.control_message import ControlMessage, Seconds
from benmo.control.member_requests import ChangeDecided, MembersRead, ProposeChange, ReadMembers
from benmo.control.tape_requests import Listen, Taped
from benmo.errors import ProtocolError, Reason
from benmo.ledger.transfers import Payments
from benmo.network.rights import Right
from benmo.notices import NOTICES, Notice
from benmo.paxos.types import NodeId
from benmo.typed_json import prepare

T = TypeVar("T")

REQUEST_BYTES_MAX = 6 << 20
"""The longest request, in bytes: so many payments as one holds, of the longest texts, fit in."""


class RunLine(ControlMessage, frozen=True, tag="Run"):
    """Carry out a line, as a user types it at a prompt; answered by `Ran`."""

    number: int
    line: str
    output_format: str


class Watch(ControlMessage, frozen=True, tag=True):
    """Send notices and snapshots from now on: any number of `Told` and `Shown`."""


class Hurry(ControlMessage, frozen=True, tag=True):
    """Campaign at once, if the node has a reason to campaign. There is no answer.

    What was asked before over the same connection counts as a reason.
    """


class Pay(ControlMessage, frozen=True, tag=True):
    """Queue all of these payments or none; answered by `Paid` once all are decided.

    With `wait_s` 0, the answer comes once the payments are queued. If the queue has no room for
    `wait_s` seconds, or with `wait_s` 0 for `room_s`, nothing is queued.
    """

    number: int
    payments: Payments
    wait_s: Seconds
    room_s: Seconds = 10.0


class Find(ControlMessage, frozen=True, tag=True):
    """Find the transfer with this key, at a height of `height_min` or above.

    Answered by `Found`.
    """

    number: int
    key: str
    height_min: int
    wait_s: Seconds


class ReadBalances(ControlMessage, frozen=True, tag=True):
    """Read the balances at a height of `height_min` or above; answered by `BalancesRead`.

    If `is_confirmed`, they include every decision made before the request: the node asks a quorum.
    """

    number: int
    is_confirmed: bool
    height_min: int
    wait_s: Seconds


class ReadBlocks(ControlMessage, frozen=True, tag=True):
    """Read decided blocks from slot `first` to `last`, as many of them as fit into one answer.

    Answered by `BlocksRead`. If slot `first` is not decided yet, the node waits for it.
    """

    number: int
    first: int
    last: int
    wait_s: Seconds


class ReadUsage(ControlMessage, frozen=True, tag=True):
    """Ask what the node's process has used; answered by `UsageRead`."""

    number: int


class Ran(ControlMessage, frozen=True, tag=True):
    """A line was carried out: `status` is a `Status`, the rest is as in `Rendered`."""

    number: int
    status: int
    output: str
    leaves: bool


class Told(ControlMessage, frozen=True, tag=True):
    """A notice: `kind` names its class in `benmo.notices`; `at` is in seconds since 1970."""

    kind: str
    fields: dict[str, object]
    at: float

    @classmethod
    def of(cls, notice: Notice, at: float) -> Told:
        """Make a message of a notice and its time."""
        return cls(type(notice).__name__, msgspec.to_builtins(notice), at)

    def notice(self) -> Notice:
        """The notice itself. Raises `ProtocolError` if its kind is unknown or a field is wrong."""
        if self.kind not in NOTICES:
            raise ProtocolError(f"there is no notice {self.kind[:20]!r}")
        try:
            return msgspec.convert(self.fields, NOTICES[self.kind])
        except msgspec.ValidationError as error:
            raise ProtocolError(f"a malformed {self.kind}: {error}") from error


class Shown(ControlMessage, frozen=True, tag=True):
    """The node's state, for a prompt."""

    snapshot: NodeSnapshot


class DecidedRange(ControlMessage, frozen=True):
    """Transfers `first` to `end` - 1 were decided in `slot`; the numbers in `refused` are void."""

    first: int
    end: int
    slot: int
    refused: tuple[int, ...] = ()


class Paid(ControlMessage, frozen=True, tag=True):
    """The payments of a request are queued or decided, as the transfers of these numbers.

    Each pair (first, end) in `transfers` stands for the transfers `first` to `end` - 1, and for as
    many payments, in the order of the request. `decided` covers all of them that were decided at
    this `height`, and perhaps more. `reason` says why others are not decided; it is empty if all
    are.
    """

    number: int
    transfers: tuple[tuple[int, int], ...]
    decided: tuple[DecidedRange, ...]
    reason: str = ""
    height: int = 0


class FoundTransfer(ControlMessage, frozen=True):
    """A transfer that was found by its key: its number, its payment, its slot (0 if queued)."""

    transfer: int
    credit: NodeId
    amount: int
    memo: str
    slot: int
    is_refused: bool


class Found(ControlMessage, frozen=True, tag=True):
    """The transfer with the key that was asked for; None if there is none."""

    number: int
    found: FoundTransfer | None


class BalancesRead(ControlMessage, frozen=True, tag=True):
    """The balance of each node at this height of the chain."""

    number: int
    balances: tuple[tuple[NodeId, int], ...]
    height: int


class BlockRead(ControlMessage, frozen=True):
    """A block's bytes, as hashed; and which of its transfers, from 0, were refused and skipped.

    `is_change_void` says whether its change of the membership had no effect.
    """

    data: bytes
    refused: tuple[int, ...]
    skipped: tuple[int, ...]
    is_change_void: bool = False


class BlocksRead(ControlMessage, frozen=True, tag=True):
    """Decided blocks in the order of their slots, perhaps none, and the height of the chain."""

    number: int
    blocks: tuple[BlockRead, ...]
    height: int


class UsageRead(ControlMessage, frozen=True, tag=True):
    """The count of the node's calls of fsync since its process began."""

    number: int
    fsyncs: int


class NotDone(ControlMessage, frozen=True, tag=True):
    """The request was refused: nothing was queued or changed.

    `reason` is a line for people, `code` the value of the `Reason` for programs. Unless the refusal
    `is_final`, the same request may succeed later, once there is room again.
    """

    number: int
    reason: str
    is_final: bool
    code: str = Reason.OTHER.value


AnsweredRequest = (
    RunLine | Pay | Find | ReadBalances | ReadBlocks | ReadUsage | ReadMembers | ProposeChange
)
"""A request that has an answer of its own, under its number."""

ControlRequest = AnsweredRequest | Watch | Hurry | Listen
ControlAnswer = (
    Ran
    | Told
    | Shown
    | Paid
    | Found
    | BalancesRead
    | BlocksRead
    | UsageRead
    | MembersRead
    | ChangeDecided
    | Taped
    | NotDone
)

_RIGHTS: dict[type[ControlRequest], Right] = {
    RunLine: Right.READ,  # what the line needs is in the table of commands
    Watch: Right.READ,
    Listen: Right.READ,
    Hurry: Right.PAY,
    Pay: Right.PAY,
    Find: Right.READ,
    ReadBalances: Right.READ,
    ReadBlocks: Right.READ,
    ReadUsage: Right.READ,
    ReadMembers: Right.READ,
    ProposeChange: Right.COMMAND,
}


def right_for(kind: type[ControlRequest]) -> Right:
    """Tell what a certificate must give for such a request: if nothing else is said, everything."""
    return _RIGHTS.get(kind, Right.COMMAND)


prepare(*NOTICES.values())

_encoder = msgspec.msgpack.Encoder()
_request_decoder: msgspec.msgpack.Decoder[ControlRequest] = msgspec.msgpack.Decoder(ControlRequest)
_answer_decoder: msgspec.msgpack.Decoder[ControlAnswer] = msgspec.msgpack.Decoder(ControlAnswer)


def encode(message: ControlRequest | ControlAnswer) -> bytes:
    """Encode a message as the payload of a frame."""
    return _encoder.encode(message)


def decode_request(payload: bytes) -> ControlRequest:
    """Decode the payload of a request's frame. Raises `ProtocolError` if it is none."""
    return _decode(payload, _request_decoder)


def decode_answer(payload: bytes) -> ControlAnswer:
    """Decode the payload of an answer's frame. Raises `ProtocolError` if it is none."""
    return _decode(payload, _answer_decoder)


def _decode(payload: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not understood: {error}") from error
