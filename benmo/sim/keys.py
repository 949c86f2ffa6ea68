"""A node's index of keys: it outlasts the process, and falls back or vanishes at a power cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from benmo.ledger.payment_keys import KeyUse, MemoryKeyIndex

_KEPT_STATES = 50

_FOREIGN_HEAD = "e" * 64


class MachineKeyIndex(MemoryKeyIndex):
    """An index like the one in SQLite: always whole, though its latest entries may not be durable.

    Calls `before`, which may raise, with each change.
    """

    def __init__(self, before: Callable[[], None]) -> None:
        self._states: list[tuple[dict[str, KeyUse], int, str]] = []
        """The content after each change, the latest last."""
        self._before: Callable[[], None] = _allow
        super().__init__()
        self._before = before

    def extend(self, uses: Iterable[KeyUse], height: int, head: str) -> None:
        self._before()
        self._uses = dict(self._uses)
        super().extend(uses, height, head)
        self._keep()

    def clear(self) -> None:
        self._before()
        super().clear()
        self._keep()

    def lose_power(self, random: Random) -> None:
        """Keep the content that a power cut may leave: all, that of some time ago, or none.

        Rarely, an operator has put another index in its place.
        """
        luck = random.random()
        if luck < 0.6:
            back = int(random.random() * (4 if random.random() < 0.7 else _KEPT_STATES))
            self._uses, self.height, self.head = self._states[-1 - back % len(self._states)]
        elif luck < 0.75:
            super().clear()
        elif luck < 0.85:
            self._be_foreign()
        self._states.clear()
        self._keep()

    def _be_foreign(self) -> None:
        """Become the same node's index of another chain: its keys stand for other transfers."""
        self._uses = {key: KeyUse(key, use.number + 1, 1) for key, use in self._uses.items()}
        self.height, self.head = max(1, self.height), _FOREIGN_HEAD

    def _keep(self) -> None:
        self._states.append((self._uses, self.height, self.head))
        del self._states[:-_KEPT_STATES]


def _allow() -> None:
    return None
