"""Messages that are almost right: each is a `ProtocolError`, and nothing else."""

import base64
from typing import Any

import msgpack
import pytest

from benmo.errors import ProtocolError
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.network.wire import decode_message, encode_message
from benmo.paxos.messages import Heartbeat
from benmo.paxos.types import GENESIS_HASH, Ballot

BLOCK = encode_block(7, Ballot(3, 1), GENESIS_HASH, 1.5, (Run(1, 17, (2, 3), (10, 5)),))
RUN = {"debit": 1, "first": 17, "credit": [2, 3], "amount": [10, 5]}
PROPOSAL = {"ballot": [4, 2], "block": BLOCK.data}
BALLOT = [4, 2]
HASH = "ab" * 32

RIGHT: dict[str, dict[str, Any]] = {
    "prepare": {"ballot": BALLOT},
    "promise": {"ballot": [5, 2], "height": 6, "accepted": PROPOSAL},
    "accept": PROPOSAL,
    "accepted": {"ballot": BALLOT, "slot": 7},
    "nack": {"ballot": BALLOT, "promised": [5, 1]},
    "decide": {"slot": 7, "ballot": BALLOT, "hash": HASH},
    "behind": {"height": 6},
    "blocks": {"blocks": [BLOCK.data], "height": 7},
    "heartbeat": {"height": 6, "ballot": [0, 0]},
    "forward": {"run": RUN},
}

WRONG_NUMBERS: list[object] = [
    *(-1, 2**53, 2**63, 2**64 - 1, -(2**63)),
    *(True, False, 1.0, 1.5, float("nan"), float("inf"), "1", b"1", None, [1], {"1": 1}),
    *(msgpack.Timestamp(1, 1), msgpack.ExtType(5, b"1")),
]
WRONG_BALLOTS: list[object] = [
    *([], [1], [1, 2, 3], [-1, 1], [1, -1], [2**53, 1], [1, 2**53], [True, 1], [1.0, 1]),
    *(["1", 1], [None, 1], [[1], 1], {"round": 1, "node": 1}, None, 1, "12", b"12"),
]
WRONG_TEXTS: list[object] = [None, 1, [HASH], HASH[1:], HASH + "0", HASH.upper(), "g" * 64]
WRONG_BYTES: list[object] = [
    *(None, 1, [BLOCK.data], BLOCK.data.decode(), base64.b64encode(BLOCK.data).decode()),
    *(b"", b"{}", b"null", b"[]", BLOCK.data[:-1], BLOCK.data + b"x", BLOCK.data * 2),
]
WRONG_RUNS: list[object] = [
    *(None, 1, [1, 17, [2], [10]], {}, RUN | {"memo": "x"}),
    *(RUN | {"first": wrong} for wrong in (*WRONG_NUMBERS, 0)),
    *(RUN | {"debit": wrong} for wrong in (True, 1.0, "1", None)),
    *(RUN | {column: []} for column in ("credit", "amount")),
    *(RUN | {column: [1]} for column in ("credit", "amount")),
    *(RUN | {column: [1, wrong]} for column in ("credit", "amount") for wrong in (True, 1.0, "1")),
    *(RUN | {column: None} for column in ("credit", "amount")),
    RUN | {"credit": [], "amount": []},
]
WRONG: dict[str, list[object]] = {
    **dict.fromkeys(("height", "slot"), WRONG_NUMBERS),
    **dict.fromkeys(("ballot", "promised"), WRONG_BALLOTS),
    "hash": WRONG_TEXTS,
    "block": WRONG_BYTES,
    "blocks": [None, 1, BLOCK.data, [None], *([BLOCK.data, wrong] for wrong in WRONG_BYTES)],
    "run": WRONG_RUNS,
    "accepted": [
        *(1, [], {}, [BALLOT, BLOCK.data], PROPOSAL | {"slot": 7}),
        *(PROPOSAL | {"ballot": wrong} for wrong in WRONG_BALLOTS),
        *(PROPOSAL | {"block": wrong} for wrong in WRONG_BYTES),
    ],
}


def refused(kind: object, fields: object) -> bool:
    with pytest.raises(ProtocolError):
        decode_message(msgpack.packb([kind, fields]))
    return True


@pytest.mark.parametrize("kind", RIGHT)
def test_the_examples_are_right(kind: str) -> None:
    frame = msgpack.packb([kind, RIGHT[kind]])
    assert encode_message(decode_message(frame)) == frame


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, name) for kind in RIGHT for name in RIGHT[kind]]
)
def test_a_message_with_a_wrong_field_is_refused(kind: str, field: str) -> None:
    for wrong in WRONG[field]:
        assert refused(kind, RIGHT[kind] | {field: wrong}), wrong


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, name) for kind in RIGHT for name in RIGHT[kind]]
)
def test_a_message_without_one_of_its_fields_is_refused(kind: str, field: str) -> None:
    assert refused(kind, {name: value for name, value in RIGHT[kind].items() if name != field})
    assert refused(kind, {name.encode(): value for name, value in RIGHT[kind].items()})


@pytest.mark.parametrize("kind", RIGHT)
def test_a_message_with_an_unknown_field_is_refused(kind: str) -> None:
    assert refused(kind, RIGHT[kind] | {"memo": 1})


@pytest.mark.parametrize("kind", RIGHT)
@pytest.mark.parametrize("fields", [None, [], 1, "ballot", b"", [BALLOT], {}])
def test_a_message_whose_fields_are_no_map_is_refused(kind: str, fields: object) -> None:
    assert refused(kind, fields)


@pytest.mark.parametrize("kind", ["", "Prepare", "prepare ", "x" * 10_000, b"prepare", None, 1, []])
def test_a_message_of_an_unknown_kind_is_refused(kind: object) -> None:
    assert refused(kind, {"ballot": BALLOT})


@pytest.mark.parametrize(
    "structure", [None, 1, "prepare", [], ["prepare"], ["prepare", {"ballot": BALLOT}, 1], {}]
)
def test_what_is_not_a_kind_and_its_fields_is_refused(structure: object) -> None:
    with pytest.raises(ProtocolError, match="a message is a kind and its fields"):
        decode_message(msgpack.packb(structure))


@pytest.mark.parametrize(
    ("height", "ballot", "sentence"),
    [
        (5, [5, 2], "what is accepted is for the next slot"),
        (7, [5, 2], "what is accepted is for the next slot"),
        (6, [4, 2], "what is accepted is of a lower ballot"),
        (6, [4, 1], "what is accepted is of a lower ballot"),
    ],
)
def test_a_promise_that_contradicts_itself_is_refused(
    height: int, ballot: list[int], sentence: str
) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        decode_message(
            msgpack.packb(["promise", {"ballot": ballot, "height": height, "accepted": PROPOSAL}])
        )


# msgpack that costs more than it weighs.

KIND = b"\x92\xa6behind\x81\xa6height"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x91" * 200_000,
        b"\x91" * 200_000 + b"\xc0",
        b"\x81\xa1a" * 200_000 + b"\xc0",
        KIND + b"\x91" * 5_000 + b"\x01",
        KIND + b"\x81\xa1a" * 900 + b"\x01",
        *(KIND + length + b"\xff\xff\xff\xff" for length in (b"\xc6", b"\xc9", b"\xdb")),
        *(KIND + length + b"\xff\xff\xff\xff" for length in (b"\xdd", b"\xdf")),
        KIND + b"\xdd\x7f\xff\xff\xff" + b"\x01" * 100,
        KIND + b"\xa3\xed\xa0\x80",
        KIND + b"\xa1\xff",
        b"\x92\xa6behind\x81\x01\x01",
        b"\x92\xa6behind\x81\x90\x01",
        b"\x92\xa6behind\x81\xc0\x01",
        KIND + b"\xd6\xff\x00\x00\x00\x01",
        KIND + b"\xc7\x05\xff\x00\x00\x00\x00\x01",
        KIND + b"\x01\x01",
        KIND,
    ],
)
def test_msgpack_that_is_deep_long_or_torn_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_message(data)


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**53 - 1])
def test_numbers_up_to_what_json_holds_exactly_are_carried(number: int) -> None:
    message = Heartbeat(number, Ballot(number, number))
    assert decode_message(encode_message(message)) == message
