"""The lines in which a planted mistake differs from Benmo's own code, as they are in the files."""

from __future__ import annotations

import inspect
from textwrap import dedent
from types import ModuleType
from typing import Any

from benmo.sim.planted import PLANTED
from benmo.sim.planted.patch import Patch


class _Places(Patch):
    """Notes what a mistake would replace, and replaces nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, Any]] = []

    def set(self, owner: type | ModuleType, name: str, value: Any) -> None:
        self.found.append((owner.__dict__[name], value))


def differing_code(mistake: str) -> tuple[str, str]:
    """Return Benmo's code that a mistake replaces, and the mistake's own."""
    places = _Places()
    PLANTED[mistake](places)
    own = [dedent(_source(before)) for before, _ in places.found]
    planted = _source(PLANTED[mistake])
    sources = [_source(value) for _, value in places.found]
    helpers = [dedent(source) for source in sources if source not in planted]
    return "\n".join(own), "\n".join([planted, *helpers])


def _source(value: Any) -> str:
    code: Any = value.fget if isinstance(value, property) else value
    return inspect.getsource(code)
