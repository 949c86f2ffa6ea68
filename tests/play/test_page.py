"""The page of a sandbox, as its server sees it: what a page gets, and what it may have done."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benmo.play.page import PlayPage
from benmo.play.runner import PlayRunner
from benmo.play.stage import PlayStage
from tests.support import processes
from tests.support.processes import BENMO
from tests.watch.server_client import PageClient

LED_TO = "< 1->2 Prepare (1, 1)\n= 2 promised (1, 1)\n> 2->1 Promise (1, 1) height 0"
"""The answer to `deliver 1`, once node 1 has asked node 2 for its promise."""


@dataclass
class _Shown:
    """A sandbox with a page that is served; `said` is what the terminal shows."""

    stage: PlayStage = field(default_factory=PlayStage)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prompt = PlayRunner(is_whole=True, stage=self.stage)
        self.page = PlayPage(self.stage, 0, self.said.append)
        self.stage.serve_page = self.page.serve
        self.prompt.run("page", "table")

    def client(self) -> PageClient:
        server = self.page.server
        return PageClient(server, server.hands_address)


@pytest.fixture
def shown() -> Iterator[_Shown]:
    made = _Shown()
    with closing(made.page):
        yield made


def until_situation(page: PageClient) -> tuple[list[Any], Any]:
    """What comes up to the next situation, and that."""
    found: list[Any] = []
    while True:
        message = page.get()
        if isinstance(message, dict) and "situation" in message:
            return found, message["situation"]
        found += message if isinstance(message, list) else [message]


def test_prompt_and_page_act_on_one_sandbox(shown: _Shown) -> None:
    with shown.client() as page:
        (hello,), situation = until_situation(page)
        assert (hello["act"], hello["end"], situation["nodes"]) == (True, 0, [])
        for line in ("nodes 3", "pay 1 2 10", "campaign 1"):
            shown.prompt.run(line, "table")
        records: list[Any] = []
        while situation["place"] < 3:
            more, situation = until_situation(page)
            records += more
        sent = [each["id"] for each in records if each.get("k") == "sent"]
        assert [each["frame"] for each in situation["messages"]] == sent
        page.say({"id": 1, "line": "deliver 1"})
        more, situation = until_situation(page)
        assert [each["k"] for each in more if "k" in each][:2] == ["did", "received"]
        assert "header" not in more[0], "what is new goes on with the run that is shown"
        answer = {"id": 1, "status": "done", "text": LED_TO}
        assert answer in more or page.get() == answer, "it comes before the records, or after them"
        shown.prompt.run("undo", "table")
        (hello, *again), situation = until_situation(page)
        assert hello["is_on"] is False
        assert again == [each for each in records if "k" in each], "the same way, recorded anew"
        assert (situation["place"], situation["redo"]) == (3, 4)
        assert [each["command"] for each in situation["places"]][-1] == "deliver Prepare 1->2"
    assert shown.said == [f"page> deliver 1\n{LED_TO}"]


def test_a_page_touches_no_file_and_doesnt_end_the_program(
    shown: _Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").write_text("nodes 5\n")
    refused = (
        *("open there.txt", "OP there.txt", "save mine.txt", "sa mine.txt", "record run.jsonl"),
        *(
            "rec run.jsonl",
            "exit",
            "ex",
            "quit",
            "quietly exit",
            "page",
            "quietly",
            "quietly open there.txt",
            "#",
        ),
        *("open there.txt # deliver 1", "fly", "----"),
    )
    with shown.client() as page:
        until_situation(page)
        for number, line in enumerate(refused):
            page.say({"id": number, "line": line})
            assert page.get()["status"] == "refused", line
    assert shown.said == []
    assert [each.name for each in tmp_path.iterdir()] == ["there.txt"]
    assert shown.prompt.seen is None


def test_the_program_says_where_the_page_is_or_why_it_is_nowhere() -> None:
    ended = processes.run(*BENMO, "play", "--page", "-e", "page")
    _, watch, _, hands_on = lines = ended.out.splitlines()
    assert max(map(len, lines)) < 80
    for address in (watch, hands_on):
        assert re.fullmatch(r"  http://127\.0\.0\.1:\d+/#token=\S{43}", address)
    assert watch.split("#")[1] != hands_on.split("#")[1]
    assert (ended.status, ended.err.splitlines()) == (0, lines)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options in (("--page", "--page-port", port), ("--page-port", port, "-e", "page")):
            ended = processes.run(*BENMO, "play", *options)
            assert ended.status == 1
            assert f"127.0.0.1:{port}: Address already in use" in ended.err
