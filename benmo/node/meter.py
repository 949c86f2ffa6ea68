"""What measures a node, if anything does: see `benmo.node.metrics`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from benmo.engine.events import Event, Report
from benmo.node.view import View
from benmo.storage.disk import RealDisk


class Meter(Protocol):
    """Measures a node; called in its loop's thread, `disk` and `begin` before that runs."""

    def disk(self, path: Path, ahead: Collection[str]) -> RealDisk: ...

    def begin(self, view: View) -> None: ...

    def turned(self, events: Sequence[Event], report: Report, now: float) -> None:
        """A turn is over, and what it led to is durable."""
