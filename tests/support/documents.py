"""What the documents show: their fenced blocks, and the lines that a reader is to type.

Each line of a `sh` block is run by a test in one of several ways. Which way is told by a table of
patterns; a line that no pattern knows has no way, and the test that looks for one fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tests.support.processes import ROOT

T = TypeVar("T")

_FENCE = re.compile(r"(?P<indent> *)```(?P<kind>\S*)\s*$")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block of a document: its kind (`sh`, `json`, …) and its lines."""

    document: str
    first: int
    """The number of its first line, counted from 1."""
    kind: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def __str__(self) -> str:
        return f"{self.document}:{self.first}"


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line that a document tells its reader to type; without its comment."""

    document: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.number}: {self.text}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a test runs otherwise than it is shown, as a regular expression, and why."""

    pattern: str
    replacement: str
    reason: str

    def made_in(self, text: str) -> str:
        changed, count = re.subn(self.pattern, self.replacement, text)
        assert count, f"{self.pattern!r} is nowhere in {text!r}"
        return changed


@dataclass(frozen=True, slots=True)
class Way(Generic[T]):
    """How a line is run that is wholly of this pattern, with these changes."""

    pattern: str
    run: Callable[[T, str], None]
    changes: tuple[Change, ...] = ()

    def go(self, runner: T, line: str) -> None:
        for change in self.changes:
            line = change.made_in(line)
        self.run(runner, line)


def way_of(line: ShownLine, ways: Iterable[Way[T]]) -> Way[T]:
    """The first way of a line's pattern. Fails for a line that has none, and names it."""
    for way in ways:
        if re.fullmatch(way.pattern, line.text):
            return way
    raise AssertionError(
        f"{line}\nNo test runs this line. Say in the table of ways how it is to be run, or show it "
        f"in a block of another kind if it isn't to be typed."
    )


def documents() -> list[str]:
    """All that is written for readers, by path from the root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


def fences(*names: str) -> list[Fence]:
    """The fenced blocks of these documents, or of all."""
    return [fence for name in names or documents() for fence in _fences(name, text_of(name))]


def _fences(document: str, text: str) -> Iterable[Fence]:
    kind, indent, first = "", "", 0
    lines: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if match is None:
            if lines is not None:
                lines.append(line.removeprefix(indent))
        elif lines is None:
            kind, indent, lines, first = match["kind"], match["indent"], [], number + 1
        else:
            yield Fence(document, first, kind, tuple(lines))
            lines = None
    assert lines is None, f"{document}: the block from line {first} on has no end"


def shown_lines(*names: str) -> list[ShownLine]:
    """The lines of the `sh` blocks of these documents, or of all; continued ones whole."""
    return [line for fence in fences(*names) if fence.kind == "sh" for line in _lines(fence)]


def _lines(fence: Fence) -> Iterable[ShownLine]:
    begun = ""
    for number, line in enumerate(fence.lines, fence.first):
        text = begun + without_comment(line)
        if text.endswith("\\"):
            begun = text.removesuffix("\\")
            continue
        begun = ""
        if text:
            yield ShownLine(fence.document, number, text)
    assert not begun, f"{fence}: its last line is continued by nothing"


def without_comment(line: str) -> str:
    """A line of the shell's as it is without its comment, and without blanks around it."""
    quote = ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (index == 0 or line[index - 1].isspace()):
            return line[:index].strip()
    return line.strip()


def heading_of(line: ShownLine) -> str:
    """The heading under which a document shows a line."""
    inside, heading = False, ""
    for text in text_of(line.document).splitlines()[: line.number]:
        inside ^= _FENCE.match(text) is not None
        if text.startswith("#") and not inside:
            heading = text.lstrip("# ")
    return heading


def section(document: str, title: str) -> str:
    """The text under a heading, up to the next heading that is no deeper."""
    match = re.search(rf"^(#+) {re.escape(title)}\n", text_of(document), re.M)
    assert match is not None, f"{document} has no section {title!r}"
    rest = text_of(document)[match.end() :]
    return re.split(rf"^#{{1,{len(match[1])}}} ", rest, maxsplit=1, flags=re.M)[0]


def links(document: str) -> Sequence[str]:
    """Where the document's links to files lead, by path from its own directory."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(document))
    return [target for target in targets if "://" not in target]


def paths(document: str) -> Sequence[str]:
    """The files of this repository that a document names, by path from the root."""
    named = re.findall(r"`((?:benmo|tests|scripts|docs)/[\w./-]+\.\w+)`", text_of(document))
    return [path for path in named if not Path(path).is_absolute()]
