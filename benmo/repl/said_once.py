"""Keeps a prompt from giving the same reason twice: in a notice, and in the answer below it."""

from __future__ import annotations

import re

from benmo.notices import Notice
from benmo.paxos.notices import QuorumMissing
from benmo.wording import why_no_quorum


class SaidOnce:
    """Remembers the reason that the last notice gave why nothing is decided.

    A node sends that notice before its answer to the line that caused it. An answer that another
    thread's notice overtakes keeps its reason, which then is given twice.
    """

    def __init__(self) -> None:
        self._reason: re.Pattern[str] | None = None

    def heard(self, notice: Notice) -> None:
        """Note a notice that the user is shown; in any thread."""
        if isinstance(notice, QuorumMissing):
            words = f"; not decided: {why_no_quorum(*_fields(notice))}".split()
            self._reason = re.compile(r"\s+".join(map(re.escape, words)))

    def without_reason(self, answer: str) -> str:
        """The answer to a line, without a reason that the user has just been shown."""
        return answer if self._reason is None else self._reason.sub("", answer)


def _fields(notice: QuorumMissing) -> tuple[int, int, int, int]:
    return notice.node, notice.reached, notice.nodes, notice.quorum
