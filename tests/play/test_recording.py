"""A run that was played, as a trace."""

from __future__ import annotations

from pathlib import Path

from benmo.play.runner import PlayRunner
from benmo.tape.records import ReceivedRecord, SentRecord
from benmo.tape.trace_file import read_trace
from benmo.tape.world_records import CutRecord, DidRecord, LostRecord, ProcessRecord
from tests.support import processes
from tests.support.processes import BENMO

STORY = Path(__file__).parents[1] / "scenarios" / "leader_dies_before_decide.txt"


def test_the_way_to_here_is_recorded_and_no_other(tmp_path: Path) -> None:
    runner, path = PlayRunner(is_whole=False), tmp_path / "run.jsonl"
    lines = ("nodes 3", "pay 1 2 10", "campaign 1", "drop 1", "undo", "double 1", "drop 1")
    for line in (
        *lines,
        "drop 2",
        "cut 1 3",
        "pause 3",
        "crash 1 power",
        "settle",
        f"record {path}",
    ):
        assert not runner.run(line, "table").status, line
    header, found = read_trace(path)
    records = list(found)
    assert (header.source, header.nodes, header.tenure) == ("played", (1, 2, 3), "block")
    lines_done = [each.line for each in records if isinstance(each, DidRecord)]
    assert lines_done == [
        *("nodes 3", "pay 1 2 10", "campaign 1", "double Prepare 1->2", "drop Prepare 1->2"),
        *("drop Prepare 1->3", "cut 1 3", "pause 3", "crash 1 power", "settle"),
    ]
    happened = [(each.of, each.event) for each in records if isinstance(each, ProcessRecord)]
    assert happened == [
        *((1, "starts"), (2, "starts"), (3, "starts"), (3, "paused"), (1, "loses power")),
    ]
    cuts = [each.ways for each in records if isinstance(each, CutRecord)]
    assert cuts == [((1, 3), (3, 1))]
    prepares = [
        (each.to, each.frame) for each in records if isinstance(each, SentRecord) and each.node == 1
    ]
    assert [to for to, _ in prepares] == [2, 3]
    to_2, to_3 = (frame for _, frame in prepares)
    arrived = [each.frame for each in records if isinstance(each, ReceivedRecord) and each.frame]
    assert arrived == [to_2]
    lost = [(each.frame, each.why) for each in records if isinstance(each, LostRecord)]
    answer = next(each.frame for each in records if isinstance(each, SentRecord) and each.node == 2)
    assert lost == [(to_2, "dropped"), (to_3, "dropped"), (answer, "node 1 is down")]


def test_the_program_records_a_scenario_that_a_page_shows(tmp_path: Path) -> None:
    run, page = tmp_path / "run.jsonl.gz", tmp_path / "run.html"
    ended = processes.run(*BENMO, "play", str(STORY), "--record", str(run))
    assert ended.status == 0 and f"records in {run}" in ended.err
    ended = processes.run(*BENMO, "page", str(run), "-o", str(page))
    assert ended.status == 0 and "of 3 nodes" in ended.out
    assert page.stat().st_size > 100_000
    ended = processes.run(*BENMO, "play", "--record", str(run))
    assert (ended.status, "begin with nodes 3" in ended.err) == (1, True)
