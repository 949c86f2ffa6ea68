"""docs/play.md shows what is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benmo.commands.answers import Status
from benmo.commands.fitting import fitted
from benmo.play.runner import ALL_COMMANDS, PlayRunner
from tests.support.documents import fences, text_of

DOCUMENT = "docs/play.md"
PROMPT = "benmo play> "
LEFT_OUT = "…"
COLUMNS = 80


def screen_after(runner: PlayRunner, line: str) -> str:
    """What a person at the prompt sees after a line."""
    rendered = runner.run(line, f"table/{COLUMNS}")
    assert rendered.status is Status.DONE, f"{line}: {rendered.output}"
    hint = runner.new_hint()
    return rendered.output + (f"\n\n{fitted(hint, COLUMNS)}" if hint else "")


def test_what_the_document_shows_is_what_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks are one run. A line `…` stands for lines that are left out."""
    monkeypatch.chdir(tmp_path)
    runner = PlayRunner(is_whole=True)
    runner.new_hint()
    blocks = [fence for fence in fences(DOCUMENT) if fence.kind == "play"]
    typed = 0
    for fence in blocks:
        assert max(map(len, fence.lines)) <= COLUMNS
        for part in fence.text.split(PROMPT)[1:]:
            line, _, shown = part.partition("\n")
            seen = screen_after(runner, line).strip("\n")
            shown = shown.strip("\n")
            pattern = re.escape(shown).replace(LEFT_OUT, ".*")
            assert re.fullmatch(pattern, seen, re.DOTALL), f"{line}\n{seen}\nis not\n{shown}"
            typed += 1
    assert typed >= 10


def test_the_document_explains_every_command() -> None:
    text = text_of(DOCUMENT).replace("\\|", "|")
    assert [each.usage for each in ALL_COMMANDS if f"`{each.usage}`" not in text] == []
