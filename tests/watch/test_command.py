"""`benmo page` makes a page of a trace, or says in one line why it can't."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benmo.tape.records import VERSION, Header
from benmo.tape.trace_file import TraceWriter
from benmo.tape.world_records import NoteRecord
from benmo.watch import command
from benmo.watch.command import page
from benmo.watch.one_file import one_file

HEADER = Header("trace", VERSION, "live", (1, 2, 3), "block")


def made(path: Path) -> Path:
    with TraceWriter(path, HEADER) as writer:
        writer.write(NoteRecord(node=0, life=0, number=1, time=0.5, text="who leads?"))
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(page, list(map(str, words)))


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_the_page_stands_beside_the_run(tmp_path: Path, name: str) -> None:
    trace = made(tmp_path / name)
    result = run(trace)
    html = tmp_path / "run.html"
    assert result.output == f"{html} shows 1 record of 3 nodes: open it in a browser\n"
    unpacked = gzip.decompress(trace.read_bytes()) if name.endswith("gz") else trace.read_bytes()
    assert html.read_text() == one_file(unpacked)


def test_the_page_goes_where_it_is_wanted(tmp_path: Path) -> None:
    result = run(made(tmp_path / "run.jsonl"), "-o", tmp_path / "lesson.html")
    assert result.exit_code == 0
    assert (tmp_path / "lesson.html").exists()
    assert not (tmp_path / "run.html").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello\n", "is no trace"),
        (b"", "is no trace"),
        (
            b'{"benmo":"trace","version":1,"source":"live","nodes":[1],"tenure":"block"}\n{}\n',
            "line 2",
        ),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    result = run(tmp_path / "x.jsonl")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"benmo: {tmp_path / 'x.jsonl'}")
    assert why in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "x.html").exists()


def test_a_torn_gz_is_refused(tmp_path: Path) -> None:
    trace = made(tmp_path / "run.jsonl.gz")
    trace.write_bytes(trace.read_bytes()[:-9])
    result = run(trace)
    assert result.exit_code == 1
    assert "can't be read" in result.stderr


def test_a_trace_that_is_too_long_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = made(tmp_path / "run.jsonl.gz")
    monkeypatch.setattr(command, "_BYTES_MAX", 100)
    monkeypatch.setattr(gzip, "decompress", None)
    result = run(trace)
    assert result.stderr == f"benmo: {trace}, line 2: the trace is longer than 100 bytes\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    result = run(made(tmp_path / "run.jsonl"), "-o", tmp_path / "nowhere" / "x.html")
    assert result.exit_code == 1
    assert "x.html can't be written: No such file or directory" in result.stderr
