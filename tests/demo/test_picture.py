"""The picture in the README shows what the demo shows."""

from __future__ import annotations

from pathlib import Path

from tests.support.picture import record, shapes, text_in
from tests.support.processes import ROOT
from tests.support.real_cluster import free_ports


def test_the_picture_of_the_demo_is_current(tmp_path: Path) -> None:
    shown = text_in((ROOT / "docs" / "demo.svg").read_text())
    with free_ports(5) as port:
        terminal = record(tmp_path, port)
        try:
            now = terminal.screen_text()
        finally:
            terminal.close()
    assert shapes(shown) == shapes(now), "draw it anew with python3 scripts/picture.py"
