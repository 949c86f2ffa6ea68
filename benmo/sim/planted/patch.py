"""Replaces parts of classes and modules, and puts them back."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(slots=True)
class Patch:
    """What was replaced, so that `undo` can put it back."""

    _replaced: list[tuple[type | ModuleType, str, Any]] = field(default_factory=list)

    def set(self, owner: type | ModuleType, name: str, value: Any) -> None:
        """Replace an attribute that the class itself, or the module, defines."""
        self._replaced.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Put everything back, last things first."""
        while self._replaced:
            owner, name, value = self._replaced.pop()
            setattr(owner, name, value)
