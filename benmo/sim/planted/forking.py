"""The planted mistakes that can't lead to two different blocks for one slot, and why not."""

from __future__ import annotations

_SAME_BLOCKS = "all nodes have the same blocks, and what is wrong is in them or in the answers"

CANNOT_FORK: dict[str, str] = {
    "old-slot-adopted": "the block names its old slot, which every quorum has decided already",
    "silent-refusal": "a leader that isn't told of a higher ballot waits longer, and gives up",
    "missed-decision-stays-missed": "a node that stays behind has a shorter chain, not another one",
    "equal-timers": "leaders that outbid one another without end decide nothing",
    "second-message-lost": "a message that isn't looked at is as good as lost",
    "doubled-decision-appended": "the ledger refuses a second block for a slot, so the node stops",
    "catch-up-applied-twice": "the ledger refuses a second block for a slot, so the node stops",
    **dict.fromkeys(
        (
            "nonsense-transfers-pass",
            "nothing-checked-on-apply",
            "queue-emptied-whole",
            "catch-up-keeps-queue",
            "queued-before-fsync",
            "retry-pays-again",
            "queued-key-forgotten",
            "keys-of-queue-not-recovered",
            "keys-forgotten-at-restart",
            "index-ahead-of-its-keys",
            "foreign-index-believed",
            "content-not-compared",
            "partly-known-pays-again",
            "confirmed-by-itself",
            "accepted-not-confirmed",
            "one-confirmation-too-few",
            "doubled-confirmation-counted",
            "answer-to-any-question",
            "lowest-confirmed-height",
            "retired-queue-applied",
            "removed-with-its-money",
            "confirmed-by-old-members",
        ),
        _SAME_BLOCKS,
    ),
}
"""By the mistake's name: why nodes that make it never decide different blocks."""
