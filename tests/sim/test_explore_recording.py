"""A way to a violation as a trace: all that was sent, and the violation with its record."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.command import explore
from benmo.sim.explore.path import PathStep, steps_of
from benmo.sim.explore.recording import replay
from benmo.sim.explore.search import Counterexample, Search
from benmo.sim.explore.system import Cause, System
from benmo.sim.planted import plant
from benmo.tape.facts import BehindFacts
from benmo.tape.facts_of import message_facts
from benmo.tape.records import (
    AcceptedRecord,
    AnyRecord,
    AskedRecord,
    DecidedRecord,
    DueRecord,
    ReceivedRecord,
    SentRecord,
)
from benmo.tape.trace_file import read_trace
from benmo.tape.world_records import ProcessRecord, RecordPlace, ViolationRecord
from tests.sim.test_explore import SMALL, TWO_SLOTS, WITH_A_CRASH

ONE_CHANGE = Bounds(crashes=0, changes=1)


def found_with(mistake: str, bounds: Bounds) -> tuple[list[PathStep], Counterexample]:
    system = System(bounds)
    search = Search(system)
    found = search.run().counterexample
    assert found is not None, mistake
    return steps_of(system, search, found), found


@pytest.mark.parametrize(
    ("mistake", "bounds", "about"),
    [
        ("one-promise-too-few", SMALL, AcceptedRecord),
        ("decision-of-another-ballot", TWO_SLOTS, DecidedRecord),
        ("catch-up-applied-twice", TWO_SLOTS, DecidedRecord),
        ("vote-not-durable", WITH_A_CRASH, AcceptedRecord),
        ("accept-ignores-promise", WITH_A_CRASH, SentRecord),
        ("votes-counted-by-node", ONE_CHANGE, DecidedRecord),
    ],
)
def test_the_records_are_those_of_the_way_that_was_found(
    mistake: str, bounds: Bounds, about: type[AnyRecord]
) -> None:
    records: list[AnyRecord] = []
    with plant(mistake, without_assertions=bool(bounds.changes)):
        steps, found = found_with(mistake, bounds)
        replay(bounds, steps, found.violation, records.append)
    sent = {each.frame: each for each in records if isinstance(each, SentRecord)}
    arrived = [each for each in records if isinstance(each, ReceivedRecord) and each.frame]
    for came in arrived:
        left = sent[came.frame]
        assert (left.node, left.to, left.message) == (came.sender, came.node, came.message)
        assert records.index(left) < records.index(came)
    delivered = [each.cause for each in steps if not isinstance(each.cause, Cause)]
    assert [each.message for each in arrived] == [message_facts(each.message) for each in delivered]
    told = {(each.node, each.to, each.message) for each in sent.values()}
    ways = [each for step in steps for each in step.sent]
    left_so = {(each.sender.node, each.to, message_facts(each.message)) for each in ways}
    unprompted = {each for each in told if isinstance(each[2], BehindFacts)}
    assert left_so <= told if found.move is None else left_so <= told | unprompted
    assert found.move is not None or told - unprompted <= left_so
    deaths = [
        each for each in records if isinstance(each, ProcessRecord) and each.event != "starts"
    ]
    assert len(deaths) == sum(step.crashes for step in steps)
    *_, last = records
    assert isinstance(last, ViolationRecord)
    assert (last.sentence, last.slot) == (found.violation.sentence, found.violation.slot or 0)
    named = [
        each for each in records if RecordPlace(each.node, each.life, each.number) in last.about
    ]
    assert [type(each) for each in named] == [about]
    lives = defaultdict(list)
    for each in records:
        lives[each.node, each.life].append(each)
    for (node, _), life in lives.items():
        assert [each.number for each in life] == list(range(1, len(life) + 1))
        for each in life[1:] if node else ():
            root = each
            while root.cause:
                root = life[root.cause - 1]
            is_asking = isinstance(root, SentRecord) and isinstance(root.message, BehindFacts)
            assert is_asking or isinstance(root, ReceivedRecord | DueRecord | AskedRecord), root


def test_the_command_records_the_way_or_says_that_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "way.jsonl.gz"
    words = ["--slots", "1", "--crashes", "0", "--record", str(path)]
    sound = CliRunner().invoke(explore, [*words, "--states-max", "5"])
    assert sound.output.endswith(f"{path} isn't written: there is no violation to show\n")
    assert (sound.exit_code, path.exists()) == (3, False)
    result = CliRunner().invoke(explore, [*words, "--plant", "one-promise-too-few"])
    assert result.exit_code == 1
    header, records = read_trace(path)
    assert (header.source, header.nodes, header.tenure) == ("explored", (1, 2, 3), "stable")
    assert header.command == "benmo explore --slots 1 --crashes 0 --plant one-promise-too-few"
    *_, last = records
    assert isinstance(last, ViolationRecord)
    assert f"! {last.sentence}" in result.output
    nowhere = CliRunner().invoke(
        explore, [*words[:-1], str(tmp_path / "no" / "x"), "--plant", "one-promise-too-few"]
    )
    assert nowhere.exit_code == 1
    assert "can't be written: No such file" in nowhere.stderr
