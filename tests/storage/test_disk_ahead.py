"""A file that is made longer beforehand, while many appends follow one another closely."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.storage.disk import RealDisk

LOAD = 200


@pytest.fixture
def ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealDisk]:
    """A disk on which the file "a" is, on a clock that stands still."""
    monkeypatch.setattr("benmo.storage.disk.time.monotonic", lambda: 1000.0)
    real = RealDisk(tmp_path, ahead=("a",))
    yield real
    real.close()


def under_load(disk: RealDisk) -> bytes:
    """Append until there are NULs at the end; what was appended."""
    for _ in range(LOAD):
        disk.append("a", b"one")
    assert disk.size("a") > 100_000
    return LOAD * b"one"


def test_under_load_what_was_appended_is_followed_by_nuls(ahead: RealDisk) -> None:
    written = under_load(ahead)
    size = ahead.size("a")
    ahead.append("a", b"two")
    assert ahead.size("a") == size
    assert ahead.read("a") == written + b"two" + bytes(size - len(written) - 3)


def test_a_few_appends_are_not_followed_by_any(ahead: RealDisk) -> None:
    for _ in range(20):
        ahead.append("a", b"one")
    assert ahead.read("a") == 20 * b"one"


def test_appends_with_a_pause_before_each_are_not_followed_by_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(10 * LOAD))
    monkeypatch.setattr("benmo.storage.disk.time.monotonic", lambda: float(next(seconds)))
    disk = RealDisk(tmp_path, ahead=("a",))
    for _ in range(LOAD):
        disk.append("a", b"one")
    assert disk.read("a") == LOAD * b"one"
    disk.close()


def test_a_large_append_goes_over_the_end_and_leaves_no_nuls(ahead: RealDisk) -> None:
    written = under_load(ahead)
    large = bytes(range(1, 256)) * 1000
    ahead.append("a", large)
    ahead.append("a", large)
    assert ahead.read("a") == written + large + large


def test_when_nothing_is_appended_any_more_the_nuls_go(
    ahead: RealDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = under_load(ahead)
    ahead.rest()
    assert ahead.size("a") > len(written), "it is still busy"
    monkeypatch.setattr("benmo.storage.disk.time.monotonic", lambda: 2000.0)
    ahead.rest()
    assert ahead.read("a") == written
    ahead.append("a", b"two")
    assert ahead.read("a") == written + b"two"


def test_the_nuls_go_when_the_file_is_renamed(ahead: RealDisk) -> None:
    written = under_load(ahead)
    ahead.rename("a", "b")
    assert ahead.read("b") == written


def test_the_nuls_go_when_the_file_is_closed(ahead: RealDisk) -> None:
    written = under_load(ahead)
    ahead.close()
    assert ahead.read("a") == written


def test_after_a_truncation_appending_goes_on_at_the_new_end(ahead: RealDisk) -> None:
    under_load(ahead)
    ahead.truncate("a", 2)
    assert ahead.read("a") == b"on"
    ahead.append("a", b"X")
    assert ahead.read("a").rstrip(b"\0") == b"onX"


def test_whoever_finds_nuls_at_the_end_writes_behind_them(ahead: RealDisk) -> None:
    """A start takes them off first."""
    (ahead.path / "a").write_bytes(b"one\0\0")
    ahead.append("a", b"two")
    assert ahead.read("a") == b"one\0\0two"


def test_a_disk_without_room_for_nuls_is_as_good_as_any(
    ahead: RealDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    refused = []

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > 1000:
            refused.append(len(data))
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    for _ in range(LOAD):
        ahead.append("a", b"one")
    assert refused and ahead.read("a") == LOAD * b"one"


def test_a_disk_that_fails_at_the_nuls_fails(
    ahead: RealDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite

    def broken(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > 1000:
            raise OSError(errno.EIO, "Input/output error")
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(OSError, match="Input/output error"):
        under_load(ahead)
