"""The base of all requests to a running node, and of their answers."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class ControlMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request or an answer; the msgpack field `type` says which."""
