"""What several tests of `benmo rescue` begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.cluster import StateDirectory
from tests.admin.rescue_cases import BLOCKS
from tests.support.written_state import empty_state, write_node


@pytest.fixture
def old(tmp_path: Path) -> StateDirectory:
    """Give a cluster of three, of which node 1 alone is left: four blocks, three in the file."""
    state = empty_state(tmp_path / "old")
    write_node(state, 1, BLOCKS, checkpoint_height=3)
    return state


@pytest.fixture
def new(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "new")
