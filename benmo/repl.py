"""The prompt on a terminal: prompt_toolkit around the table of commands.

Notices of other threads are printed through `above_prompt`: they appear above the line that is
being typed and leave it alone. Answers are printed while nothing is being typed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Protocol, TextIO, cast

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import StdoutProxy

from benmo.commands import COMMANDS, find
from benmo.errors import NotUnderstood
from benmo.network.link import Link
from benmo.output import Rendered, Status
from benmo.paxos.step import Notice, NoticeKind
from benmo.shell import Commander, cleaned, outcome_of
from benmo.toolbar import Toolbar, toolbar_text

REFRESH_S = 0.5
_PRINT_EVERY_S = 0.03
"""Short enough to see a notice at once; prompt_toolkit draws the prompt anew each time."""
COLOURS = {
    NoticeKind.DECIDED: "32",
    NoticeKind.REFUSED: "31",
    NoticeKind.NO_QUORUM: "33",
    NoticeKind.WARNING: "31",
    NoticeKind.LEADER: "35",
    NoticeKind.PROPOSED: "35",
    NoticeKind.CAMPAIGN: "35",
    NoticeKind.LINK: "36",
    NoticeKind.CAUGHT_UP: "32",
}
DIM = "2"


def run_prompt(commander: Commander, output_format: str, history_file: Path) -> Status:
    """Ask for commands until the user leaves: `exit`, Ctrl-D or the end of input."""
    session: PromptSession[str] = PromptSession(
        history=history_in(history_file),
        auto_suggest=AutoSuggestFromHistory(),
        completer=CommandCompleter(commander),
        complete_while_typing=True,
        bottom_toolbar=lambda: toolbar_text(commander.toolbar, session.output.get_size().columns),
        key_bindings=key_bindings(),
        refresh_interval=REFRESH_S,
        color_depth=ColorDepth.DEPTH_1_BIT if has_no_colour() else None,
        reserve_space_for_menu=4,
    )
    terminal = sys.stdout
    with above_prompt():
        commander.watch(NoticePrinter(has_colour=not has_no_colour()))
        print(f"{commander.greeting}. help lists commands, Tab completes, Ctrl-D leaves.")
        while True:
            try:
                typed = session.prompt(f"benmo {commander.node}> ")
                lines = [_with_arguments(session, line) for line in typed.splitlines()]
            except KeyboardInterrupt:
                continue
            except EOFError:
                return Status.DONE
            last = _run_all(commander, lines, output_format, terminal)
            if last is not None and last.leaves:
                return last.status


def _run_all(
    commander: Commander, lines: list[str], output_format: str, terminal: TextIO
) -> Rendered | None:
    """Carry out what was typed or pasted, up to what fails or leaves; the last answer."""
    rendered = None
    try:
        for line in filter(None, lines):
            rendered = outcome_of(commander, line, output_format)
            if rendered.output:
                # In one piece, for notices may come at any moment.
                terminal.write(f"{rendered.output}\n")
                terminal.flush()
            if rendered.leaves or rendered.status is not Status.DONE:
                break
    except KeyboardInterrupt:
        print(file=terminal)
    return rendered


def _with_arguments(session: PromptSession[str], text: str) -> str:
    """The line; with what is asked for, where a command that needs arguments was typed bare."""
    line = cleaned(text)
    words = line.split()
    if len(words) != 1:
        return line
    try:
        command = find(words[0])
    except NotUnderstood:
        return line
    if not command.question:
        return line
    asker: PromptSession[str] = PromptSession(
        history=InMemoryHistory(), output=session.output, input=session.input
    )
    try:
        answer = asker.prompt(
            command.question, bottom_toolbar=session.bottom_toolbar, refresh_interval=REFRESH_S
        )
    except EOFError:  # no answer; the next Ctrl-D leaves
        return ""
    answer = cleaned(answer)
    return f"{line} {answer}" if answer else ""


class CommandCompleter(Completer):
    """Commands with their meaning, and nodes where a command takes one."""

    def __init__(self, commander: Commander) -> None:
        self._commander = commander

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        words = document.text_before_cursor.lstrip().split(" ")
        if len(words) == 1:
            yield from completed_commands(COMMANDS, words[0])
        elif len(words) == 2:
            yield from completed_nodes(self._commander.toolbar, words[0], words[1])


class Listed(Protocol):
    """What completion offers, with its meaning."""

    @property
    def name(self) -> str: ...

    @property
    def meaning(self) -> str: ...


def completed_commands(commands: Iterable[Listed], typed: str) -> Iterator[Completion]:
    """Those that begin so, in any case."""
    for command in commands:
        if command.name.lower().startswith(typed.lower()):
            yield Completion(command.name, start_position=-len(typed), display_meta=command.meaning)


def completed_nodes(toolbar: Toolbar | None, name: str, typed: str) -> Iterator[Completion]:
    """The nodes that the command of this name may be about."""
    try:
        command = find(name)
    except NotUnderstood:
        return
    if toolbar is None or not command.offers:
        return
    wants_severed = command.offers == "severed"
    offered = [
        (str(node), f"{link}")
        for node, link in toolbar.links
        if (link is Link.SEVERED) == wants_severed
    ]
    if wants_severed and offered:
        offered.append(("all", "every severed link"))
    for text, meaning in offered:
        if text.startswith(typed):
            yield Completion(text, start_position=-len(typed), display_meta=meaning)


def key_bindings() -> KeyBindings:
    """Tab takes the only completion, whatever its case, or the first of several, then the next."""
    bindings = KeyBindings()

    @bindings.add("tab")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion:
            buffer.complete_next()
            return
        wanted = CompleteEvent(completion_requested=True)
        found = list(buffer.completer.get_completions(buffer.document, wanted))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        elif buffer.complete_state is not None:
            buffer.complete_next()
        else:
            buffer.start_completion(select_first=True)

    return bindings


class NoticePrinter:
    """Prints notices as they come, but no more than people can read: of a burst, a count.

    It is called in the loop from which they come.
    """

    _PER_SECOND_MAX = 25
    _ALWAYS = (NoticeKind.REFUSED, NoticeKind.NO_QUORUM, NoticeKind.WARNING)

    def __init__(self, has_colour: bool) -> None:
        self._has_colour = has_colour
        self._second = 0
        self._printed = 0
        self._left_out = 0

    def __call__(self, notice: Notice) -> None:
        if self._admits(notice):
            self._print(notice.kind, notice.text)

    def _admits(self, notice: Notice) -> bool:
        now = time.monotonic()
        if int(now) != self._second:
            self._tell_left_out()
            self._second, self._printed = int(now), 0
        self._printed += 1
        if self._printed <= self._PER_SECOND_MAX or notice.kind in self._ALWAYS:
            return True
        self._left_out += 1
        if self._left_out == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(self._second + 1 - now, self._tell_left_out)
        return False

    def _tell_left_out(self) -> None:
        """When the second is over, even if no other notice comes."""
        if self._left_out:
            self._print(NoticeKind.ACCEPTED, f"({self._left_out} more notices left out)")
            self._left_out = 0

    def _print(self, kind: NoticeKind, text: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {text}"
        colour = COLOURS.get(kind, DIM)
        print(f"\x1b[{colour}m{line}\x1b[0m" if self._has_colour else line)


@contextmanager
def above_prompt() -> Iterator[None]:
    """As long as this lasts, what any thread prints comes above the line that is being typed."""
    proxy = StdoutProxy(sleep_between_writes=_PRINT_EVERY_S, raw=True)
    out = cast(TextIO, proxy)
    with proxy, redirect_stdout(out), redirect_stderr(out):
        yield


def history_in(path: Path) -> History:
    try:
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


def has_no_colour() -> bool:
    return bool(os.environ.get("NO_COLOR"))
