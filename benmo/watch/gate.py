"""Decides who may have what of a page's server: each request is checked before it is answered.

The dangers are other web pages in the same browser, other users of the machine, and a name that
somebody else lets lead to this machine.
"""

from __future__ import annotations

import hmac
import secrets
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from websockets.datastructures import Headers
    from websockets.http11 import Request

LIVE_PATH = "/live"
"""The path at which a page asks for the records, by a WebSocket."""
PROTOCOL = "benmo.1"
"""The subprotocol of that; a page offers its token as a second one."""


class PageRight(Enum):
    """The right that a token gives to a page."""

    WATCH = auto()
    ACT = auto()


class Denial(NamedTuple):
    """The reason why a request gets nothing."""

    status: HTTPStatus
    text: str


class Gate:
    """Checks requests to one address, and holds the tokens of 256 bits that open it.

    hosts    the addresses as a browser may name them, each with its port
    may_act  whether there is a token with which a page may act
    """

    def __init__(self, hosts: tuple[str, ...], may_act: bool) -> None:
        self._hosts = hosts
        self.tokens = {secrets.token_urlsafe(32): PageRight.WATCH}
        if may_act:
            self.tokens[secrets.token_urlsafe(32)] = PageRight.ACT

    def token(self, right: PageRight) -> str:
        """Return the token that gives a right. Raises `KeyError` if there is none."""
        return {given: token for token, given in self.tokens.items()}[right]

    def denial(self, request: Request) -> Denial | None:
        """Say why a request gets nothing; None if it may go on.

        A page of another site can make a browser send requests here, under a name of its own, too:
        so the name is checked first.
        """
        if _only(request.headers, "Host") not in self._hosts:
            return Denial(HTTPStatus.FORBIDDEN, "this server is not known by that name")
        if request.path != LIVE_PATH:
            if request.method not in ("GET", "HEAD"):
                return Denial(HTTPStatus.METHOD_NOT_ALLOWED, "files can be read, nothing else")
            return None
        origins = [f"http://{host}" for host in self._hosts]
        if _only(request.headers, "Origin") not in origins:
            return Denial(HTTPStatus.FORBIDDEN, "only the page of this server may ask for that")
        if self.right(request) is None:
            return Denial(HTTPStatus.UNAUTHORIZED, "that takes the token of the printed address")
        return None

    def right(self, request: Request) -> PageRight | None:
        """Return the right that the token of a request gives; None if it is no token of ours."""
        offered = (_only(request.headers, "Sec-WebSocket-Protocol") or "").split(",")
        found = None
        for each in offered:
            for token, right in self.tokens.items():
                if hmac.compare_digest(each.strip().encode(), token.encode()):
                    found = right
        return found


def _only(headers: Headers, name: str) -> str | None:
    """The value of a header that is there once; None if it isn't."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None
