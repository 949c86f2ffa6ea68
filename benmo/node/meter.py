"""The interface to what measures a node, if `--metrics` asks for it: `benmo.node.metrics`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from benmo.engine.events import Event, Report
from benmo.node.view import View
from benmo.storage.disk import RealDisk


class Meter(Protocol):
    """Measures a node. `disk` and `begin` are called before the loop runs, `turned` in the loop."""

    def disk(self, path: Path, ahead: Collection[str]) -> RealDisk:
        """Make the disk of the node's directory, with its fsyncs measured."""

    def begin(self, view: View) -> None:
        """Measure this node from now on."""

    def turned(self, events: Sequence[Event], report: Report, now: float) -> None:
        """Count what a turn led to, once that is durable; `now` is the node's time, in seconds."""
