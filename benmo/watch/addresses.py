"""The addresses of a page that a program serves."""

from __future__ import annotations

from typing import NamedTuple


class PageAddresses(NamedTuple):
    """Where a page is for those who watch, and for those who act, too.

    Whoever has an address may use it.
    """

    watch: str
    hands_on: str

    @property
    def text(self) -> str:
        """What to tell a user. Each address has a line of its own, which 80 columns hold."""
        return f"In a browser, to watch:\n  {self.watch}\nTo act there, too:\n  {self.hands_on}"
