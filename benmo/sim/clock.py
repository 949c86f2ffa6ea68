"""A node's clock: it runs at its own rate, and may jump."""

from __future__ import annotations


class NodeClock:
    """Maps true time to what the node reads, both in seconds.

    While the node lives, `read` never goes back, as in the product (`benmo.node.service.clock`);
    over a restart it may.
    """

    def __init__(self, rate: float, offset_s: float) -> None:
        self._rate = rate
        self._offset_s = offset_s
        self._read_last = float("-inf")

    def read(self, true_s: float) -> float:
        """Read what the clock shows now."""
        self._read_last = max(self._read_last, self._offset_s + self._rate * true_s)
        return self._read_last

    def when(self, shown_s: float, true_s: float) -> float:
        """Compute the true time at which the clock will show this; not before `true_s`."""
        return max(true_s, (shown_s - self._offset_s) / self._rate)

    def jump(self, by_s: float) -> None:
        """Jump ahead, as when the machine was asleep."""
        self._offset_s += by_s

    def restart(self, shift_s: float) -> None:
        """Begin a new life of the node; somebody may have set the clock ahead or back meanwhile."""
        self._offset_s += shift_s
        self._read_last = float("-inf")
