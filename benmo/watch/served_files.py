"""The page's files as a server sends them, and the headers that it sends with everything."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import NamedTuple

from benmo.watch.one_file import MAP, START, filled, modules, style

_POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)


class ServedFile(NamedTuple):
    """A file of the page: its media type, and its bytes."""

    media_type: str
    body: bytes


class ServedFiles:
    """The page's files by their exact paths, read once; there is no other path.

    `headers` go with every answer. The policy lets the page load what this server serves, and no
    script but its modules and the one map of their names, known by its hash.
    """

    def __init__(self) -> None:
        sources = modules()
        addresses = {f"benmo/{name}": f"/modules/{name}" for name in sources}
        names = json.dumps({"imports": addresses})
        page = filled(
            {
                MAP: f'<script type="importmap">{names}</script>',
                START: '<script type="module" src="/modules/wire.js"></script>',
            }
        )
        self._files = {
            "/": ServedFile("text/html; charset=utf-8", page.encode()),
            "/style.css": ServedFile("text/css; charset=utf-8", style().encode()),
        }
        for name, source in sources.items():
            script = ServedFile("text/javascript; charset=utf-8", source.encode())
            self._files[f"/modules/{name}"] = script
        digest = b64encode(sha256(names.encode()).digest()).decode()
        self.headers = {
            "Content-Security-Policy": _POLICY.format(digest=digest),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    def get(self, path: str) -> ServedFile | None:
        """Return the file at exactly this path; None if there is none."""
        return self._files.get(path)
