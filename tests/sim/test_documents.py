"""docs/simulator.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from trials.planted_table import BEGIN, END

from benmo.cli import main
from benmo.sim.checkers import NAMES
from benmo.sim.planted import PLANTED, sentence

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "simulator.md").read_text()


def _commands() -> list[str]:
    lines: list[str] = []
    for text in (DOCUMENT, (ROOT / "README.md").read_text()):
        for block in re.findall(r"```sh\n(.*?)```", text, re.S):
            lines += [line.split("#")[0].strip() for line in block.splitlines()]
    return [line for line in lines if re.match("benmo (simulate|explore)", line)]


@pytest.mark.parametrize("line", _commands())
def test_a_command_that_is_shown_is_understood(line: str, tmp_path: Path) -> None:
    _, name, *words = line.replace("trace.txt", str(tmp_path / "trace.txt")).split()
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.make_context(name, words).params


def test_commands_are_shown() -> None:
    assert len(_commands()) >= 5


def test_the_table_has_every_mistake_and_each_was_found() -> None:
    table = DOCUMENT.split(BEGIN)[1].split(END)[0]
    rows = [row.split("|")[1:-1] for row in table.strip().splitlines()[2:]]
    assert [row[0].strip() for row in rows] == [
        f"`{name}`: {sentence(name).rstrip('.')}" for name in PLANTED
    ]
    assert all(1 <= int(row[1]) <= 1000 for row in rows)


def test_the_document_names_every_checker() -> None:
    part = DOCUMENT.split("## What is checked")[1].split("\n## ")[0]
    names = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("|")]
    assert names[2:] == list(NAMES)


def test_each_rule_that_is_named_is_in_the_protocols_document() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    rules = re.findall(r"^\| ([APLR]\d) (?:\* )?\|", text, re.M)
    assert len(rules) == len(set(rules)) > 10
    sources = [path.read_text() for path in (ROOT / "benmo" / "sim").rglob("*.py")]
    named = {rule for source in sources for rule in re.findall(r'"(?:rule )?([APLR]\d)"', source)}
    assert named == set(rules) - {"L3"}
    asserted = {rule for rule in rules if f"| {rule} * |" in text}
    paxos = [path.read_text() for path in (ROOT / "benmo" / "paxos").glob("*.py")]
    assert asserted == {rule for source in paxos for rule in re.findall(r', "([APLR]\d)"', source)}
    breaks = re.findall(r"\| ([APLR]\d) \| `benmo simulate --plant", text)
    assert len(breaks) > 10
    assert set(breaks) <= set(rules)
