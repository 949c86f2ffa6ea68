"""Blocks that are almost right: each is a `ProtocolError`, and nothing else."""

from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from benmo.errors import ProtocolError
from benmo.ledger.blocks import decode_block, encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.types import GENESIS_HASH, Ballot

BLOCK = encode_block(7, Ballot(3, 1), GENESIS_HASH, 1.5, (Run(1, 17, (2, 3), (10, 5)),))


def changed(old: bytes, new: bytes) -> bytes:
    assert BLOCK.data.count(old) == 1
    return BLOCK.data.replace(old, new)


SLOT, TIME, PREVIOUS = b'"slot":7', b'"time":1.5', b'"previous":"' + b"0" * 64 + b'"'


RUNS = BLOCK.data[BLOCK.data.index(b'"runs"') : -1]


def with_slot(text: bytes) -> bytes:
    return changed(SLOT, b'"slot":' + text)


def with_time(text: bytes) -> bytes:
    return changed(TIME, b'"time":' + text)


def with_previous(text: bytes) -> bytes:
    return changed(PREVIOUS, b'"previous":' + text)


def with_ballot(text: bytes) -> bytes:
    return changed(b"[3,1]", text)


def with_runs(text: bytes) -> bytes:
    return changed(RUNS, b'"runs":' + text)


def with_run(text: bytes) -> bytes:
    return with_runs(b'[{"debit":1,"first":17,' + text + b"}]")


def with_amount(text: bytes) -> bytes:
    return with_run(b'"credit":[2],"amount":[' + text + b"]")


ZEROS = b"0" * 5000


WRONG_BLOCKS: dict[Callable[[bytes], bytes], list[bytes]] = {
    with_slot: [b"0", b"-1", b"7.0", b"7.5", b"true", b"null", b'"7"', b"[7]", b"9007199254740992"],
    with_time: [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"null", b'"1.5"', b"true", b"[1]"],
    with_previous: [b'"0"', b"null", b"0", b'"' + b"A" * 64 + b'"', b'"' + b"0" * 65 + b'"'],
    with_ballot: [b"[3]", b"[3,1,1]", b"[-1,1]", b"[3,-1]", b"[3.0,1]", b"null", b"[true,1]"],
    with_runs: [b"[]", b"null", b"{}", b"[[]]", b"[null]", b"[{}]", b"[" * 100_000, b"1"],
    with_run: [
        b'"credit":[],"amount":[]',
        b'"credit":[2],"amount":[]',
        b'"credit":[2],"amount":[1,2]',
        b'"credit":[2]',
        b'"credit":2,"amount":1',
        b'"credit":[2],"amount":[1],"memo":"x"',
        b'"credit":[2],"amount":[1],"first":0',
        b'"credit":[2],"amount":[1],"first":-5',
    ],
    with_amount: [b"true", b"1.0", b"1.5", b'"1"', b"null", b"[1]", b"1e2", b"01", b"1" + ZEROS],
}


CASES = [(build, text) for build, texts in WRONG_BLOCKS.items() for text in texts]


@pytest.mark.parametrize(
    ("build", "text"), CASES, ids=[f"{build.__name__} {text[:40]!r}" for build, text in CASES]
)
def test_a_block_with_a_wrong_part_is_refused(build: Callable[[bytes], bytes], text: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_block(build(text))


WRONG_DOCUMENTS = {
    "a newline inside": BLOCK.data.replace(b",", b",\n"),
    "a newline at the end": BLOCK.data + b"\n",
    "a newline at the start": b"\n" + BLOCK.data,
    "an unknown field": changed(SLOT, SLOT + b',"memo":"x"'),
    "no slot": changed(SLOT + b",", b""),
    "no UTF-8": changed(b"0" * 64, b"\xff" * 64),
    "half a surrogate": changed(b"0" * 64, b"\xed\xa0\x80" * 21),
    "a byte order mark": b"\xef\xbb\xbf" + BLOCK.data,
    "a comment": BLOCK.data + b"//",
    "nesting": b"[" * 200_000,
    "nesting in a field": b'{"slot":' + b"[" * 200_000,
    "nesting in an unknown field": b'{"x":' + b"[" * 200_000,
    "another format": msgpack.packb({"slot": 7}),
}


@pytest.mark.parametrize("data", WRONG_DOCUMENTS.values(), ids=WRONG_DOCUMENTS.keys())
def test_what_is_not_one_line_of_a_block_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_block(data)


VOID: list[Any] = [b"0", b"-1", b"-9223372036854775808", b"9007199254740993", b"1" + b"0" * 40]


@pytest.mark.parametrize("amount", VOID)
def test_an_amount_that_no_ledger_applies_is_a_block_all_the_same(amount: bytes) -> None:
    block = decode_block(with_amount(amount))
    assert block.runs[0].amount == (int(amount),)
