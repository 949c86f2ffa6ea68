"""The limit of this machine: rounds of a block to every node and to its disk, and nothing else.

One process is the leader and the others follow, each with blocking sockets and no event loop. The
leader sends a block to all and appends it to its own file; each follower appends it, too. All call
`fdatasync`, then decode the block, compute its hash and add its transfers up. A round ends when a
quorum has it on disk, and the next begins: one is under way at a time. There is no client, no check
and no second message; with `tls`, the connections are those of the nodes.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from benmo.bench.figures import BareRound, Spread
from benmo.certificates import client_context, server_context
from benmo.cluster import StateDirectory
from benmo.codec import decode_block, encode_block
from benmo.errors import StateError
from benmo.ledger import Block
from benmo.paxos import GENESIS_HASH, Ballot, NodeId
from benmo.runs import Run

AMOUNT_MAX = 100
_LENGTH_BYTES = 4
_WARM_UP_ROUNDS = 20
_DEADLINE_S = 60.0


def block_of(transfers: int, nodes: Sequence[NodeId], debit: NodeId = 1) -> Block:
    """A block of one run, with random amounts to random other nodes."""
    random = Random(transfers)
    others = [node for node in nodes if node != debit]
    credit = tuple(random.choice(others) for _ in range(transfers))
    amount = tuple(random.randint(1, AMOUNT_MAX) for _ in range(transfers))
    run = Run(debit, 1, credit, amount)
    return encode_block(1, Ballot(1, debit), GENESIS_HASH, 1.0, (run,))


def bare_round(
    state: StateDirectory, directory: Path, transfers: int, seconds: float, runs: int, tls: bool
) -> BareRound:
    """Measure in `directory`, with as many processes as the cluster has nodes."""
    nodes = state.load().ids
    data = block_of(transfers, nodes).data
    with ExitStack() as stack:
        followers = [
            stack.enter_context(_Follower(state, directory, node, tls)).socket for node in nodes[1:]
        ]
        file = _open(directory / "bare-1")
        stack.callback(os.close, file)
        leader = _Leader(followers, file, data, len(nodes) // 2)
        leader.rounds(_WARM_UP_ROUNDS)
        rates = [leader.rate(seconds) for _ in range(runs)]
    spread = Spread.of(rates)
    return BareRound(transfers, len(data), tls, spread, round(1000 / spread.median, 4))


class _Leader:
    def __init__(self, followers: list[socket.socket], file: int, data: bytes, votes: int) -> None:
        self._followers = followers
        self._file = file
        self._data = data
        self._votes = votes
        self._answered = dict.fromkeys(followers, 0)
        self._round = 0
        self._poll = select.epoll()
        self._by_descriptor = {follower.fileno(): follower for follower in followers}
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, select.EPOLLIN)

    def rate(self, seconds: float) -> float:
        """Rounds a second."""
        began = time.perf_counter()
        before = self._round
        while time.perf_counter() < began + seconds:
            self.rounds(1)
        return (self._round - before) / (time.perf_counter() - began)

    def rounds(self, count: int) -> None:
        frame = len(self._data).to_bytes(_LENGTH_BYTES, "big") + self._data
        for _ in range(count):
            self._round += 1
            for follower in self._followers:
                follower.sendall(frame)
            keep(self._file, self._data)
            while sum(count == self._round for count in self._answered.values()) < self._votes:
                self._take_answers()

    def _take_answers(self) -> None:
        ready = self._poll.poll(_DEADLINE_S)
        if not ready:
            raise StateError("a process of the bare round does not answer")
        for descriptor, _ in ready:
            follower = self._by_descriptor[descriptor]
            received = len(follower.recv(4096))
            if isinstance(follower, ssl.SSLSocket) and follower.pending():
                received += len(follower.recv(4096))
            if not received:
                raise StateError("a process of the bare round ended: is the disk full?")
            self._answered[follower] += received


class _Follower:
    """A process, and the leader's connection to it."""

    def __init__(self, state: StateDirectory, directory: Path, node: NodeId, tls: bool) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(
            target=_follow,
            args=(there, directory / f"bare-{node}", state.tls(node) if tls else None),
            daemon=True,
        )
        self._process.start()
        if not here.poll(_DEADLINE_S):
            raise StateError("a process of the bare round does not start")
        self.socket = socket.create_connection(("127.0.0.1", here.recv()))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = client_context(state.tls(1)).wrap_socket(self.socket)

    def __enter__(self) -> _Follower:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._process.join(_DEADLINE_S)


def _follow(told: Connection, path: Path, tls: Path | None) -> None:
    """In a process of its own, until the leader hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told.send(listening.getsockname()[1])
        leader, _ = listening.accept()
    leader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is not None:
        leader = server_context(tls).wrap_socket(leader, server_side=True)
    file = _open(path)
    with suppress(ConnectionError, ssl.SSLError):  # the leader has hung up
        while (length := _receive(leader, _LENGTH_BYTES)) is not None:
            data = _receive(leader, int.from_bytes(length, "big"))
            if data is None:
                break
            keep(file, data)
            leader.sendall(b"a")


def keep(file: int, data: bytes) -> None:
    """Make a block durable, then decode it, hash it and add it up."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fdatasync(file)
    hashlib.sha256(data).digest()
    for run in decode_block(data).runs:
        sum(run.amount)


def _receive(connection: socket.socket, length: int) -> bytes | None:
    data = bytearray(length)
    rest = memoryview(data)
    while rest:
        received = connection.recv_into(rest)
        if not received:
            return None
        rest = rest[received:]
    return bytes(data)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
