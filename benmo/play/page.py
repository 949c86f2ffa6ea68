"""The page of a sandbox: shows in a browser what was played, and takes lines from there."""

from __future__ import annotations

from collections.abc import Callable

from benmo.commands.answers import Rendered
from benmo.commands.table import match
from benmo.errors import Refused
from benmo.paxos.types import Tenure
from benmo.play.branches import Branches, BranchPlace
from benmo.play.language import QUIETLY
from benmo.play.recording import header_of
from benmo.play.runner import ALL_COMMANDS, PlayRunner
from benmo.play.screen import branch_values, hint, situation
from benmo.play.stage import PlayStage
from benmo.repl.batch import cleaned
from benmo.tape.records import VERSION, Header
from benmo.watch.addresses import PageAddresses
from benmo.watch.open_page import HandsAnswer
from benmo.watch.server import PageServer
from benmo.worker import Worker

_NOTHING = Header("trace", VERSION, "played", (1, 2, 3), Tenure.BLOCK.value)
"""The header while there are no nodes: they are drawn, and nothing is known of them."""
_AT_THE_PROMPT = ("open", "record", "page", "exit")
"""The commands that a page may not have carried out: they are about files, or the program."""


class PlayPage:
    """Serves the page of a stage, in threads of its own, from `serve` to `close`.

    echo  takes each line that comes from a page, and then its answer
    """

    def __init__(self, stage: PlayStage, port: int, echo: Callable[[str], None]) -> None:
        self._stage = stage
        self._runner = PlayRunner(is_whole=False, stage=stage)
        self._echo = echo
        self.server = PageServer(_NOTHING, port, hands=self._carry_out)
        self._is_served = False
        self._way: list[BranchPlace] = []
        """The places whose records the server has."""
        self._count = 0

    def serve(self) -> PageAddresses:
        """Serve the page; return its addresses. Raises `CannotStart` if it can't be served."""
        if not self._is_served:
            self._stage.worker = self._stage.worker or Worker("the sandbox")
            self.server.start()
            self._is_served = True
            self._stage.do(self._begin)
        return PageAddresses(self.server.address, self.server.hands_address)

    def _begin(self) -> None:
        self._stage.on_change = self._show
        self._show()

    def close(self) -> None:
        if self._is_served:
            self._stage.on_change = lambda: None
            self.server.close()

    def _show(self) -> None:
        """Hand on what is new on the way to here; if it is another way, all of it."""
        branches = self._stage.branches
        way, records = branches.here.path(), branches.records
        if self._way and way[: len(self._way)] == self._way:
            for record in records[self._count :]:
                self.server.put(record)
        else:
            made = branches.scenario.made
            self.server.begin(_NOTHING if made is None else header_of(made), records)
        self._way, self._count = way, len(records)
        self.server.show(_situation(branches, self._stage))

    def _carry_out(self, typed: str) -> HandsAnswer:
        """Carry out a line that a viewer of the page asks for."""
        line = cleaned(typed)
        try:
            name = _allowed(line)
        except Refused as error:
            return HandsAnswer("refused", str(error))
        rendered = self._stage.do(lambda: self._run(line, name))
        return HandsAnswer(rendered.status.name.lower().replace("_", " "), rendered.output)

    def _run(self, line: str, name: str) -> Rendered:
        rendered = self._runner.run(line, "table")
        led_to = "" if name == "save" else rendered.output
        self._echo(f"page> {line}\n{led_to}".rstrip())
        return rendered


def _situation(branches: Branches, stage: PlayStage) -> dict[str, object]:
    """All that the page shows besides the records: the tree, and what may be done now."""
    seen, here = stage.seen, branches.here
    return {
        "place": here.number,
        "redo": None if here.latest is None else here.latest.number,
        "places": branch_values(branches),
        "hint": hint(seen),
        **({"nodes": [], "messages": [], "decided": None} if seen is None else situation(seen)),
    }


def _allowed(line: str) -> str:
    """The name of the command in a line. Raises `Refused` if a page may not have it carried out."""
    words = line.split()
    if words and words[0].lower() == QUIETLY:
        words = words[1:]
    if not words:
        raise Refused("there is no command in that line")
    name = match(words[0], ALL_COMMANDS).name
    if name in _AT_THE_PROMPT:
        raise Refused(f"{name} is for the prompt in the terminal")
    if name == "save" and len(words) > 1:
        raise Refused("save without a name: the page offers the file")
    return name
