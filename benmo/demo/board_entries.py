"""What the board shows: what nodes said, one by one or summed up, and what the demo says itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benmo.notices import Notice
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import NodeId

_SUMMED = {
    NoticeKind.CAMPAIGN: "campaigning",
    NoticeKind.LEADER: "leading",
    NoticeKind.LINK: "on links",
    NoticeKind.WARNING: "warnings",
}


@dataclass(frozen=True, slots=True)
class HeardNotice:
    """What a node said, and when it happened, in seconds since 1970."""

    node: NodeId
    notice: Notice
    at: float


@dataclass(slots=True)
class NoticeSum:
    """How much a node said of each kind, where there was too much of it to show."""

    node: NodeId
    counts: Counter[NoticeKind] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        kinds = ", ".join(
            f"{count} {_SUMMED.get(kind, kind)}" for kind, count in self.counts.most_common()
        )
        return f"… {self.counts.total()} more: {kinds}"


@dataclass(frozen=True, slots=True)
class Guide:
    """What the demo itself says between the notices: never summed up, and at once."""

    paragraphs: tuple[str, ...]
    on_shown: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's answer that stands after the notices that led to it: never summed up."""

    text: str
    at: float
    on_shown: Callable[[], None]


Heard = HeardNotice | Reply
"""What has its place by when it happened."""

BoardEntry = HeardNotice | NoticeSum | Guide | Reply
