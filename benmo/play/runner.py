"""Carries out what is typed: commands of the language, and those about branches and files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benmo.commands.answers import Answer, Rendered, Status, refusal
from benmo.commands.table import help_answer, match
from benmo.errors import CannotStart, NotUnderstood, Refused
from benmo.play.branches import Branches, BranchPlace
from benmo.play.language import COMMANDS, QUIETLY, ScenarioCommand, in_full
from benmo.play.outlook import Outlook
from benmo.play.recording import record
from benmo.play.screen import branch_answer, command_answer, hint, situation, situation_lines
from benmo.play.script import SEPARATOR, ScriptLine, parse
from benmo.play.stage import PlayStage

_FILE_BYTES_MAX = 1 << 20

OWN_COMMANDS = (
    ScenarioCommand("undo", "", "go one command back; nothing is deleted"),
    ScenarioCommand("redo", "", "go one command on, the way that was taken last"),
    ScenarioCommand("branches", "", "all that was tried, as a tree; you are at *"),
    ScenarioCommand("go", "N", "go to place N of the tree", offers=("place",)),
    ScenarioCommand("look", "", "the nodes, and the messages under way"),
    ScenarioCommand("open", "FILE", "carry out a scenario's commands, as a branch"),
    ScenarioCommand("save", "[FILE]", "write the way to here as a scenario; without FILE, show it"),
    ScenarioCommand("record", "FILE", "write the way to here as a trace, for benmo page"),
    ScenarioCommand("page", "", "the addresses of the page, for a browser"),
    ScenarioCommand("help", "[COMMAND]", "what the commands mean", offers=("name",)),
    ScenarioCommand("exit", "", "leave, without saving; so does Ctrl-D"),
)
"""The commands that are about a run, and no part of it."""
ALL_COMMANDS = (*COMMANDS, *OWN_COMMANDS)

_LEGEND = (
    "In what a command leads to, > is a message that leaves, < one that arrives, = a change in a "
    "node, ! what you did. (2, 3) is a ballot: round 2 of node 3; 1-1 is node 1's first payment. "
    "Of a node that is down, you see the disk. quietly before a command leaves out > and <. "
    "help deliver says more about deliver."
)


class PlayRunner:
    """A `benmo.repl.commander.Runner` for one tree of branches, which others may act on, too.

    `is_whole` says whether each answer shows all nodes and messages, as a person wants it who sees
    nothing else.
    """

    def __init__(self, is_whole: bool, stage: PlayStage | None = None) -> None:
        self.stage = PlayStage() if stage is None else stage
        self._is_whole = is_whole
        self._hinted = ""
        self._columns: int | None = None
        """The columns of the terminal, if answers go to one."""
        self._own: dict[str, Callable[[str], Answer]] = {
            "undo": self._undo,
            "redo": self._redo,
            "branches": lambda _: branch_answer(self.branches),
            "go": self._go,
            "look": lambda _: self._look(""),
            "open": self._open,
            "save": self._save,
            "record": self._record,
            "page": lambda _: self._page(),
            "help": _help,
            "exit": lambda _: Answer(Status.DONE, None, "", leaves=True),
        }
        assert self._own.keys() == {command.name for command in OWN_COMMANDS}

    @property
    def branches(self) -> Branches:
        return self.stage.branches

    @property
    def seen(self) -> Outlook | None:
        """The view of an observer now; None while there are no nodes."""
        return self.stage.seen

    def run(self, line: str, output_format: str) -> Rendered:
        """Carry out a line; the answer also says what is wrong with it."""
        columns = output_format.partition("/")[2]
        self._columns = int(columns) if columns.isdecimal() else None
        return self.stage.do(lambda: self._answered(line)).rendered(output_format)

    def _answered(self, line: str) -> Answer:
        try:
            answer = self._carry_out(line)
        except NotUnderstood as error:
            answer = refusal(Status.NOT_UNDERSTOOD, str(error))
        except Refused as error:
            answer = refusal(Status.REFUSED, str(error))
        self.stage.on_change()
        return answer

    def new_hint(self) -> str:
        """Suggest what to type next; empty if that was said last.

        A suggestion with other numbers is the same one.
        """
        text = hint(self.seen)
        said, self._hinted = self._hinted, re.sub(r"\d+", "N", text)
        return "" if said == self._hinted else text

    def open(self, path: Path) -> str:
        """Carry out a file's commands from the beginning on; say where that led.

        Raises `Refused` if the file can't be read, or can't be carried out to its end.
        """
        text = _read(path)
        lines = parse(text)
        if not lines:
            raise Refused(f"{path} holds no commands")
        self.branches.go(0)
        for number, line in enumerate(lines, 1):
            try:
                self.branches.do(line)
            except Refused as error:
                raise Refused(f"{path}, command {number}, {line.text}: {error}") from error
        return _differs(path, text, self.branches.text())

    def _carry_out(self, line: str) -> Answer:
        if line == SEPARATOR:
            raise NotUnderstood("what follows ---- are no commands: open FILE reads a scenario")
        name, _, rest = line.partition(" ")
        command = match(name, (*ALL_COMMANDS, ScenarioCommand(QUIETLY, "COMMAND", "")))
        if command in OWN_COMMANDS:
            takes = command.arguments
            if bool(takes) < bool(rest.strip()) or (takes and takes[0] != "[" and not rest.strip()):
                raise NotUnderstood(f"write: {command.usage}")
            return self._own[command.name](rest.strip())
        place = self.branches.do(ScriptLine(self._named(in_full(line))))
        return command_answer(place, self.branches, self._is_whole, self._columns)

    def _named(self, line: str) -> str:
        """Replace the number of a message by how a scenario names it.

        Raises `Refused` if no message is meant: scenarios may want to show that, people don't.
        """
        *before, last = words = line.split()
        command, *which = [each for each in words if each != QUIETLY]
        if command not in ("deliver", "drop", "double") or not which:
            return line
        if len(which) == 1:
            seen = self.seen
            for each in () if seen is None else seen.messages:
                if str(each.number) == last:
                    return " ".join([*before, each.pattern])
            raise Refused(f"no message under way has the number {last}: look shows those that are")
        if len(which) <= 3 and not self.branches.scenario.matching(*which):
            raise Refused(f"no message under way is {' '.join(which)}: look shows those that are")
        return line

    def _look(self, said: str) -> Answer:
        seen = self.seen
        if seen is None:
            return Answer(Status.DONE, {"place": 0}, said or "There are no nodes yet.")
        text = "\n".join(situation_lines(seen, self._columns))
        value = {"place": self.branches.here.number, **situation(seen)}
        return Answer(Status.DONE, value, f"{said}\n\n{text}" if said else text)

    def _moved(self, said: str) -> Answer:
        return self._look(said) if self._is_whole else Answer(Status.DONE, self._where(), said)

    def _where(self) -> dict[str, object]:
        here = self.branches.here
        seen = self.seen
        return {
            "place": here.number,
            "command": here.line.text,
            **({} if seen is None else situation(seen)),
        }

    def _undo(self, _rest: str) -> Answer:
        undone = self.branches.undo()
        return self._moved(f"undone: {undone.line.text}. {_at(self.branches.here)}")

    def _redo(self, _rest: str) -> Answer:
        place = self.branches.redo()
        answer = command_answer(place, self.branches, self._is_whole, self._columns)
        return replace(answer, text=f"redone: {place.line.text}\n{answer.text}".rstrip())

    def _go(self, number: str) -> Answer:
        if not number.isdecimal():
            raise NotUnderstood(f"{number!r} is no place: branches shows their numbers")
        self.branches.go(int(number[:9]))
        return self._moved(_at(self.branches.here))

    def _open(self, name: str) -> Answer:
        difference = self.open(Path(name))
        said = f"{name} is open. {_at(self.branches.here)} undo goes back, redo on again."
        return self._moved("\n".join(filter(None, [difference, said])))

    def _save(self, name: str) -> Answer:
        text = self.branches.text()
        count = len(self.branches.here.path())
        if not count:
            raise Refused("there is nothing to save yet")
        if not name:
            return Answer(Status.DONE, {"scenario": text, "commands": count}, text.rstrip("\n"))
        path = Path(name)
        try:
            with path.open("w" if path in self.stage.saved else "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise Refused(f"{name} is there already: choose another name") from None
        except OSError as error:
            raise Refused(f"{name} can't be written: {error.strerror}") from error
        self.stage.saved.add(path)
        value = {"file": name, "commands": count}
        return Answer(Status.DONE, value, f"{name} holds the {count} commands to here")

    def _record(self, name: str) -> Answer:
        records = record(self.branches, Path(name))
        said = f"{records:,} records in {name}: benmo page {name} makes a page of it"
        return Answer(Status.DONE, {"file": name, "records": records}, said)

    def _page(self) -> Answer:
        if self.stage.serve_page is None:
            raise Refused("this sandbox has no page")
        try:
            addresses = self.stage.serve_page()
        except CannotStart as error:
            raise Refused(str(error)) from error
        return Answer(Status.DONE, addresses._asdict(), addresses.text)


def _help(rest: str) -> Answer:
    if not rest:
        return help_answer(ALL_COMMANDS, _LEGEND)
    command = match(rest.split(maxsplit=1)[0], ALL_COMMANDS)
    return help_answer([command], command.more)


def _at(place: BranchPlace) -> str:
    if place.parent is None:
        return "You are at the beginning (0)."
    return f"You are at {place.number}, after: {place.line.text}."


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
        if len(data) > _FILE_BYTES_MAX:
            raise Refused(f"{path} is too long for a scenario")
        return data.decode()
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Refused(f"{path} is no text") from None


def _differs(path: Path, text: str, now: str) -> str:
    """Say where a file's traces are others than those of this run; empty if nowhere."""
    if SEPARATOR not in text.splitlines():
        return ""
    old, new = text.strip().splitlines(), now.strip().splitlines()
    for number, line in enumerate(new):
        if number >= len(old) or old[number] != line:
            return f"From line {number + 1} on, {path} says otherwise. This run: {line}"
    return "" if len(old) == len(new) else f"{path} says more than this run led to"
