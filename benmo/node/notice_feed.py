"""A node's notices, on their way to all who watch; warnings go to the program's log as well."""

from __future__ import annotations

import logging
from collections.abc import Callable

from benmo.notices import Notice, Watcher
from benmo.paxos.notices import NoticeKind
from benmo.wording import sentence

_LOG = logging.getLogger("benmo")
_LOG.addHandler(logging.NullHandler())  # else warnings would come on standard error, too


class NoticeFeed:
    """Calls each watcher with each notice. `now` gives the node's time, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.watchers: set[Watcher] = set()
        self._now = now

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with every notice from now on, until the returned function is called."""
        self.watchers.add(watcher)
        return lambda: self.watchers.discard(watcher)

    def notify_now(self, notice: Notice) -> None:
        self.notify(notice, self._now())

    def notify(self, notice: Notice, at: float) -> None:
        """Report what happened at a time, in seconds."""
        if notice.kind is NoticeKind.WARNING:
            _LOG.warning("%s", sentence(notice))
        for watcher in list(self.watchers):
            watcher(notice, at)
