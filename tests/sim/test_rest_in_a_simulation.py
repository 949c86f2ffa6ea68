"""Simulated nodes rest, and a rest that claims more than is durable is found."""

from __future__ import annotations

import pytest

from benmo.sim.seeds import Study, run_seeds
from benmo.storage.node_storage import NodeStorage

STUDY = Study(nodes=5, tenure=None, faults_s=30.0)


def test_nodes_rest_in_a_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = 0
    original = NodeStorage.note_synced

    def note_synced(self: NodeStorage) -> None:
        nonlocal noted
        original(self)
        noted += 1

    monkeypatch.setattr(NodeStorage, "note_synced", note_synced)
    assert all(result.violation is None for result in run_seeds(STUDY, range(4), jobs=1))
    assert noted > 20


def test_a_rest_that_notes_what_is_not_synced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    original = NodeStorage.note_synced

    def note_synced(self: NodeStorage) -> None:
        unsynced, self._unsynced_bytes = self._unsynced_bytes, 0
        original(self)
        self._unsynced_bytes = unsynced

    monkeypatch.setattr(NodeStorage, "note_synced", note_synced)
    violations = (result.violation for result in run_seeds(STUDY, range(200, 400), jobs=1))
    found = next(violation for violation in violations if violation is not None)
    assert found.checker == "damage"
    assert "it is missing" in found.sentence
