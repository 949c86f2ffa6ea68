"""The addresses of a page that a program serves."""

from __future__ import annotations

from typing import NamedTuple


class PageAddresses(NamedTuple):
    """The addresses of a page, for those who watch, and for those who act, too.

    Whoever has an address may use it.
    """

    watch: str
    hands_on: str

    @property
    def text(self) -> str:
        """Say where the page is. Each address has a line of its own, which 80 columns hold."""
        return f"In a browser, to watch:\n  {self.watch}\nTo act there, too:\n  {self.hands_on}"
