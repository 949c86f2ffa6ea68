"""`slow` and `delayLink` say what a delay means that is longer than a round's time limit."""

from __future__ import annotations

import pytest

from benmo.network.slow_links import what_slow_links_mean
from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.types import Settings

SETTINGS = Settings(1, numbered_member(1))


@pytest.mark.parametrize(
    ("delays_ms", "said"),
    [
        ({}, []),
        ({2: 900, 3: 900, 4: 900, 5: 900}, []),
        ({2: 2000, 3: 2000}, []),
        (
            {2: 1000, 3: 1500, 4: 1000},
            [
                "answers take 2 s, and a round 2 s at first: "
                "ballots are given up until a node has seen how long answers take"
            ],
        ),
        (
            {2: 60_000},
            ["for the first 60 s nothing arrives, so nodes seem to be gone"],
        ),
        (
            {2: 60_000, 3: 60_000, 4: 60_000, 5: 60_000},
            [
                "answers take 120 s, and a round 40 s at most: nothing is decided over such links",
                "for the first 60 s nothing arrives, so nodes seem to be gone",
            ],
        ),
    ],
)
def test_it_is_told_what_slow_links_mean_for_a_node(
    delays_ms: dict[int, int], said: list[str]
) -> None:
    assert what_slow_links_mean(SETTINGS, numbered(range(1, 6)), delays_ms) == said


def test_where_only_what_a_node_sends_is_late_an_answer_takes_half_as_long() -> None:
    delays_ms = dict.fromkeys((2, 3, 4, 5), 4000)
    assert what_slow_links_mean(SETTINGS, numbered(range(1, 6)), delays_ms, False) == [
        "answers take 4 s, and a round 2 s at first: "
        "ballots are given up until a node has seen how long answers take",
        "for the first 4 s nothing arrives, so this node seems to be gone",
    ]
