"""The stage: one sandbox, on which a prompt and pages act, each seeing what the other did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benmo.play.branches import Branches
from benmo.play.outlook import Outlook, outlook
from benmo.watch.addresses import PageAddresses


@dataclass(slots=True, eq=False)
class PlayStage:
    """The state that the runners of one sandbox share.

    lock        held by the one that carries out a line, or looks
    saved       the files that were written, which may be written anew
    on_change   called with the lock held after each line that may have changed something
    serve_page  serves the page, unless it is served already, and returns its addresses; None if
                there can be none
    """

    branches: Branches = field(default_factory=Branches)
    lock: threading.RLock = field(default_factory=threading.RLock)
    saved: set[Path] = field(default_factory=set)
    on_change: Callable[[], None] = lambda: None
    serve_page: Callable[[], PageAddresses] | None = None

    @property
    def seen(self) -> Outlook | None:
        """The view of an observer now; None while there are no nodes."""
        with self.lock:
            made = self.branches.scenario.made
            return None if made is None else outlook(made)
