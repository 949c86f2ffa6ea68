"""The entries of the board: notices, one by one or summed up, guides, and replies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benmo.notices import Notice
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import NodeId
from benmo.wording import counted


@dataclass(frozen=True, slots=True)
class HeardNotice:
    """A node's notice, and when it happened, in seconds since 1970."""

    node: NodeId
    notice: Notice
    at: float


@dataclass(slots=True)
class NoticeSum:
    """The counts of a node's notices, by kind, where there were too many to show."""

    node: NodeId
    counts: Counter[NoticeKind] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        return f"… {self.counts.total()} more: {counted(self.counts)}"


@dataclass(frozen=True, slots=True)
class Guide:
    """A text of the tour's, shown between the notices; never summed up, and never held back."""

    paragraphs: tuple[str, ...]
    on_shown: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's answer, shown after the notices that led to it; never summed up."""

    text: str
    at: float
    on_shown: Callable[[], None]


Heard = HeardNotice | Reply
"""An entry that has its place among others by when it happened: its field `at`."""

BoardEntry = HeardNotice | NoticeSum | Guide | Reply
