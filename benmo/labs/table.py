"""The ten labs: which mistake is planted, what a learner is told, and the run that shows it.

The runs were found and cut down by `benmo simulate --plant MISTAKE`, those that end in two chains
with `--to-the-fork`. A change of the simulator or of the product may change a seed's run: then the
tests of this package fail, and another seed has to be looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from benmo.paxos.types import Tenure
from benmo.sim.shrink import Cutting

RULES = {
    "A1": "an acceptor promises nothing below its promise, and accepts nothing below it",
    "A3": "a block is accepted only for the slot right above the acceptor’s own chain",
    "A4": "a promise is on disk before Promise leaves, an accepted block before Accepted leaves",
    "A5": "an accepted block is kept and reported until another takes its place, or it is decided",
    "P3": "a leader proposes only once a majority has promised its ballot",
    "P4": "a leader catches up first, with all that a promise shows to be decided",
    "P5": "of the reported blocks, a leader proposes the one of the highest ballot",
    "P7": "a majority of distinct nodes decides, by votes for this very ballot and slot",
    "L2": "a node takes for decided what it was told, and not what it accepted in another ballot",
}
"""The rules of docs/protocol.md among which a learner chooses."""


class Ending(Enum):
    """The end of a lab: two blocks in one slot, or a broken rule that did no harm yet."""

    TWO_CHAINS = auto()
    ALARM = auto()


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab. `title` and `task` are shown before it is solved, and give nothing away."""

    number: int
    mistake: str
    title: str
    task: str
    ending: Ending
    seed: int
    cutting: Cutting
    tenure: Tenure = Tenure.BLOCK


_FORK = "Two nodes have decided different blocks for one slot. Which record broke a rule first?"
_ALARM = "All chains are alike still. Which record broke a rule, and what could come of it?"

LABS = (
    Lab(
        1,
        "one-vote-too-few",
        "Two payments, one slot",
        _FORK,
        Ending.TWO_CHAINS,
        0,
        Cutting(3, (0, 1, 3, 4), frozenset({"doubled"}), is_single=True),
    ),
    Lab(
        2,
        "decision-of-another-ballot",
        "A slot with two ballots",
        _FORK,
        Ending.TWO_CHAINS,
        2,
        Cutting(3, (0, 3, 4), frozenset({"slow", "doubled"}), is_single=True),
    ),
    Lab(
        3,
        "reported-value-ignored",
        "From leader to leader",
        _FORK,
        Ending.TWO_CHAINS,
        10,
        Cutting(3, (0, 1, 2, 3, 4, 5), is_single=True),
    ),
    Lab(
        4,
        "goes-on-after-nack",
        "A duel of two nodes",
        _FORK,
        Ending.TWO_CHAINS,
        14,
        Cutting(
            3, (19, 20, 21, 23, 24, 26), frozenset({"doubled", "doubled_late"}), is_single=True
        ),
    ),
    Lab(
        5,
        "one-promise-too-few",
        "A cluster with bad links",
        _FORK,
        Ending.TWO_CHAINS,
        0,
        Cutting(3, (0, 1, 5, 7, 9, 10), is_single=True),
    ),
    Lab(
        6,
        "accept-ignores-promise",
        "An Accept comes late",
        _FORK,
        Ending.TWO_CHAINS,
        68,
        Cutting(3, (31, 42, 43), is_single=True, earlier_s=12.342158056729705),
    ),
    Lab(
        7,
        "proposes-before-catching-up",
        "A node that was away",
        _FORK,
        Ending.TWO_CHAINS,
        10,
        Cutting(3, (0, 1, 4, 21, 30, 31, 32, 34, 35), is_single=True),
    ),
    Lab(
        8,
        "promise-not-durable",
        "One campaign",
        _ALARM,
        Ending.ALARM,
        4,
        Cutting(3, (11,), frozenset({"slow"}), is_single=True, earlier_s=0.47406515400641897),
    ),
    Lab(
        9,
        "vote-not-durable",
        "A round in which all went well",
        _ALARM,
        Ending.ALARM,
        5,
        Cutting(
            3,
            (3,),
            frozenset({"slow", "doubled", "loss"}),
            is_single=True,
            earlier_s=0.06816419190927574,
        ),
    ),
    Lab(
        10,
        "own-vote-not-durable",
        "Three payments, one of them soon",
        _ALARM,
        Ending.ALARM,
        3,
        Cutting(
            3,
            (1, 5, 6),
            frozenset({"slow", "doubled", "doubled_late"}),
            is_single=True,
            earlier_s=0.4411283424524582,
        ),
    ),
)
"""The labs, by their numbers: first those that end in two chains."""
