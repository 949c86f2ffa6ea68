"""`benmo note` writes a teacher's words into a trace, behind a record, and changes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benmo.tape.records import VERSION, AnyRecord, Header
from benmo.tape.trace_file import TraceWriter, read_trace
from benmo.tape.world_records import NoteRecord, ProcessEvent, ProcessRecord
from benmo.watch.note import TEXT_CHARACTERS_MAX, note
from tests.watch.shown_page import Opener, ShownRun, ask, place

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

HEADER = Header("trace", VERSION, "live", (1, 2, 3), "block")


def killed(number: int) -> ProcessRecord:
    return ProcessRecord(
        node=0, life=4, number=number, time=number / 2, of=number, event=ProcessEvent.KILLED
    )


def made(path: Path) -> Path:
    with TraceWriter(path, HEADER) as writer:
        for number in (1, 2, 3):
            writer.write(killed(number))
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(note, list(map(str, words)))


def records_of(path: Path) -> list[AnyRecord]:
    header, records = read_trace(path)
    assert header == HEADER
    return list(records)


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_notes_stand_behind_their_records_at_the_same_time(tmp_path: Path, name: str) -> None:
    trace = made(tmp_path / name)
    assert run(trace).output == "no notes\n"
    trace.chmod(0o640)
    (tmp_path / f"new-{name}").write_text("somebody's")
    assert run(trace, 3, "who is left?").output == f"{trace} has a note at number 4\n"
    assert run(trace, 1, "one is gone").exit_code == 0
    first = NoteRecord(node=0, life=6, number=1, time=0.5, text="one is gone")
    last = NoteRecord(node=0, life=5, number=1, time=1.5, text="who is left?")
    assert records_of(trace) == [killed(1), first, killed(2), killed(3), last]
    assert trace.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.iterdir()) == [tmp_path / f"new-{name}", trace]
    assert run(trace).output == "2: one is gone\n5: who is left?\n"
    assert run(trace, 2, "--remove").output == f"{trace} has no note at number 2 any more\n"
    assert records_of(trace) == [killed(1), killed(2), killed(3), last]
    assert run(trace).output == "4: who is left?\n"
    assert run(trace, 4, "\x1b[2Jgone").exit_code == 0
    assert run(trace).output == "4: who is left?\n5: '\\x1b[2Jgone'\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("4", "words"), "there is no number 4"),
        (("0", "words"), "0"),
        (("1", " "), "a note has 1 to"),
        (("1", "x" * (TEXT_CHARACTERS_MAX + 1)), "a note has 1 to"),
        (("1", "--remove"), "record 1 is no note"),
        (("4", "--remove"), "there is no number 4"),
        (("1",), "give RUN alone"),
        (("--remove",), "give RUN alone"),
        (("1", "words", "--remove"), "give RUN alone"),
    ],
)
def test_what_can_be_no_note_leaves_the_trace_as_it_is(
    tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    trace = made(tmp_path / "run.jsonl")
    before = trace.read_bytes()
    result = run(trace, *words)
    assert result.exit_code != 0 and why in result.output
    assert trace.read_bytes() == before and list(tmp_path.iterdir()) == [trace]


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("hello\n")
    assert "is no trace" in run(tmp_path / "x.jsonl", 1, "words").output
    assert "can't be rewritten: No such file" in run(tmp_path / "y.jsonl", 1, "words").output


def test_a_page_that_plays_stops_at_each_note_and_shows_it(
    simulated: ShownRun, open_run: Opener, tmp_path: Path
) -> None:
    trace = tmp_path / "lesson.jsonl"
    trace.write_bytes(simulated.trace)
    for after in (100, 41):
        assert run(trace, after, f"behind {after}").exit_code == 0
    lesson = ShownRun(trace.read_bytes())
    page = open_run(lesson)
    script = """
        const { clock } = shown;
        const stops = [];
        clock.seek(0);
        do {
            clock.play();
            while (clock.isPlaying) clock.pass(0.1);
            stops.push(clock.count);
        } while (!clock.isAtEnd);
        return stops;
    """
    assert ask(page, script) == [42, 102, len(lesson.records)]
    for at, text in ((41, "behind 41"), (101, "behind 100")):
        shown = open_run(lesson, f"#at={place(lesson.records[at])}")
        expect(shown.locator(".headline")).to_have_text(f"Note: {text}")
