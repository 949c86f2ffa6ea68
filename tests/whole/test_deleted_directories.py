"""A node whose files have lost their names stops before it says that anything is durable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benmo.node.process import FAILED
from tests.support.real_cluster import RealCluster


def delete(directory: Path) -> None:
    shutil.rmtree(directory)


def delete_journal(directory: Path) -> None:
    (directory / "journal.jsonl").unlink()


def replace_journal(directory: Path) -> None:
    new = directory / "new"
    shutil.copy(directory / "journal.jsonl", new)
    os.replace(new, directory / "journal.jsonl")


@pytest.mark.parametrize("spoil", [delete, delete_journal, replace_journal])
def test_nothing_is_queued_or_decided_once_the_files_of_a_node_are_gone(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        cluster.start(1)
        assert cluster.ask(1, "moneyTransfer 1,1,2")["outcome"] == "queued"
        tls = cluster.node_directory(1) / "tls"
        shutil.copytree(tls, tmp_path / "tls")
        spoil(cluster.node_directory(1))
        shutil.copytree(tmp_path / "tls", tls, dirs_exist_ok=True)
        paid = cluster.attach(1, "moneyTransfer 1,1,2", "wait 60")
        assert "queued" not in paid.out and "decided" not in paid.out, paid
        assert cluster.ended(1) == FAILED
        assert "journal.jsonl: " in cluster.log(1).read_text()
