"""A client with a wrong directory, or of no node of the cluster, says so at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benmo.client import (
    Client,
    Misconfigured,
)
from tests.support.real_cluster import RealCluster


def test_a_node_that_is_not_of_the_cluster_is_said_at_once(healthy: RealCluster) -> None:
    client = Client(9, healthy.state)
    with client, pytest.raises(Misconfigured, match="there is no node 9 in this cluster"):
        client.status()


def test_a_directory_without_a_certificate_is_no_node_that_is_away(
    healthy: RealCluster, tmp_path: Path
) -> None:
    """To ask again, as after `NotConnected`, would be to ask for ever."""
    shutil.copy(healthy.state / "cluster.json", tmp_path)
    with Client(1, tmp_path) as client, pytest.raises(Misconfigured, match="no certificate"):
        client.transfer(1, 2)


def test_another_clusters_directory_is_no_node_that_is_away(
    healthy: RealCluster, tmp_path: Path
) -> None:
    other = RealCluster(tmp_path, 3)
    found = json.loads((healthy.state / "cluster.json").read_bytes())
    own = json.loads((other.state / "cluster.json").read_bytes())
    (other.state / "cluster.json").write_text(json.dumps(own | {"nodes": found["nodes"]}))
    with Client(1, other.state) as client, pytest.raises(Misconfigured, match="not of this clu"):
        client.status()


def test_a_state_directory_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    client = Client(1, tmp_path / "nothing")
    with client, pytest.raises(Misconfigured, match="holds no cluster"):
        client.transfer(1, 2)


def test_a_client_takes_no_other_cluster_for_its_own(tmp_path: Path) -> None:
    """Its keys and heights are the first one's."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with RealCluster(tmp_path / "one", 1) as one, RealCluster(tmp_path / "two", 1) as two:
        one.start()
        two.start()
        with Client(1, one.state) as client:
            client.status()
            one.kill(1)
            shutil.rmtree(one.state)
            shutil.copytree(two.state, one.state)
            with pytest.raises(Misconfigured, match="another cluster's now"):
                client.status()
