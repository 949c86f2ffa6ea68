"""A block's time, which is its proposer's clock, as people read it: in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH_S_MAX = 253_402_300_799
"""The end of the year 9999, the last with dates in Python; in seconds since 1970."""


def utc(time_s: float) -> datetime:
    """The moment of a block's time, in seconds since 1970, in UTC.

    A time outside of the years 1970 to 9999, from a proposer whose clock is wrong, becomes the
    nearest moment within them.
    """
    return datetime.fromtimestamp(min(max(time_s, 0), _EPOCH_S_MAX), UTC)


def shown_time(time_s: float) -> str:
    """A block's time to the second: `2026-05-01 12:30:59`."""
    return f"{utc(time_s):%Y-%m-%d %H:%M:%S}"
