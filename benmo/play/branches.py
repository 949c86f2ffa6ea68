"""The tree of all that was tried in a sandbox. Each command is a place in it; undoing deletes none.

The state at a place is what the commands from the root to it lead to: a run is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from benmo.errors import Refused
from benmo.play.scenario import Scenario
from benmo.play.script import ScriptLine, written
from benmo.sim.recording import Recording
from benmo.tape.records import AnyRecord

_STORY = (
    "# A run that was played by hand.",
    "#",
    "# Say here what it shows. Below ---- stands what the commands led to; benmo play opens it.",
    "",
)


@dataclass(slots=True, eq=False)
class BranchPlace:
    """A command that was carried out, at a place in the tree; the root, 0, has none.

    `trace` is what it led to; `latest` is the place after it that was visited last.
    """

    number: int
    line: ScriptLine
    parent: BranchPlace | None = None
    trace: tuple[str, ...] = ()
    after: list[BranchPlace] = field(default_factory=list)
    latest: BranchPlace | None = None

    def path(self) -> list[BranchPlace]:
        """The places from the first command to this one."""
        found: list[BranchPlace] = []
        place: BranchPlace | None = self
        while place is not None and place.parent is not None:
            found.append(place)
            place = place.parent
        return found[::-1]


class Branches:
    """A tree of commands, and a scenario at one place in it: `here`.

    `records` are those of the way to here. The same way has equal records whenever it is gone.
    """

    def __init__(self) -> None:
        self.places = [BranchPlace(0, ScriptLine("", ()))]
        self._begin(self.places[0])

    def _begin(self, place: BranchPlace) -> None:
        """Be at a place, before anything is done."""
        self.here = place
        self.records: list[AnyRecord] = []
        self.scenario = Scenario(Recording(self.records.append))

    def do(self, line: ScriptLine) -> BranchPlace:
        """Carry out a command here; return its place, which may have been there before.

        The command `nodes` begins at the root. Raises `NotUnderstood` or `Refused`, and then is
        where it was.
        """
        before = self.here
        if line.text.startswith("nodes ") and self.here.parent is not None:
            self.go(0)
        try:
            trace = tuple(self.scenario.do(line.text))
        except Refused:
            self.go(before.number)
            raise
        place = self._known(line) or self._new(line, trace)
        self.here.latest = self.here = place
        return place

    def go(self, number: int) -> None:
        """Go to a place. Raises `Refused` if there is none of that number."""
        if not 0 <= number < len(self.places):
            last = len(self.places) - 1
            raise Refused(f"there is no place {number}, but 0 to {last}: branches shows them")
        self._begin(self.places[number])
        for place in self.here.path():
            self.scenario.do(place.line.text, is_new=False)
            assert place.parent is not None
            place.parent.latest = place

    def undo(self) -> BranchPlace:
        """Go one command back; return the place of the command that is undone."""
        undone = self.here
        if undone.parent is None:
            raise Refused("there is nothing to undo: this is the beginning")
        self.go(undone.parent.number)
        return undone

    def redo(self) -> BranchPlace:
        """Go one command on, the way that was taken last; return its place."""
        if self.here.latest is None:
            raise Refused("there is nothing to redo: no command was given after this one")
        self.go(self.here.latest.number)
        return self.here

    def text(self) -> str:
        """The way from the root to here, as a scenario."""
        path = self.here.path()
        script = [(place.line, place.trace) for place in path]
        story = () if path and any(path[0].line.lead) else _STORY
        if script:
            first, trace = script[0]
            script[0] = ScriptLine(first.text, (*story, *first.lead), first.tail), trace
        return written(script)

    def rows(self) -> list[tuple[BranchPlace, str]]:
        """Every place, with the lines of the tree that stand before it."""
        return list(_rows(self.places[0]))

    def _known(self, line: ScriptLine) -> BranchPlace | None:
        """The place after this one that has the command, if there is one.

        A line of a file has comments, and is another if these are.
        """
        for place in self.here.after:
            if place.line == line or (line.lead == ("",) and place.line.text == line.text):
                return place
        return None

    def _new(self, line: ScriptLine, trace: tuple[str, ...]) -> BranchPlace:
        place = BranchPlace(len(self.places), line, self.here, trace)
        self.here.after.append(place)
        self.places.append(place)
        return place


def _rows(root: BranchPlace) -> Iterator[tuple[BranchPlace, str]]:
    """Walk the tree; only where a way parts does it go to the right."""
    left = [(root, "", "")]
    while left:
        place, own, below = left.pop()
        yield place, own
        if len(place.after) == 1:
            left.append((place.after[0], below, below))
        else:
            for index, after in enumerate(reversed(place.after)):
                is_last = index == 0
                branch, line = ("└ ", "  ") if is_last else ("├ ", "│ ")
                left.append((after, below + branch, below + line))
