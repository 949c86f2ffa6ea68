"""The `benmo` program loads a command only when it is called."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from benmo.cli import ENTRIES, main

HEAVY = ("benmo.engine", "benmo.sim", "benmo.demo", "benmo.bench", "benmo.node", "cryptography")


def loaded_by(*words: str) -> set[str]:
    """The modules that are loaded once the program has done this."""
    program = (
        "import sys\n"
        "from benmo.cli import main\n"
        f"try: main({list(words)!r}, prog_name='benmo')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    return set(ended.stderr.split())


@pytest.mark.parametrize("words", [["--version"], ["--help"]], ids=str)
def test_what_needs_no_command_loads_none(words: list[str]) -> None:
    own = {name for name in loaded_by(*words) if name.startswith("benmo")}
    assert own == {"benmo", "benmo.cli", "benmo.program", "benmo.startup"}


@pytest.mark.parametrize("name", ["attach", "status", "verify", "export", "find", "history"])
def test_a_command_for_the_desk_loads_no_running_node_and_nothing_big(name: str) -> None:
    loaded = loaded_by(name, "--help")
    assert not [each for each in HEAVY if each in loaded]


@pytest.mark.parametrize("name", ENTRIES)
def test_each_command_of_the_table_can_be_called(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None and command.help
    assert ENTRIES[name].meaning in CliRunner().invoke(main, ["--help"]).output


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_no_number_is_told_what_is_wanted(name: str) -> None:
    """click's own words are "'three' is not a valid integer range"."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter.type, click.types.IntParamType):
            with pytest.raises(click.BadParameter, match=r"'three' is not .*a whole number"):
                parameter.type_cast_value(
                    click.Context(command), ["three"] if parameter.multiple else "three"
                )


def test_an_unknown_command_is_named() -> None:
    ended = CliRunner().invoke(main, ["fly"])
    assert ended.exit_code == 2
    assert "No such command 'fly'" in ended.output


def test_a_python_that_can_not_run_benmo_is_told_so_before_a_command_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benmo.cli.why_not", lambda: "a package is missing")
    monkeypatch.setitem(ENTRIES, "status", ENTRIES["status"]._replace(module="benmo.not_there"))
    ended = CliRunner().invoke(main, ["status"])
    assert (ended.exit_code, ended.output) == (1, "benmo: a package is missing\n")
