"""A trace's file: what is written is read, and nothing else is taken for a trace."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import msgspec
import pytest

from benmo.errors import ProtocolError
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.ledger.visible_text import MEMO_CHARACTERS_MAX
from benmo.paxos.types import Ballot
from benmo.tape.facts import HeldBlock
from benmo.tape.facts_of import block_facts
from benmo.tape.recorder import CHAIN_SHOWN
from benmo.tape.records import VERSION, AnyRecord, Header, PromisedRecord, StateRecord
from benmo.tape.trace_file import LINE_BYTES_MAX, TraceWriter, decode_record, read_trace
from benmo.tape.world_records import NoteRecord

HEADER = Header("trace", VERSION, "live", (1, 2, 3), "block", 1.5, "ab")
RECORDS: list[AnyRecord] = [
    PromisedRecord(node=2, life=7, number=1, time=0.25, cause=0, ballot=Ballot(3, 1)),
    NoteRecord(node=0, life=0, number=1, time=0.5, text="who may lead now? ü"),
]


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    with TraceWriter(tmp_path / name, HEADER) as writer:
        for record in RECORDS:
            writer.write(record)
    assert writer.records == 2
    header, records = read_trace(tmp_path / name)
    assert (header, list(records)) == (HEADER, RECORDS)


def test_a_gz_is_compressed(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "run.jsonl.gz", HEADER):
        pass
    line = gzip.decompress((tmp_path / "run.jsonl.gz").read_bytes())
    assert line.startswith(b'{"benmo":"trace","version":1,')


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b'{"benmo":"trades","version":1}', b"\xff"])
def test_another_file_is_no_trace(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "x").write_bytes(line + b"\n")
    with pytest.raises(ProtocolError, match="is no trace"):
        read_trace(tmp_path / "x")


def test_a_trace_of_a_later_version_is_refused(tmp_path: Path) -> None:
    later = Header("trace", VERSION + 1, "live", (1,), "block")
    with TraceWriter(tmp_path / "x", later):
        pass
    with pytest.raises(ProtocolError, match=f"version {VERSION + 1}, later than this"):
        read_trace(tmp_path / "x")


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "x", HEADER) as writer:
        writer.write(RECORDS[0])
    with (tmp_path / "x").open("ab") as file:
        file.write(b"{}\n")
    _, records = read_trace(tmp_path / "x")
    assert next(records) == RECORDS[0]
    with pytest.raises(ProtocolError, match="x, line 3: a malformed record"):
        next(records)


def test_the_longest_state_is_read() -> None:
    most, nodes, ballot = 2**53 // 99, range(1, 100), Ballot(10**6, 99)
    run = Run(99, most, (98,) * 3, (most,) * 3, ("\N{GRINNING FACE}" * MEMO_CHARACTERS_MAX,) * 3)
    facts = block_facts(encode_block(10**9, ballot, "0" * 64, 1.5, (run,)))
    record = StateRecord(
        node=99,
        life=2**53 - 1,
        number=10**9,
        time=123456.123456,
        role="acceptor",
        ballot=ballot,
        promised=ballot,
        accepted=HeldBlock(ballot, facts),
        height=10**9,
        chain=(facts,) * CHAIN_SHOWN,
        balances=dict.fromkeys(nodes, most),
        queue=10**9,
        links=dict.fromkeys(nodes, False),
        leader=ballot,
        members=tuple(nodes),
        due_s=3.123456789,
        member="a" * 32,
    )
    line = msgspec.json.encode(record)
    assert len(line) > 20_000
    assert decode_record(line) == record


def test_a_line_without_an_end_takes_no_memory(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "x.gz", HEADER):
        pass
    with gzip.open(tmp_path / "x.gz", "ab", compresslevel=1) as file:
        file.write(bytes(16 << 20))
    _, records = read_trace(tmp_path / "x.gz")
    tracemalloc.start()
    with pytest.raises(ProtocolError, match="line 2: a record's line is too long"):
        next(records)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"k":"promised"}',
        b'{"k":"rumour","i":1,"l":1,"n":1,"t":0}',
        b'{"k":"promised","b":[1],"i":1,"l":1,"n":1,"t":0}',
        b'{"k":"note","i":0,"l":0,"n":1,"t":0,"text":"' + b"x" * LINE_BYTES_MAX + b'"}',
    ],
)
def test_another_line_is_no_record(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_record(line)
