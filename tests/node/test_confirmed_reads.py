"""Confirmed reads: an answer counts only for those who came before its question was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from benmo.node import confirmed_reads
from benmo.node.confirmed_reads import ConfirmedReads
from benmo.paxos.step import Confirmation


def in_a_loop(test: Callable[[ConfirmedReads, list[int]], Awaitable[None]]) -> None:
    """Run a test with reads and the tickets of the questions that it asked."""

    async def run() -> None:
        asked: list[int] = []
        await asyncio.wait_for(test(ConfirmedReads(asked.append), asked), 30.0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(run())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_an_answer_is_for_the_one_who_asked() -> None:
    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        reader = asyncio.ensure_future(reads.height())
        await until(lambda: asked)
        reads.on_confirmation(Confirmation(asked[0], 7))
        assert await reader == 7

    in_a_loop(test)


def test_those_who_come_before_the_question_leaves_share_it() -> None:
    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        readers = [asyncio.ensure_future(reads.height()) for _ in range(5)]
        await until(lambda: asked)
        reads.on_confirmation(Confirmation(asked[0], 7))
        assert await asyncio.gather(*readers) == [7] * 5
        assert len(asked) == 1

    in_a_loop(test)


def test_who_comes_after_the_question_waits_for_another_one() -> None:
    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        early = asyncio.ensure_future(reads.height())
        await until(lambda: asked)
        late = [asyncio.ensure_future(reads.height()) for _ in range(3)]
        await asyncio.sleep(0)
        reads.on_confirmation(Confirmation(asked[0], 7))
        assert await early == 7
        await until(lambda: len(asked) == 2)
        assert not any(reader.done() for reader in late)
        reads.on_confirmation(Confirmation(asked[1], 9))
        assert await asyncio.gather(*late) == [9] * 3

    in_a_loop(test)


def test_an_answer_to_another_question_is_none() -> None:
    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        reader = asyncio.ensure_future(reads.height())
        await until(lambda: asked)
        for ticket in (asked[0] - 1, asked[0] + 1):
            reads.on_confirmation(Confirmation(ticket, 3))
        await asyncio.sleep(0)
        assert not reader.done()
        reads.on_confirmation(Confirmation(asked[0], 7))
        reads.on_confirmation(Confirmation(asked[0], 8))
        assert await reader == 7

    in_a_loop(test)


def test_a_question_without_an_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmed_reads, "_ASK_AGAIN_S", 0.01)

    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        reader = asyncio.ensure_future(reads.height())
        while len(asked) < 3:
            await asyncio.sleep(0.001)
        assert len(set(asked)) == len(asked) and not reader.done()
        reads.on_confirmation(Confirmation(asked[-1], 7))
        assert await reader == 7

    in_a_loop(test)


def test_whoever_gives_up_does_not_take_the_answer_from_the_others() -> None:
    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        gone, stays = (asyncio.ensure_future(reads.height()) for _ in range(2))
        await until(lambda: asked)
        late_gone, late = (asyncio.ensure_future(reads.height()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        late_gone.cancel()
        await asyncio.sleep(0)
        reads.on_confirmation(Confirmation(asked[0], 7))
        assert await stays == 7
        await until(lambda: len(asked) == 2)
        reads.on_confirmation(Confirmation(asked[1], 8))
        assert await late == 8

    in_a_loop(test)


def test_an_answer_that_comes_after_the_question_was_put_again_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A quorum may be further away than the time after which it is asked again."""
    monkeypatch.setattr(confirmed_reads, "_ASK_AGAIN_S", 0.01)

    async def test(reads: ConfirmedReads, asked: list[int]) -> None:
        reader = asyncio.ensure_future(reads.height())
        await until(lambda: len(asked) >= 3)
        reads.on_confirmation(Confirmation(asked[0], 7))
        assert await reader == 7

    in_a_loop(test)
