"""Notices come in order, and no faster than people can read. The clock here is a number."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from benmo.demo.board import Board, Style
from benmo.demo.board_entries import Guide, HeardNotice, NoticeSum, Reply
from benmo.demo.pacer import (
    BURST_LINES,
    FLOOD_LINES_MAX,
    LINES_PER_S,
    WAITING_LINES_MAX,
    Pacer,
)
from benmo.ledger.transfers import Transfer
from benmo.notices import ConnectionDropped, Notice, SlotDecided, TransferVoid
from benmo.paxos.notices import (
    LeaderLost,
    NoticeKind,
    PromiseMade,
    ProposalAccepted,
    QuorumMissing,
    ReachabilityChanged,
)
from benmo.paxos.types import Ballot
from benmo.wording import sentence
from tests.support.processes import eventually

STYLE = Style((1, 2, 3), has_colour=False)


NOTICES: dict[NoticeKind, Callable[[int], Notice]] = {
    NoticeKind.ACCEPTED: lambda number: ProposalAccepted(number, Ballot(1, 1), 1, Ballot(1, 1)),
    NoticeKind.PROMISED: lambda number: PromiseMade(Ballot(number, 1), 1, 1),
    NoticeKind.DECIDED: lambda number: SlotDecided(number, Ballot(1, 1), Ballot(1, 1), 1),
    NoticeKind.LINK: lambda number: ReachabilityChanged((number,), True),
    NoticeKind.REFUSED: lambda number: TransferVoid(1, Transfer(2, number, 1, 5)),
    NoticeKind.NO_QUORUM: lambda number: QuorumMissing(2, number, 3, 2),
    NoticeKind.WARNING: lambda number: ConnectionDropped(None, f"reason {number}"),
}


def told(number: int, node: int = 1, kind: NoticeKind = NoticeKind.ACCEPTED) -> HeardNotice:
    return HeardNotice(node, NOTICES[kind](number), 0.0)


def words(number: int, kind: NoticeKind = NoticeKind.ACCEPTED) -> str:
    """What is shown of `told(number)`."""
    return sentence(NOTICES[kind](number))


def guide(*paragraphs: str) -> Guide:
    return Guide(paragraphs, lambda: None)


def shown(pacer: Pacer, now: float) -> list[str]:
    return [STYLE.line(entry) for entry in pacer.due(now)]


def test_a_small_burst_is_shown_at_once_and_in_order() -> None:
    pacer = Pacer()
    for number in range(BURST_LINES):
        pacer.add(told(number, node=1 + number % 2))
    lines = shown(pacer, now=100.0)
    assert lines == [f"n{1 + number % 2}│ {words(number)}" for number in range(BURST_LINES)]
    assert pacer.wait_s() > 1e6


def test_what_comes_after_a_burst_is_shown_a_few_lines_a_second() -> None:
    pacer = Pacer()
    for number in range(BURST_LINES + 10):
        pacer.add(told(number))
    assert len(shown(pacer, now=100.0)) == BURST_LINES
    assert shown(pacer, now=100.0 + 0.9 / LINES_PER_S) == []
    assert 0 < pacer.wait_s() <= 1 / LINES_PER_S
    assert shown(pacer, now=100.0 + 1.0 / LINES_PER_S) == [f"n1│ {words(BURST_LINES)}"]
    assert len(shown(pacer, now=101.0)) in (LINES_PER_S - 1, LINES_PER_S)


def test_a_flood_is_never_faster_than_people_can_read() -> None:
    pacer = Pacer()
    now, lines = 0.0, 0
    for number in range(20_000):
        now += 0.001
        pacer.add(told(number, node=1 + number % 3))
        lines += len(pacer.due(now))
    assert lines <= 2 * BURST_LINES + LINES_PER_S * now
    assert lines >= LINES_PER_S * now / 2


def a_heal(pacer: Pacer, blocks: int) -> int:
    """What five nodes tell when their links come back and so many blocks are decided; how much."""
    said = [told(number, node, NoticeKind.LINK) for number in range(4) for node in range(1, 6)]
    for slot in range(blocks):
        for kind in (NoticeKind.PROMISED, NoticeKind.ACCEPTED, NoticeKind.DECIDED):
            said += [told(slot, node, kind) for node in range(1, 6)]
    for entry in said:
        pacer.add(entry)
    return len(said)


@pytest.mark.parametrize("blocks", [1, 3, 6])
def test_what_a_person_leads_to_is_never_summed_up_and_shown_within_seconds(blocks: int) -> None:
    pacer = Pacer()
    count = a_heal(pacer, blocks)
    lines = [line for tenth in range(60) for line in shown(pacer, tenth / 10)]
    assert len(lines) == count
    assert not any("more:" in line for line in lines)


def test_links_are_summed_up_before_votes_and_votes_before_decisions() -> None:
    links, votes = Pacer(), Pacer()
    for number in range(100):
        links.add(told(number, 1 + number % 5, NoticeKind.LINK))
    for number in range(30):
        links.add(told(number, 2, NoticeKind.ACCEPTED))
        votes.add(told(number, 2, NoticeKind.DECIDED))
    for number in range(100):
        votes.add(told(number, 1 + number % 5))
    for pacer, kept in ((links, NoticeKind.ACCEPTED), (votes, NoticeKind.DECIDED)):
        lines = [line for second in range(60) for line in shown(pacer, float(second))]
        assert [line for line in lines if line == f"n2│ {words(29, kept)}"]
        assert sum("more:" in line for line in lines) >= 5


def test_a_flood_of_everything_leaves_little_to_wait_for() -> None:
    pacer = Pacer()
    for number in range(5000):
        for kind in (NoticeKind.PROMISED, NoticeKind.ACCEPTED, NoticeKind.DECIDED):
            pacer.add(told(number, 1 + number % 5, kind))
    pacer.add(Reply("answered", 1.0, lambda: None))
    lines: list[str] = []
    second = 0.0
    while "answered" not in lines:
        lines += shown(pacer, second)
        second += 0.1
    assert second <= BURST_LINES / LINES_PER_S + FLOOD_LINES_MAX / LINES_PER_S


def test_of_a_flood_each_node_has_one_line_that_counts_the_rest() -> None:
    pacer = Pacer()
    for number in range(BURST_LINES):
        pacer.add(told(number))
    pacer.due(0.0)
    for number in range(9):
        pacer.add(told(number, node=2))
    for number in range(5):
        pacer.add(told(number, node=2, kind=NoticeKind.PROMISED))
    for number in range(WAITING_LINES_MAX - 13):
        pacer.add(told(number, node=3))
    first, second = (STYLE.line(entry) for entry in pacer.due(100.0))
    assert first == "n2│ … 14 more: 9 accepted, 5 promised"
    assert second == "n3│ … 107 more: 107 accepted"


def test_no_notice_is_lost_from_the_count() -> None:
    pacer = Pacer()
    singles = counted = 0
    for number in range(1000):
        pacer.add(told(number, node=1 + number % 3))
    for second in range(1000):
        for entry in pacer.due(float(second)):
            if isinstance(entry, NoticeSum):
                counted += entry.counts.total()
            else:
                singles += 1
    assert singles + counted == 1000


@pytest.mark.parametrize(
    "kind", [NoticeKind.REFUSED, NoticeKind.NO_QUORUM, NoticeKind.WARNING], ids=str
)
def test_what_matters_most_is_shown_even_in_a_flood(kind: NoticeKind) -> None:
    pacer = Pacer()
    pacer.add(told(0, node=2, kind=kind))
    for number in range(1, 500):
        pacer.add(told(number))
    lines = [line for second in range(10) for line in shown(pacer, float(second))]
    assert f"n2│ {words(0, kind)}" in lines


def test_warnings_in_their_hundreds_are_summed_up_too() -> None:
    pacer = Pacer()
    for number in range(500):
        pacer.add(told(number, kind=NoticeKind.WARNING))
    lines = [line for second in range(10) for line in shown(pacer, float(second))]
    assert len(lines) < FLOOD_LINES_MAX
    assert any(re.search(r"… \d+ more: \d+ warnings", line) for line in lines)


def test_the_guide_speaks_at_its_place_and_is_never_summed_up() -> None:
    pacer = Pacer()
    for number in range(100):
        pacer.add(told(number))
    pacer.add(guide("Look at that."))
    for number in range(100):
        pacer.add(told(number))
    lines = [line for second in range(60) for line in shown(pacer, float(second))]
    place = lines.index(" ▶│ Look at that.")
    assert sum("more:" in line for line in lines[:place]) >= 1
    assert sum("more:" in line for line in lines[place:]) >= 1


def test_the_guide_waits_for_what_was_said_before_it() -> None:
    pacer = Pacer()
    for number in range(BURST_LINES + 1):
        pacer.add(told(number))
    pacer.add(guide("So it was."))
    assert shown(pacer, 0.0)[-1] == f"n1│ {words(BURST_LINES - 1)}"
    assert shown(pacer, 1.0) == [f"n1│ {words(BURST_LINES)}", " ▶│ So it was."]


def test_an_answer_is_shown_as_it_is_after_a_flood_that_is_summed_up() -> None:
    pacer = Pacer()
    for number in range(100):
        pacer.add(told(number))
    pacer.add(Reply("decided: one\ntwo", 1.0, lambda: None))
    for number in range(100):
        pacer.add(told(number))
    lines = [line for second in range(60) for line in shown(pacer, float(second))]
    place = lines.index("decided: one\ntwo")
    assert any("more:" in line for line in lines[:place])
    assert any("more:" in line for line in lines[place:])


def test_nodes_of_two_digits_have_their_lines_aligned() -> None:
    style = Style(range(1, 12), has_colour=False)
    assert style.line(told(1, node=2)) == f"n2 │ {words(1)}"
    assert style.line(told(1, node=11)) == f"n11│ {words(1)}"


def test_each_node_has_a_colour_of_its_own_unless_none_are_wanted() -> None:
    style = Style((1, 2), has_colour=True)
    colours = {
        style.line(told(1, node=node, kind=NoticeKind.DECIDED)).partition("n")[0] for node in (1, 2)
    }
    assert len(colours) == 2
    assert all(colour.startswith("\x1b[") for colour in colours)
    assert "\x1b" not in STYLE.line(told(1))


def test_links_that_come_back_together_are_one_line_for_each_node() -> None:
    lines: list[str] = []
    board = Board(lines.append, STYLE)
    board.open()
    for peer in (2, 3):
        board.tell(1, ReachabilityChanged((peer,), True), 10.0 + peer)
        board.tell(4 - peer, ReachabilityChanged((1,), False), 10.0 + peer)
    board.tell(2, LeaderLost(1), 20.0)
    eventually(lambda: len(lines) == 4, "four lines", lambda: "\n".join(lines))
    board.close()
    assert sorted(lines) == [
        "n1│ links to nodes 2 and 3 are up",
        "n1│ node 1 is unreachable",
        "n2│ node 1 is unreachable",
        "n2│ the leader, node 1, is gone",
    ]
    assert lines.index("n2│ node 1 is unreachable") < lines.index("n2│ the leader, node 1, is gone")


def test_an_answer_comes_after_the_links_that_came_back_before_it() -> None:
    lines: list[str] = []
    board = Board(lines.append, STYLE)
    board.open()
    board.tell(1, ReachabilityChanged((2,), True), 10.0)
    board.reply("done")
    board.close()
    assert lines == ["n1│ the link to node 2 is up", "done"]
