"""Goes through the beats: says what to type, waits for the effect, explains what was seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from benmo.demo.fleet import REMEDIES, Fleet
from benmo.demo.phrases import listed
from benmo.demo.tour.scene import Scene
from benmo.notices import Notice
from benmo.paxos.types import NodeId
from benmo.wording import many

_LOOK_EVERY_S = 0.1
_HINT_AFTER_S = 45.0
_MISSED_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Beat:
    """One step of the tour. The scene is marked when the beat begins.

    say           what to say before the user types anything
    command       what the user is to type
    has_happened  whether the command has had its effect
    explain       what to say then, in paragraphs
    needs         nodes without which the command has no effect
    """

    say: str
    command: str
    has_happened: Callable[[Scene], bool]
    explain: Callable[[Scene], Sequence[str]]
    needs: tuple[NodeId, ...] = ()


class GuideBoard(Protocol):
    """The board on which a tour speaks: see `benmo.demo.board.Board`."""

    def guide(self, paragraphs: Iterable[str], on_shown: Callable[[], None]) -> None: ...


class Tour:
    """Goes through beats in a thread of its own.

    The tour only watches the nodes: everything that is done to them, the user types.
    """

    def __init__(
        self, fleet: Fleet, opening: str, beats: Sequence[Beat], board: GuideBoard
    ) -> None:
        self._opening = opening
        self._beats = beats
        self._board = board
        self._scene = Scene(fleet)
        self._beat: Beat | None = None
        self._shown: Beat | None = None
        self._typed: Beat | None = None
        self._is_held = False
        self._missing: list[NodeId] = []
        self._missed_at = 0.0
        self._remedy = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tour", daemon=True)

    @property
    def suggestion(self) -> str:
        """The line to type next; empty while the tour waits, or before its words are seen."""
        beat = self._beat
        if beat is None or beat is not self._shown or self.is_over:
            return ""
        return self._remedy or (beat.command if beat is not self._typed else "")

    @property
    def is_over(self) -> bool:
        return self._stopped.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the tour; its thread may go on for a moment."""
        self._beat = None
        self._stopped.set()

    def join(self) -> None:
        """Wait until the tour's thread has ended, after `stop`."""
        self._thread.join()

    def tell(self, node: NodeId, notice: Notice) -> None:
        """Take a node's notice; called in another thread."""
        self._scene.tell(node, notice)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the tour from explaining anything, as long as the context lasts."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

    def typed(self, line: str) -> None:
        """Note that the user typed a line, and that it was carried out."""
        beat = self._beat
        if beat is self._shown and beat and line.lower().split() == beat.command.lower().split():
            self._typed = beat

    def _run(self) -> None:
        said: Sequence[str] = (self._opening,)
        for beat in self._beats:
            self._scene.mark()
            self._missing, self._remedy = [], ""
            self._beat = beat
            self._say((*said, beat.say, f"Type: {beat.command}"), beat)
            hint_at = time.monotonic() + _HINT_AFTER_S
            while self._is_held or not beat.has_happened(self._scene):
                if self._stopped.wait(_LOOK_EVERY_S):
                    return
                self._scene.look()
                if not self._is_held:
                    self._name_missing(beat)
                if self._missing:
                    hint_at = time.monotonic() + _HINT_AFTER_S
                elif time.monotonic() > hint_at:
                    self._hint(beat)
                    hint_at += _HINT_AFTER_S
            self._scene.look()
            said = beat.explain(self._scene)
            if self._stopped.is_set():
                return
        self._say(said, None)
        self.stop()

    def _say(self, paragraphs: Iterable[str], beat: Beat | None) -> None:
        """Show paragraphs on the board; once they are seen, the beat's command is suggested."""

        def be_shown() -> None:
            self._shown = beat

        self._board.guide(paragraphs, be_shown)

    def _name_missing(self, beat: Beat) -> None:
        """Say what to type if a node that the beat needs has been silent for long."""
        fleet, now = self._scene.fleet, time.monotonic()
        missing = [node for node in beat.needs if fleet.why_silent(node)]
        if missing != self._missing:
            self._missing, self._missed_at, self._remedy = missing, now, ""
        elif missing and not self._remedy and now > self._missed_at + _MISSED_AFTER_S:
            self._remedy = _remedy(fleet, missing)
            said = f"The tour can't go on without {many(missing)}. Type: {self._remedy}"
            self._say([said], beat)

    def _hint(self, beat: Beat) -> None:
        """Remind the user of the beat's command, since it has had no effect for long."""
        self._typed = None
        hint = (
            f"The tour still waits for the effect of this: {beat.command}. Press Enter to type it; "
            f"tour begins the tour anew, tour stop ends it."
        )
        self._say([hint], beat)


def _remedy(fleet: Fleet, missing: Sequence[NodeId]) -> str:
    """The next command that brings nodes back: all that are down or paused, or one that is lost."""
    states = {fleet.state_of(node) for node in missing}
    if states == {"lost"}:
        return f"replace {missing[0]}"
    some = [node for node in missing if fleet.state_of(node) != "lost"]
    word = REMEDIES["paused" if states == {"paused"} else "down"]
    return f"{word} {listed(some)}"
