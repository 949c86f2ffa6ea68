"""The state of a cluster that was used, for the tests to harm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three stopped nodes with a block in their chain and journals that hold lines."""
    with RealCluster(tmp_path_factory.mktemp("used"), 3) as cluster:
        cluster.start()
        made = cluster.attach(1, "moneyTransfer 10,1,2", "wait 60")
        assert made.status == 0, made
        cluster.kill(*cluster.nodes)
        yield cluster


@pytest.fixture
def state(used: RealCluster, tmp_path: Path) -> Path:
    """Give a copy of those nodes' state, to be damaged."""
    return Path(shutil.copytree(used.state, tmp_path / "state"))
