"""The node's end of a connection that commands it: see `benmo.control.requests`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import assert_never

from benmo.commands.answers import Status, refusal
from benmo.control.member_requests import (
    ChangeDecided,
    MembersRead,
    ProposeChange,
    ReadMembers,
    WaitingTransfers,
)
from benmo.control.requests import (
    BalancesRead,
    BlockRead,
    BlocksRead,
    ControlAnswer,
    ControlRequest,
    Find,
    Found,
    FoundTransfer,
    Hurry,
    NotDone,
    Paid,
    Pay,
    Ran,
    ReadBalances,
    ReadBlocks,
    ReadUsage,
    RunLine,
    Shown,
    Told,
    UsageRead,
    Watch,
    decode_request,
    encode,
    right_for,
)
from benmo.control.tape_requests import Listen, Taped
from benmo.errors import NoRoom, ProtocolError, Refused, StateError
from benmo.ledger.blocks import AppliedBlock, Outcome, decode_change
from benmo.network.frames import FRAME_BYTES_MAX
from benmo.network.rights import Right, require_right
from benmo.node.commander_connection import CommanderConnection, Room
from benmo.node.decision_waits import PaymentState, do_nothing
from benmo.node.execute import execute
from benmo.node.payment_request_checks import bytes_of, require_columns
from benmo.node.service import Service
from benmo.node.submissions import PendingPayment
from benmo.node.tape_feed import BOOT_ID, TapeListener
from benmo.notices import Notice
from benmo.paxos.types import Change

_SNAPSHOT_EVERY_S = 0.25
_RECORDS_EVERY_S = 0.05
_OUTPUT_CHARACTERS_MAX = FRAME_BYTES_MAX // 4 - 1000
"""A character takes up to 4 bytes of a frame, and an answer's other fields take some."""


class ControlServer(CommanderConnection):
    """Answers the requests of one connection, whose certificate gives the right `held`."""

    def __init__(self, service: Service, held: Right) -> None:
        super().__init__(service.commanders, held)
        self._service = service
        self._paying: set[PendingPayment] = set()
        self._stop_watching: Callable[[], None] | None = None
        self._listener: TapeListener | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._stop_watching is not None:
            self._stop_watching()
        if self._listener is not None:
            self._listener.close()
        for pending in self._paying:
            pending.forget()
        self._paying.clear()

    def on_misbehaviour(self, reason: str) -> None:
        self.abort()

    def on_frame(self, payload: bytes) -> None:
        if self._service.has_failed:
            return
        asked = decode_request(payload)
        if self._held < right_for(type(asked)):
            self.free_room(self.take_room(payload, 0))  # that of its long frame, if it is one
            self._refuse(asked)
            return
        match asked:
            case RunLine() as request:
                self.start(self._run(request), payload)
            case Watch():
                self._watch()
            case Hurry():
                # The tasks of what was asked before must have begun.
                asyncio.get_running_loop().call_soon(self._service.hurry)
            case Listen(number, heartbeats):
                self.start(self._listen(number, heartbeats))
            case Pay() as request:
                self._pay(request, self.take_room(payload, bytes_of(request.payments)))
            case ProposeChange() as request:
                self.start(self._change(request, decode_change(request.change)), payload)
            case request:
                self.start(self._answer(request), payload)

    def _refuse(self, request: ControlRequest) -> None:
        """Answer a request to which the certificate gives no right, if it has an answer."""
        if isinstance(request, Watch | Hurry):
            return
        try:
            require_right(self._held, right_for(type(request)), self._service.node)
        except Refused as error:
            self._write(_not_done(request.number, error))

    def _watch(self) -> None:
        if self._stop_watching is not None:
            raise ProtocolError("a second Watch on one connection")
        self._stop_watching = self._service.watch(self._on_notice)
        self.start(self._show_snapshots())

    async def _listen(self, number: int, heartbeats: bool) -> None:
        """Send records from now on; to one who gets them already, how the node is now."""
        await self._service.view.until_settled()
        try:
            if self._listener is not None:
                self._service.tape.tell_state()
                return
            self._listener = self._service.tape.listen(heartbeats)
            await self._send_records(number, self._listener)
        except Refused as error:
            self._write(_not_done(number, error))
        except (StateError, OSError) as error:
            self._service.fail(error)
        except Exception:
            self.abort()  # or else who listens would wait for ever
            raise

    async def _send_records(self, number: int, listener: TapeListener) -> None:
        """Send what is recorded; while the other end reads too slowly, records wait or are lost.

        All nodes do so at the same moments, and so do they end a rest.
        """
        while True:
            if self._service.tape.is_rest_over():
                await self._service.view.until_settled()
                self._service.tape.end_rest()
            if self.is_read:
                lines, now = tuple(listener.take()), time.monotonic()
                late_s = now - listener.taken_until(now)
                wall = time.time() - late_s
                self._write(Taped(number, lines, BOOT_ID, now - late_s, wall))
            await asyncio.sleep(_RECORDS_EVERY_S - time.time() % _RECORDS_EVERY_S)

    async def _run(self, request: RunLine) -> None:
        async with AsyncExitStack() as stack:

            async def before_long() -> None:
                await stack.enter_async_context(self.long_answer())

            answer = await execute(
                self._service, self._held, request.line, request.output_format, before_long
            )
            if len(answer.output) > _OUTPUT_CHARACTERS_MAX:
                reason = "the answer is too long to be sent: benmo export shows the whole chain"
                answer = refusal(Status.REFUSED, reason).rendered(request.output_format)
            self._write(Ran(request.number, answer.status, answer.output, answer.leaves))

    async def _change(self, request: ProposeChange, change: Change) -> None:
        try:
            decided = await self._service.changes.decided(change, request.wait_s)
        except Refused as error:
            self._write(_not_done(request.number, error))
            return
        if decided is None:
            reason = self._service.view.why_undecided()
            self._write(ChangeDecided(request.number, 0, reason=reason))
        else:
            slot = decided.block.slot
            self._write(ChangeDecided(request.number, slot, decided.is_change_void))

    async def _answer(
        self, request: Find | ReadBalances | ReadBlocks | ReadUsage | ReadMembers
    ) -> None:
        try:
            if isinstance(request, ReadBlocks):
                await self._send_blocks(request)
            else:
                self._write(await self._work(request))
        except Refused as error:
            self._write(_not_done(request.number, error))
        except (StateError, OSError, AssertionError) as error:
            self._service.fail(error)

    async def _work(self, request: Find | ReadBalances | ReadUsage | ReadMembers) -> ControlAnswer:
        match request:
            case Find():
                if not await self._service.view.until_height(request.height_min, request.wait_s):
                    raise Refused(self._why_not_read(request.height_min))
                await self._service.view.until_settled()
                return Found(request.number, self._find(request.key))
            case ReadBalances():
                return await self._read_balances(request)
            case ReadUsage():
                return UsageRead(request.number, self._service.fsyncs)
            case ReadMembers():
                return self._members(request.number)
            case _:
                assert_never(request)

    def _pay(self, request: Pay, room: Room) -> None:
        """Answer a request to pay without a task of its own: many may be under way at a time."""

        def done(pending: PendingPayment) -> None:
            self._paying.discard(pending)
            self.free_room(room)
            try:
                self._write(self._paid(request, pending.result()))
            except Refused as error:
                self._write(_not_done(request.number, error))
            except (StateError, OSError, AssertionError) as error:
                self._service.fail(error)

        try:
            require_columns(request.payments)
        except Refused as error:
            self._write(_not_done(request.number, error))
            self.free_room(room)
            return
        submissions = self._service.submissions
        self._paying.add(
            submissions.ask(
                request.payments,
                request.wait_s,
                done,
                partial(self.free_frame, room) if room.frame_bytes else do_nothing,
                request.room_s,
            )
        )

    def _paid(self, request: Pay, state: PaymentState) -> Paid:
        reason = "" if state.is_decided else self._service.view.why_undecided()
        return Paid(request.number, state.ranges, state.decided, reason, state.height)

    def _find(self, key: str) -> FoundTransfer | None:
        known = self._service.view.find(key)
        if known is None:
            return None
        transfer = known.transfer
        is_refused = known.outcome is Outcome.REFUSED
        return FoundTransfer(
            transfer.number,
            transfer.credit_node,
            transfer.amount,
            transfer.memo,
            known.slot or 0,
            is_refused,
        )

    def _members(self, number: int) -> MembersRead:
        view = self._service.view
        waiting = tuple(
            WaitingTransfers(run.debit, run.first, run.end)
            for run in (view.queue, *view.forwarded)
            if len(run)
        )
        return MembersRead(
            number,
            view.member,
            view.height,
            view.members(),
            view.has_quorum,
            tuple(view.last_decided_of_all.items()),
            waiting,
        )

    async def _read_balances(self, request: ReadBalances) -> BalancesRead:
        height_min = request.height_min
        try:
            async with asyncio.timeout(request.wait_s):
                if request.is_confirmed:
                    await self._service.view.until_confirmed()
                if not await self._service.view.until_height(height_min, request.wait_s):
                    raise TimeoutError
        except TimeoutError:
            raise Refused(self._why_not_read(height_min)) from None
        view = self._service.view
        return BalancesRead(request.number, tuple(view.balances.items()), view.height)

    def _why_not_read(self, height_min: int) -> str:
        service = self._service
        height = service.view.height
        if height < height_min:
            return f"node {service.node} is at height {height}, not {height_min}"
        if not service.view.has_quorum:
            return service.view.why_undecided()
        return f"no quorum has answered node {service.node} yet"

    async def _send_blocks(self, request: ReadBlocks) -> None:
        if request.first < 1:
            raise Refused(f"slots are numbered from 1, not {request.first}")
        view = self._service.view
        await view.until_height(request.first, request.wait_s)
        async with self.long_answer():
            height, bytes_max = view.height, self._service.commanders.answer_bytes
            last = min(request.last, height)
            read = view.blocks(request.first, last, bytes_max)
            blocks = [_block_read(applied) async for applied in read]
            self._write(BlocksRead(request.number, tuple(blocks), height))

    async def _show_snapshots(self) -> None:
        while True:
            if self._service.snapshot is not None and self.is_read:
                self._write(Shown(self._service.snapshot))
            await asyncio.sleep(_SNAPSHOT_EVERY_S)

    def _on_notice(self, notice: Notice, at: float) -> None:
        """Send a notice, unless the other end reads too slowly: then it misses some notices."""
        if self.is_read:
            self._write(Told.of(notice, at))

    def _write(self, answer: ControlAnswer) -> None:
        if not self._service.has_failed:
            self.send(encode(answer))


def _block_read(applied: AppliedBlock) -> BlockRead:
    is_void = applied.is_change_void
    return BlockRead(applied.block.data, applied.refused, applied.skipped, is_void)


def _not_done(number: int, error: Refused) -> NotDone:
    is_final = not isinstance(error, NoRoom)
    return NotDone(number, str(error), is_final, error.reason.value)
