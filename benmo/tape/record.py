"""The base of all records of a tape: who, when, and what led to it."""

from __future__ import annotations

import msgspec

from benmo.paxos.types import NodeId
from benmo.tape.facts import SHORT_NAMES


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename=SHORT_NAMES,
    tag_field="k",
):
    """A fact: who, when, and what led to it."""

    node: NodeId
    life: int
    number: int
    time: float
    cause: int = 0
