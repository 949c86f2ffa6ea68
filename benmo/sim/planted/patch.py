"""Replaces parts of classes and modules, and puts them back."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import Parameter, isfunction, signature
from types import ModuleType
from typing import Any


@dataclass(slots=True)
class Patch:
    """What was replaced, so that `undo` can put it back."""

    _replaced: list[tuple[type | ModuleType, str, Any]] = field(default_factory=list)

    def set(self, owner: type | ModuleType, name: str, value: Any) -> None:
        """Replace an attribute that the class itself, or the module, defines.

        A function's place is taken by one that is called in the same way: else a mistake would be
        found by the `TypeError`, whatever the mistake is.
        """
        before = owner.__dict__[name]
        assert _is_called_like(value, before), f"{name} isn't called like that any more"
        self._replaced.append((owner, name, before))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Put everything back, last things first."""
        while self._replaced:
            owner, name, value = self._replaced.pop()
            setattr(owner, name, value)


def _is_called_like(value: Any, before: Any) -> bool:
    """Whether one function can be called as another is; True if these aren't functions."""
    if not (isfunction(value) and isfunction(before)):
        return True
    mine, theirs = (list(signature(each).parameters.values()) for each in (value, before))
    takes_any = any(each.kind is Parameter.VAR_POSITIONAL for each in mine)
    needed = [sum(each.default is Parameter.empty for each in those) for those in (mine, theirs)]
    return takes_any or (len(mine) == len(theirs) and needed[0] <= needed[1])
