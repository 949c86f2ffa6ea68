"""The page of the demo: what it may have carried out."""

from __future__ import annotations

from benmo.commands.table import COMMANDS
from benmo.demo.page import ALLOWED
from benmo.demo.table import DEMO_COMMANDS


def test_a_page_may_have_all_carried_out_but_what_is_about_the_terminal() -> None:
    every = {command.name for command in (*COMMANDS, *DEMO_COMMANDS)}
    assert every - set(ALLOWED) == {"exit", "use", "tour", "quiet", "loud", "page"}
    assert set(ALLOWED) <= every
    assert len(ALLOWED) == len(set(ALLOWED))
