"""What may be asked of a running node over its port, and the answers.

Frames of msgpack, as between nodes; the connection is under the node's own certificate. Requests
carry a number, and the answer bears the same one; several may be under way.

    attach or client                               node
      |  RunLine, Pay, Find, ReadBalances, ReadBlocks    |
      |--------------------------------------------->|
      |      Ran, Paid, Found, BalancesRead, BlocksRead, or NotDone
      |<---------------------------------------------|
      |  Watch                                       |
      |--------------------------------------------->|
      |      Told       every notice from now on
      |      Shown      the snapshot, four times a second
      |<---------------------------------------------|
      |  Hurry          campaign at once             |
      |--------------------------------------------->|

`wait_s` is how long the node waits for what is asked, in seconds; then it answers what it knows.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from benmo.commands.node_status import NodeSnapshot
from benmo.errors import ProtocolError
from benmo.ledger.transfers import Payments
from benmo.notices import NOTICES, Notice
from benmo.paxos.types import NodeId
from benmo.typed_json import prepare

T = TypeVar("T")

_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _ControlMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request or an answer; the class is the msgpack field `type`."""


class RunLine(_ControlMessage, frozen=True, tag="Run"):
    """Carry out a line of the prompt's."""

    number: int
    line: str
    output_format: str


class Watch(_ControlMessage, frozen=True, tag=True):
    """Send notices and the snapshot from now on."""


class Hurry(_ControlMessage, frozen=True, tag=True):
    """Campaign at once, if there is a reason to. There is no answer."""


class Pay(_ControlMessage, frozen=True, tag=True):
    """Queue all of these or none. With `wait_s` 0, the answer comes once they are queued."""

    number: int
    payments: Payments
    wait_s: _Seconds


class Find(_ControlMessage, frozen=True, tag=True):
    """What became of the transfer with this key, as of `height_min` or above?"""

    number: int
    key: str
    height_min: int
    wait_s: _Seconds


class ReadBalances(_ControlMessage, frozen=True, tag=True):
    """The balances at `height_min` or above; confirmed by a quorum, if that is asked."""

    number: int
    is_confirmed: bool
    height_min: int
    wait_s: _Seconds


class ReadBlocks(_ControlMessage, frozen=True, tag=True):
    """Decided blocks from slot `first` on, up to `last`: as many as fit into an answer.

    Where there is none yet, wait for the next.
    """

    number: int
    first: int
    last: int
    wait_s: _Seconds


class ReadUsage(_ControlMessage, frozen=True, tag=True):
    """What has this node used?"""

    number: int


class Ran(_ControlMessage, frozen=True, tag=True):
    number: int
    status: int
    output: str
    leaves: bool


class Told(_ControlMessage, frozen=True, tag=True):
    """A notice: the name of its kind in `benmo.notices`, its fields, and when it happened."""

    kind: str
    fields: dict[str, object]
    at: float

    @classmethod
    def of(cls, notice: Notice, at: float) -> Told:
        return cls(type(notice).__name__, msgspec.to_builtins(notice), at)

    def notice(self) -> Notice:
        """Raises `ProtocolError` for one that isn't known here."""
        if self.kind not in NOTICES:
            raise ProtocolError(f"there is no notice {self.kind[:20]!r}")
        try:
            return msgspec.convert(self.fields, NOTICES[self.kind])
        except msgspec.ValidationError as error:
            raise ProtocolError(f"a malformed {self.kind}: {error}") from error


class Shown(_ControlMessage, frozen=True, tag=True):
    snapshot: NodeSnapshot


class DecidedRange(_ControlMessage, frozen=True):
    """Transfers `first` to `end` - 1 were decided in `slot`; those in `refused` are void."""

    first: int
    end: int
    slot: int
    refused: tuple[int, ...] = ()


class Paid(_ControlMessage, frozen=True, tag=True):
    """The transfers are queued under these numbers.

    Each range of `transfers`, from a number up to another that it doesn't hold, stands for as many
    payments, in the order of the request.
    Those that are decided, and known to be at this height, are in `decided`; `reason` says why
    others aren't.
    """

    number: int
    transfers: tuple[tuple[int, int], ...]
    decided: tuple[DecidedRange, ...]
    reason: str = ""
    height: int = 0


class FoundTransfer(_ControlMessage, frozen=True):
    """A transfer that was asked for under a key; `slot` 0 while it is queued."""

    transfer: int
    credit: NodeId
    amount: int
    memo: str
    slot: int
    is_refused: bool


class Found(_ControlMessage, frozen=True, tag=True):
    number: int
    found: FoundTransfer | None


class BalancesRead(_ControlMessage, frozen=True, tag=True):
    number: int
    balances: tuple[tuple[NodeId, int], ...]
    height: int


class BlockRead(_ControlMessage, frozen=True):
    """A block as it was hashed, and the positions in it that were refused and skipped."""

    data: bytes
    refused: tuple[int, ...]
    skipped: tuple[int, ...]


class BlocksRead(_ControlMessage, frozen=True, tag=True):
    number: int
    blocks: tuple[BlockRead, ...]
    height: int


class UsageRead(_ControlMessage, frozen=True, tag=True):
    """How often the node has called fsync since its process began."""

    number: int
    fsyncs: int


class NotDone(_ControlMessage, frozen=True, tag=True):
    """Nothing was queued or changed. It is `final`, or may be asked again when there is room."""

    number: int
    reason: str
    is_final: bool


AnsweredRequest = RunLine | Pay | Find | ReadBalances | ReadBlocks | ReadUsage
"""A request that has an answer."""

ControlRequest = AnsweredRequest | Watch | Hurry
ControlAnswer = Ran | Told | Shown | Paid | Found | BalancesRead | BlocksRead | UsageRead | NotDone


prepare(*NOTICES.values())

_encoder = msgspec.msgpack.Encoder()
_request_decoder: msgspec.msgpack.Decoder[ControlRequest] = msgspec.msgpack.Decoder(ControlRequest)
_answer_decoder: msgspec.msgpack.Decoder[ControlAnswer] = msgspec.msgpack.Decoder(ControlAnswer)


def encode(message: ControlRequest | ControlAnswer) -> bytes:
    """The payload of a frame."""
    return _encoder.encode(message)


def decode_request(payload: bytes) -> ControlRequest:
    """The request of a frame. Raises `ProtocolError`."""
    return _decode(payload, _request_decoder)


def decode_answer(payload: bytes) -> ControlAnswer:
    """The answer of a frame. Raises `ProtocolError`."""
    return _decode(payload, _answer_decoder)


def _decode(payload: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not understood: {error}") from error
