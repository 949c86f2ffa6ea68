"""Copies of live objects, and identities that tell two of them apart.

Both walk all attributes, whatever their names, so that no later field can be forgotten. Values that
can't change (numbers, bytes, tuples, frozen classes, functions, memberships) are shared.

All floats of a replica are times, and only the time left until each of them matters; and no order
of two delays is promised. So a time that has come is zero, one within a round's time limit is that
limit, and any later one is `LATER_S`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator
from enum import Enum
from functools import cache
from math import inf
from random import Random
from types import BuiltinFunctionType, FunctionType
from typing import Any, TypeVar

import msgspec

from benmo.paxos.membership import Membership

ROUND_S = 1.0
"""The time limit of a round."""

LATER_S = 1000.0
"""Stands for all longer waits: above the longest election delay."""

T = TypeVar("T")

_PLAIN = (int, str, bytes, tuple, frozenset, Enum, type(None), type)
_LEAVES = (*_PLAIN, FunctionType, BuiltinFunctionType, Random, Membership)


def copied(value: T, now: float, known: dict[int, Any]) -> T:
    """Copy a value as of `now`, which becomes zero in the copy.

    `known` holds the copies of what was met before, under the originals' `id`.
    """
    found: T = _copied(value, now, known)
    return found


def identity(value: object, now: float, known: dict[int, Any], but: Container[str] = ()) -> Any:
    """Compute an identity: equal, with equal hash, for two values with indistinguishable copies.

    The order of a dict counts, since programs can see it. `known` holds what stands for the objects
    that were met before, under their `id`: a number. Attributes with a name in `but` are left out.
    """
    kind: Any = type(value)
    if _is_leaf(kind):
        return value
    if kind is float:
        return _moved(value, now)  # type: ignore[arg-type]
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = len(known)
    if isinstance(value, dict):
        return tuple((key, identity(each, now, known, but)) for key, each in value.items())
    if isinstance(value, (set, bytearray)):
        return frozenset(value) if isinstance(value, set) else bytes(value)
    if isinstance(value, list):
        return (kind, *(identity(each, now, known, but) for each in value))
    return (
        kind,
        *(
            frozenset(each.items())
            if name == "promises" and id(each) not in known
            else identity(each, now, known, but)
            for name, each in _attributes(value)
            if name not in but
        ),
    )


def _copied(value: Any, now: float, known: dict[int, Any]) -> Any:
    kind: Any = type(value)
    if _is_leaf(kind):
        return value
    if kind is float:
        return _moved(value, now)
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, dict):
        copy: Any = {key: _copied(each, now, known) for key, each in value.items()}
    elif isinstance(value, list):
        copy = kind(_copied(each, now, known) for each in value)
    elif isinstance(value, (set, bytearray)):
        copy = kind(value)
    else:
        copy = object.__new__(kind)
        for name, each in _attributes(value):
            object.__setattr__(copy, name, _copied(each, now, known))
    known[id(value)] = copy
    return copy


def _attributes(value: object) -> Iterator[tuple[str, Any]]:
    kind: Any = type(value)
    if hasattr(value, "__dict__"):
        return iter(vars(value).items())
    return ((name, getattr(value, name)) for name in _slots(kind))


@cache
def _slots(kind: type) -> tuple[str, ...]:
    return tuple(name for base in kind.__mro__ for name in getattr(base, "__slots__", ()))


@cache
def _is_leaf(kind: type) -> bool:
    if dataclasses.is_dataclass(kind):
        return bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_config__.frozen
    return issubclass(kind, _LEAVES)


def _moved(time: float, now: float) -> float:
    if time in (inf, -inf):
        return time
    if time <= now:
        return 0.0
    return ROUND_S if time <= now + ROUND_S else LATER_S
