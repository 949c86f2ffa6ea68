"""Reads a running node's chain from the caller's end: block by block, from either end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from benmo.control.requests import BlockRead, BlocksRead
from benmo.errors import ProtocolError
from benmo.ledger.blocks import AppliedBlock, decode_block

Fetch = Callable[[int, int], Awaitable[BlocksRead]]
"""Asks a node for the blocks of these two slots and those between: as many as it sends at once."""

_WINDOW_MAX = 1024
_WINDOW_BYTES = 1 << 20
"""A window of blocks that take more is made smaller: about what a node sends in one answer."""


def decoded(read: BlockRead, slot: int, previous: str | None) -> AppliedBlock:
    """Decode the block that a node sent for a slot; `previous` is the hash before it, if known.

    The outcomes are those that the node says. Raises `ProtocolError` if the block is malformed, of
    another slot, or doesn't continue `previous`.
    """
    try:
        block = decode_block(read.data)
    except ProtocolError as error:
        raise ProtocolError(f"slot {slot}: {error}") from error
    if block.slot != slot:
        raise ProtocolError(f"slot {block.slot} came for slot {slot}")
    if previous is not None and block.previous != previous:
        raise ProtocolError(f"slot {slot} doesn't continue the block before it")
    return AppliedBlock(block, read.refused, read.skipped, is_change_void=read.is_change_void)


async def forwards(fetch: Fetch, first: int, last: int) -> AsyncIterator[AppliedBlock]:
    """The blocks of slots `first` to `last`, the oldest first, each checked to continue the last.

    Raises `ProtocolError` as `decoded`, and if the node doesn't have these slots.
    """
    slot, previous = first, None
    while slot <= last:
        reads = (await fetch(slot, last)).blocks[: last - slot + 1]
        if not reads:
            raise ProtocolError(f"slot {slot} did not come")
        for read in reads:
            applied = decoded(read, slot, previous)
            slot, previous = slot + 1, applied.block.hash
            yield applied


async def backwards(fetch: Fetch, last: int, first: int = 1) -> AsyncIterator[AppliedBlock]:
    """The blocks of slots `last` down to `first`, the newest first, checked as in `forwards`.

    Blocks are read in windows: more at a time while they are short, so that memory stays bounded.
    """
    window, following = 1, None
    while last >= first:
        start = max(first, last - window + 1)
        blocks = [each async for each in forwards(fetch, start, last)]
        if following is not None and following.previous != blocks[-1].block.hash:
            raise ProtocolError(f"slot {last + 1} doesn't continue the block before it")
        for applied in reversed(blocks):
            yield applied
        last, following = start - 1, blocks[0].block
        window = _next_window(window, sum(len(each.block.data) for each in blocks))


def _next_window(window: int, window_bytes: int) -> int:
    """Choose how many blocks to read next: twice as many, as long as they aren't long."""
    if window_bytes > _WINDOW_BYTES:
        return max(1, window // 2)
    return min(2 * window, _WINDOW_MAX)
