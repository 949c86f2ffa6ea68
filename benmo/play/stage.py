"""The stage: one sandbox, on which a prompt and pages act, each seeing what the other did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benmo.play.branches import Branches
from benmo.play.outlook import Outlook, outlook
from benmo.watch.addresses import PageAddresses
from benmo.worker import Worker

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class PlayStage:
    """The state that the runners of one sandbox share.

    worker      carries out the lines, and looks, once a page is served; else None
    saved       the files that were written, which may be written anew
    on_change   called by who carries out a line after each that may have changed something
    serve_page  serves the page, unless it is served already, and returns its addresses; None if
                there can be none
    """

    branches: Branches = field(default_factory=Branches)
    worker: Worker | None = None
    saved: set[Path] = field(default_factory=set)
    on_change: Callable[[], None] = lambda: None
    serve_page: Callable[[], PageAddresses] | None = None

    @property
    def seen(self) -> Outlook | None:
        """The view of an observer now; None while there are no nodes."""
        return self.do(self._look)

    def do(self, work: Callable[[], T]) -> T:
        """Do this while nobody else acts on the sandbox; returns what it returns."""
        return work() if self.worker is None else self.worker.do(work)

    def _look(self) -> Outlook | None:
        made = self.branches.scenario.made
        return None if made is None else outlook(made)
