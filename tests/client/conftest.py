"""Nodes that the clients under test meet: a fake one, or three in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from benmo.client import Client
from tests.client.fake_nodes import FakeNode
from tests.support.real_cluster import RealCluster

LOG_LIMIT = 200
"""How many transfers a queue of the healthy cluster can hold."""


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    return FakeNode().replace(monkeypatch)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Three nodes with much money, shared by the tests, which harm none of them."""
    directory = tmp_path_factory.mktemp("cluster")
    options = {"tenure": "stable", "balance": "100000", "log_limit": str(LOG_LIMIT)}
    with RealCluster(directory, 3, **options) as made:
        made.start()
        made.until_linked()
        yield made


@pytest.fixture
def client(healthy: RealCluster) -> Iterator[Client]:
    with Client(1, healthy.state) as made:
        yield made


@pytest.fixture
def key() -> str:
    """One that no other test has."""
    return f"key {Random().getrandbits(64)}"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """Three nodes that are up, each with 100 to spend and room for 5 in its queue."""
    with RealCluster(tmp_path, 3, log_limit="5") as made:
        made.start()
        yield made
