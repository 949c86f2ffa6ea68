"""Seeds of simulations: which of them find a planted mistake."""

from __future__ import annotations

from benmo.sim.seeds import Study

STUDY = Study(nodes=5, tenure=None, faults_s=30.0)

FINDERS = {
    "live-proposal": 7,
    "nothing-checked-on-apply": 29,
    "missed-decision-stays-missed": 5,
    "damage-taken-for-torn-tail": 25,
    "fsync-retried": 3,
    "empty-disk-votes": 64,
    "keys-of-queue-not-recovered": 27,
    "keys-forgotten-at-restart": 13,
    "index-ahead-of-its-keys": 101,
    "foreign-index-believed": 26,
    "confirmed-by-itself": 4,
    "accepted-not-confirmed": 4,
    "one-confirmation-too-few": 4,
    "doubled-confirmation-counted": 34,
    "answer-to-any-question": 4,
    "lowest-confirmed-height": 4,
    "retired-promise-counted": 19,
    "leads-on-after-change": 9,
    "change-in-force-when-proposed": 9,
    "quorum-checked-before-catching-up": 323,
    "retired-queue-applied": 100,
    "confirmed-by-old-members": 55,
}
"""The seeds that found these mistakes, and so are tried first; any other may find them as well."""


def seeds_for(mistake: str) -> list[int]:
    """The same hundred seeds for each mistake, but for those that need more than a hundred."""
    first = FINDERS.get(mistake, 0) // 100 * 100
    hundred = range(first, first + 100)
    return sorted(hundred, key=lambda seed: seed != FINDERS.get(mistake))
