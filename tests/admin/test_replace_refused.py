"""Whom `benmo replace` refuses to replace, and what it says then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benmo.admin.replace import _require_down
from benmo.errors import Failure


def test_a_node_that_runs_without_its_directory_is_to_be_stopped_first(tmp_path: Path) -> None:
    survey: Any = SimpleNamespace(up={1, 2, 3})
    new: Any = SimpleNamespace(node=3, directory=tmp_path / "node-3")
    old: Any = SimpleNamespace(host="127.0.0.1")
    with pytest.raises(Failure) as refused:
        _require_down(survey, new, old)
    assert str(refused.value) == (
        f"node 3 still runs, but its directory, {tmp_path / 'node-3'}, is gone: stop the node, "
        f"then type the same again"
    )
    survey.up.remove(3)
    _require_down(survey, new, old)
