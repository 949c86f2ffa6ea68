"""The same reason is not given twice in a row."""

from __future__ import annotations

from benmo.paxos.notices import CaughtUp, QuorumMissing
from benmo.repl.said_once import SaidOnce

QUEUED = "queued 1-2 (20 from node 1 to node 2)"
ANSWER = f"{QUEUED}; not decided: node 1 reaches 2 of 5, needs 3"


def test_an_answer_keeps_a_reason_that_no_notice_has_given() -> None:
    said_once = SaidOnce()
    said_once.heard(CaughtUp(3))
    assert said_once.without_reason(ANSWER) == ANSWER
    said_once.heard(QuorumMissing(1, 1, 5, 3))
    assert said_once.without_reason(ANSWER) == ANSWER


def test_an_answer_below_a_notice_of_the_same_reason_is_short_however_it_is_broken() -> None:
    said_once = SaidOnce()
    said_once.heard(QuorumMissing(1, 2, 5, 3))
    assert said_once.without_reason(ANSWER) == QUEUED
    assert said_once.without_reason(ANSWER.replace("reaches ", "reaches\n")) == QUEUED
    waited = "queued, not decided: node 1 reaches 2 of 5, needs 3"
    assert said_once.without_reason(waited) == waited, "who asks why is told why"
