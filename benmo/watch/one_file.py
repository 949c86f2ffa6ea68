"""One HTML file that holds the page and a run, and opens without a server."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from importlib.resources import files

_PAGE = files("benmo.watch") / "page"
_SHEETS = ("style.css", "quiz.css", "play.css")
_STYLE = '<link rel="stylesheet" href="style.css">'
MAP = '<script type="importmap"></script>'
_RUN = '<script type="text/plain" id="run"></script>'
_LAB = '<script type="text/plain" id="lab-data"></script>'
START = '<script type="module" src="app.js"></script>'
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


def modules() -> dict[str, str]:
    """Return the page's modules: the source of each by its file name."""
    found = (each for each in _PAGE.iterdir() if each.name.endswith(".js"))
    return {each.name: each.read_text(encoding="utf-8") for each in sorted(found, key=str)}


def style() -> str:
    """Return the page's style sheets, as one."""
    return "\n".join((_PAGE / name).read_text(encoding="utf-8") for name in _SHEETS)


def filled(parts: dict[str, str]) -> str:
    """Return `index.html` with each of these parts of it, which stands there once, replaced."""
    page = (_PAGE / "index.html").read_text(encoding="utf-8")
    for old, new in parts.items():
        assert page.count(old) == 1, f"index.html should hold once: {old}"
        page = page.replace(old, new)
    return page


def one_file(trace: bytes, lab: bytes = b"") -> str:
    """Make a page that shows a trace, given as JSON Lines, and needs nothing else.

    `lab` is what `page/lab.js` reads: a lab's tasks and answers, as JSON.

    A browser takes no module from a file beside the page, so each is a `data:` URL; the trace is
    packed, so nothing that is in it can end the element that holds it.
    """
    addresses = {f"benmo/{name}": _data_url(source) for name, source in modules().items()}
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    return filled(
        {
            _STYLE: f"{policy}\n<style>\n{style()}</style>",
            MAP: f'<script type="importmap">{json.dumps({"imports": addresses})}</script>',
            _RUN: _RUN.replace("></", f">{_packed(trace)}</"),
            _LAB: _LAB.replace("></", f">{_packed(lab) if lab else ''}</"),
            START: '<script type="module">import "benmo/app.js";</script>',
        }
    )


def _packed(data: bytes) -> str:
    return b64encode(gzip.compress(data, mtime=0)).decode()


def _data_url(source: str) -> str:
    return f"data:text/javascript;base64,{b64encode(source.encode()).decode()}"
