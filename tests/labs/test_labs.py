"""Every lab's run, made anew, ends as the table says, and gives nothing away."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benmo.labs.command import lab
from benmo.labs.rerun import LabRun, NoViolation, rerun, tasks, trace_bytes
from benmo.labs.table import LABS, RULES, Ending, Lab
from benmo.sim.shrink import Cutting
from benmo.tape.records import AnyRecord, DecidedRecord
from benmo.tape.trace_file import read_trace
from benmo.tape.world_records import NoteRecord, ViolationRecord


def hashes(made: LabRun) -> dict[int, set[str]]:
    """The blocks that nodes took for decided, by their slots."""
    found = defaultdict(set)
    for record in made.records:
        if isinstance(record, DecidedRecord):
            found[record.block.slot].add(record.block.hash)
    return found


def said_by(record: AnyRecord) -> tuple[object, ...]:
    """A record's node and kind, and the ballot that it or its message is about."""
    message = getattr(record, "message", record)
    return record.node, type(record), type(message), getattr(message, "ballot", None)


@pytest.mark.parametrize("chosen", LABS, ids=lambda each: f"lab-{each.number}")
def test_a_labs_run_ends_in_its_violation_and_gives_nothing_away(chosen: Lab) -> None:
    made = rerun(chosen)
    assert isinstance(made.records[0], NoteRecord)
    assert chosen.task in made.records[0].text
    assert [
        at for at, record in enumerate(made.records) if isinstance(record, ViolationRecord)
    ] == [len(made.records) - 1]
    about = [
        record for record in made.records if (record.node, record.life, record.number) == made.about
    ]
    assert len(about) == 1
    assert about[0].node == made.first.node
    said = [said_by(record) for record in made.records]
    assert said.index(said_by(about[0])) == made.records.index(about[0])
    forks = [slot for slot, blocks in hashes(made).items() if len(blocks) > 1]
    assert bool(forks) == (chosen.ending is Ending.TWO_CHAINS)
    asked = json.loads(tasks(chosen, made))
    assert asked["rule"] in RULES
    assert made.first.rule == f"rule {asked['rule']}"
    told = trace_bytes(made).decode() + chosen.title + chosen.task
    assert chosen.mistake not in told
    assert asked["mistake"] not in told
    assert made.first.sentence not in told
    assert asked["source"].strip()
    assert asked["patch"].strip()
    assert asked["source"] != asked["patch"]


def test_there_are_ten_labs_with_ten_mistakes() -> None:
    assert [each.number for each in LABS] == list(range(1, 11))
    assert len({each.mistake for each in LABS}) == len({each.title for each in LABS}) == 10
    assert {each.ending for each in LABS} == set(Ending)


def run(*words: object) -> Result:
    return CliRunner().invoke(lab, list(map(str, words)))


def test_the_list_names_titles_and_tasks_and_no_mistake() -> None:
    result = run()
    assert result.exit_code == 0
    for each in LABS:
        assert each.title in result.output
        assert each.mistake not in result.output
        assert each.mistake.replace("-", " ") not in result.output


def test_a_run_is_written_as_a_trace_or_as_a_page(tmp_path: Path) -> None:
    made = rerun(LABS[0])
    trace, page = tmp_path / "lab.jsonl.gz", tmp_path / "lab.html"
    assert run(1, "--record", trace).output == f"{trace} holds the run\n"
    header, records = read_trace(trace)
    assert header.command == "benmo lab 1"
    assert sum(1 for _ in records) == len(made.records)
    assert gzip.decompress(trace.read_bytes()) == trace_bytes(made)
    assert run(1, "-o", page).output == f"{page} is the lab: open it in a browser\n"
    text = page.read_text(encoding="utf-8")
    assert LABS[0].mistake not in text
    assert made.first.sentence not in text
    nowhere = run(1, "-o", tmp_path / "nowhere" / "x.html")
    assert nowhere.exit_code == 1
    assert "can't be written: No such file" in nowhere.stderr
    assert run(11).exit_code == 2


def test_a_lab_without_its_violation_is_no_lab() -> None:
    """A change of the simulator may take a lab's mistake away: then it is looked for anew."""
    harmless = replace(LABS[0], cutting=Cutting(LABS[0].cutting.nodes, ()))
    with pytest.raises(NoViolation):
        rerun(harmless)
