"""The limit of this machine: rounds of a block to every node and to its disk, and nothing else.

One process is the leader and the others follow, each with blocking sockets and no event loop. The
leader sends a block to all followers and appends it to its own file; each follower appends it, too.
Every process calls `fdatasync`, then decodes the block, computes its hash and adds its transfers
up. A round ends when a quorum has the block on disk; then the next begins. There is no client, no
check and no second message. With `tls`, the connections are those of the nodes.

With a client, a round is the least that one payment takes under Benmo's promises: the client sends
a request; the leader makes it durable before any of it leaves, sends it to as few followers as a
quorum needs, and answers.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import select
import signal
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from benmo.bench.figures import BareRound, Spread
from benmo.cluster import StateDirectory
from benmo.errors import Failure
from benmo.ledger.blocks import Block, decode_block, encode_block
from benmo.ledger.transfers import Run
from benmo.network.certificates import client_context, server_context
from benmo.paxos.types import GENESIS_HASH, Ballot, NodeId

AMOUNT_MAX = 100
_LENGTH_BYTES = 4
_ANSWER = b"a"
_WARM_UP_ROUNDS = 20
_DEADLINE_S = 60.0


def block_of(transfers: int, nodes: Sequence[NodeId], debit: NodeId = 1) -> Block:
    """Make a block of one run, with random amounts to random other nodes."""
    random = Random(transfers)
    others = [node for node in nodes if node != debit]
    credit = tuple(random.choice(others) for _ in range(transfers))
    amount = tuple(random.randint(1, AMOUNT_MAX) for _ in range(transfers))
    run = Run(debit, 1, credit, amount)
    return encode_block(1, Ballot(1, debit), GENESIS_HASH, 1.0, (run,))


def bare_round(
    state: StateDirectory,
    directory: Path,
    transfers: int,
    seconds: float,
    runs: int,
    tls: bool,
    client: bool = False,
) -> BareRound:
    """Measure in `directory`: a process for each node of the cluster, and one for a client."""
    nodes = state.load().ids
    data = block_of(transfers, nodes).data
    votes = len(nodes) // 2

    def process(work: Work, node: NodeId) -> socket.socket:
        path = directory / f"bare-{node}"
        return stack.enter_context(_RoundProcess(work, state, path, node, tls)).socket

    with ExitStack() as stack:
        asked = nodes[1 : votes + 1] if client else nodes[1:]
        followers = [process(_follow, node) for node in asked]
        payer = process(partial(_pay, data=data), nodes[0]) if client else None
        file = _open(directory / f"bare-{nodes[0]}")
        stack.callback(os.close, file)
        leader = _RoundLeader(followers, payer, file, data, votes)
        leader.rounds(_WARM_UP_ROUNDS)
        rates = [leader.rate(seconds) for _ in range(runs)]
    spread = Spread.of(rates)
    return BareRound(transfers, len(data), tls, client, spread, round(1000 / spread.median, 4))


def _frame(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


class _RoundLeader:
    """The leader's part of the rounds, one round at a time."""

    def __init__(
        self,
        followers: list[socket.socket],
        payer: socket.socket | None,
        file: int,
        data: bytes,
        votes: int,
    ) -> None:
        self._followers = followers
        self._payer = payer
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
        """Run rounds for this long; return how many there were a second."""
        began = time.perf_counter()
        before = self._round
        while time.perf_counter() < began + seconds:
            self.rounds(1)
        return (self._round - before) / (time.perf_counter() - began)

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self._round += 1
            if self._payer is not None:
                data = _receive_frame(self._payer)
                assert data is not None, "the client hangs up last"
                keep(self._file, data)
            for follower in self._followers:
                follower.sendall(_frame(self._data))
            if self._payer is None:
                keep(self._file, self._data)
            while sum(count == self._round for count in self._answered.values()) < self._votes:
                self._take_answers()
            if self._payer is not None:
                self._payer.sendall(_ANSWER)

    def _take_answers(self) -> None:
        ready = self._poll.poll(_DEADLINE_S)
        if not ready:
            raise Failure("a process of the bare round does not answer")
        for descriptor, _ in ready:
            follower = self._by_descriptor[descriptor]
            received = len(follower.recv(4096))
            if isinstance(follower, ssl.SSLSocket) and follower.pending():
                received += len(follower.recv(4096))
            if not received:
                raise Failure("a process of the bare round ended: is the disk full?")
            self._answered[follower] += received


Work = Callable[[socket.socket, Path], None]


class _RoundProcess:
    """A child process that does some work, and the leader's connection to it."""

    def __init__(
        self, work: Work, state: StateDirectory, path: Path, node: NodeId, tls: bool
    ) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(work, there, path, state.tls(node) if tls else None), daemon=True
        )
        self._process.start()
        if not here.poll(_DEADLINE_S):
            raise Failure("a process of the bare round does not start")
        self.socket = socket.create_connection(("127.0.0.1", here.recv()))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = client_context(state.tls(1)).wrap_socket(self.socket)

    def __enter__(self) -> _RoundProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._process.join(_DEADLINE_S)


def _serve(work: Work, parent: Connection, path: Path, tls: Path | None) -> None:
    """Work in a process of its own until the leader hangs up; Ctrl-C is for the leader."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        parent.send(listening.getsockname()[1])
        leader, _ = listening.accept()
    leader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is not None:
        leader = server_context(tls).wrap_socket(leader, server_side=True)
    with suppress(ConnectionError, ssl.SSLError):  # the leader has hung up
        work(leader, path)


def _follow(leader: socket.socket, path: Path) -> None:
    file = _open(path)
    while (data := _receive_frame(leader)) is not None:
        keep(file, data)
        leader.sendall(_ANSWER)


def _pay(leader: socket.socket, _path: Path, data: bytes) -> None:
    leader.sendall(_frame(data))
    while leader.recv(1):
        leader.sendall(_frame(data))


def keep(file: int, data: bytes) -> None:
    """Make a block durable, then decode it, hash it and add its transfers up."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fdatasync(file)
    hashlib.sha256(data).digest()
    for run in decode_block(data).runs:
        sum(run.amount)


def _receive_frame(connection: socket.socket) -> bytes | None:
    length = _receive(connection, _LENGTH_BYTES)
    return None if length is None else _receive(connection, int.from_bytes(length, "big"))


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
