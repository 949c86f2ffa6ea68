"""How a node waits for what a confirmed read has to include."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from benmo.control.requests import BalancesRead, NotDone, ReadBalances, decode_answer, encode
from benmo.network.frames import FrameReader
from benmo.network.rights import Right
from benmo.node.commanders import Commanders
from benmo.node.control_server import ControlServer
from benmo.node.service import Service

WAIT_S = 30.0


class StandIn:
    """A service at a height, whose chain a quorum confirms or doesn't."""

    def __init__(self, height: int, is_confirmed: bool = True) -> None:
        self.node = 1
        self.height = height
        self.balances = {1: 5}
        self.has_quorum = True
        self.view = self
        self.has_failed = False
        self.commanders = Commanders()
        self._is_confirmed = is_confirmed
        self.asked = 0

    async def until_confirmed(self) -> int:
        self.asked += 1
        if not self._is_confirmed:
            await asyncio.get_running_loop().create_future()
        return self.height

    async def until_height(self, height: int, timeout_s: float) -> bool:
        await asyncio.sleep(min(timeout_s, 0.01))
        return self.height >= height


class Connection:
    """Where a control server writes to."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        self.written.put_nowait(data[4:])

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


async def answer_to(service: StandIn, request: ReadBalances) -> BalancesRead | NotDone:
    server = ControlServer(cast(Service, service), Right.COMMAND)
    connection = Connection()
    FrameReader.connection_made(server, cast(asyncio.Transport, connection))
    server.on_frame(encode(request))
    answer = decode_answer(await asyncio.wait_for(connection.written.get(), WAIT_S))
    assert isinstance(answer, BalancesRead | NotDone)
    return answer


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_quorum_is_asked_for_a_confirmed_read_alone(is_confirmed: bool) -> None:
    service = StandIn(3)
    answer = asyncio.run(answer_to(service, ReadBalances(1, is_confirmed, 0, WAIT_S)))
    assert answer == BalancesRead(1, ((1, 5),), 3)
    assert service.asked == is_confirmed


def test_a_read_that_no_answer_allows_says_so() -> None:
    answer = asyncio.run(answer_to(StandIn(3, is_confirmed=False), ReadBalances(1, True, 0, 0.2)))
    assert isinstance(answer, NotDone)
    assert answer.reason == "no quorum has answered node 1 yet"


def test_a_height_that_was_shown_before_is_waited_for() -> None:
    answer = asyncio.run(answer_to(StandIn(3), ReadBalances(1, False, 4, 0.2)))
    assert answer == NotDone(1, "node 1 is at height 3, not 4", True)
