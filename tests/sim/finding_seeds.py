"""Seeds of simulations: which of them find a planted mistake."""

from __future__ import annotations

from benmo.sim.seeds import Study

STUDY = Study(nodes=5, tenure=None, faults_s=30.0)

FINDERS = {
    "live-proposal": 7,
    "nothing-checked-on-apply": 29,
    "missed-decision-stays-missed": 36,
    "damage-taken-for-torn-tail": 25,
    "fsync-retried": 16,
    "empty-disk-votes": 3,
    "keys-of-queue-not-recovered": 27,
    "keys-forgotten-at-restart": 19,
    "index-ahead-of-its-keys": 101,
    "foreign-index-believed": 26,
    "accepted-not-confirmed": 4,
    "lowest-confirmed-height": 4,
    "retired-promise-counted": 50,
    "promises-counted-by-node": 3,
    "votes-counted-by-node": 6,
    "leads-on-after-change": 9,
    "quorum-checked-before-catching-up": 323,
    "stranger-proposes": 19,
    "change-in-force-when-proposed": 9,
    "majority-of-old-number": 6,
    "retired-queue-applied": 100,
    "removed-with-its-money": 7,
    "confirmed-by-old-members": 55,
    "one-member-twice": 3,
    "empty-disk-takes-highest-promise": 3,
    "empty-disk-waits-for-two-slots": 3,
}
"""The first seeds that find these mistakes, as in docs/simulator.md; they are tried first."""


def seeds_for(mistake: str) -> list[int]:
    """The same hundred seeds for each mistake, but for those that need more than a hundred."""
    first = FINDERS.get(mistake, 0) // 100 * 100
    hundred = range(first, first + 100)
    return sorted(hundred, key=lambda seed: seed != FINDERS.get(mistake))
