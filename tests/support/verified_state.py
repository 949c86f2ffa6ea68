"""What `benmo verify` says of a state directory, and ways to damage one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.commands.answers import Answer, Status
from benmo.ledger.transfers import Run
from tests.support.written_state import resealed

PAYMENTS = (Run(1, 1, (2,), (10,)), Run(2, 1, (3, 1), (5, 1)), Run(3, 1, (1,), (7,)))


def results(answer: Answer) -> list[object]:
    assert answer.table is not None
    return [row[-1] for row in answer.table.rows]


def require_sound(state: StateDirectory) -> Answer:
    answer = verified(state)
    assert answer.status is Status.DONE, answer.text
    assert "damaged" not in results(answer)
    return answer


def damages(state: StateDirectory) -> list[str]:
    """What is damaged, as `node-1/chain.jsonl:2: what`; that it is, is in status and table."""
    answer = verified(state)
    lines = [line for line in answer.text.splitlines() if line.startswith(str(state.path))]
    found = [line.removeprefix(f"{state.path}/") for line in lines if "(no damage)" not in line]
    assert (answer.status is Status.REFUSED) == ("damaged" in results(answer)) == bool(found)
    return found


def damage(state: StateDirectory) -> str:
    """The one that there is."""
    (found,) = damages(state)
    return found


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change a file's lines, which keep their newlines."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def alter(path: Path, line: int, old: bytes, new: bytes) -> None:
    """Alter a line and its checksum with it."""

    def change(lines: list[bytes]) -> list[bytes]:
        lines[line - 1] = resealed(lines[line - 1], old, new)
        return lines

    rewrite(path, change)
