"""Every file of tests/scenarios leads to the very trace that is written in it.

The traces were checked by hand against the protocol: they are what ought to happen. After a change
that is meant to change one, `BENMO_REWRITE=1 python -m pytest tests/play/test_scenarios.py` writes
the files anew; read each difference (`git diff tests/scenarios`) as you would read a proof.
"""

# BENMO_REWRITE=1 rewrites the expected traces; the difference must then be reviewed by a person.

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

import pytest

from benmo.play.script import SEPARATOR, run

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_leads_to_the_trace_that_was_reviewed(path: Path) -> None:
    expected = path.read_text()
    actual = run(expected)
    if os.environ.get("BENMO_REWRITE") == "1":
        path.write_text(actual)
        return
    difference = unified_diff(
        expected.splitlines(), actual.splitlines(), "reviewed", "now", lineterm=""
    )
    assert actual == expected, "\n".join([str(path), *difference])


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_begins_with_its_story(path: Path) -> None:
    story = path.read_text().split("\n\n", 1)[0].splitlines()
    assert len(story) >= 3
    assert all(line.startswith("#") for line in story)


def test_a_scenario_that_goes_another_way_is_noticed() -> None:
    text = SCENARIOS[0].read_text()
    command, trace = text.split(f"\n{SEPARATOR}\n", 1)
    assert run(text) == text
    assert run(f"{command}\n{SEPARATOR}\n! something else\n{trace}") == text


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 14
