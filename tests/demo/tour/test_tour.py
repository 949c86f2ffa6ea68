"""How the tour goes from beat to beat. No node runs here; what happens is up to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.demo.fleet import Fleet
from benmo.demo.tour import tour as tour_module
from benmo.demo.tour.tour import Beat, Tour
from tests.support.processes import eventually


class Happenings:
    """What has happened, and what the tour said; `is_shown` says whether that is seen at once."""

    def __init__(self) -> None:
        self.happened: set[str] = set()
        self.said: list[tuple[str, ...]] = []
        self.is_shown = True
        self.silent: dict[int, str] = {}
        """Nodes that are down, paused or lost, and which of these."""
        self._unseen: list[Callable[[], None]] = []

    def beat(self, name: str) -> Beat:
        return Beat(
            say=f"Now {name}.",
            command=f"do {name}",
            has_happened=lambda _: name in self.happened,
            explain=lambda _: [f"That was {name}."],
            needs=(1, 3),
        )

    def guide(self, paragraphs: Iterable[str], on_shown: Callable[[], None]) -> None:
        self.said.append(tuple(paragraphs))
        if self.is_shown:
            on_shown()
        else:
            self._unseen.append(on_shown)

    def show(self) -> None:
        for on_shown in self._unseen:
            on_shown()


@pytest.fixture
def happenings() -> Happenings:
    return Happenings()


@pytest.fixture
def tour(happenings: Happenings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tour]:
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    fleet = Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None)
    monkeypatch.setattr(fleet, "why_silent", lambda node: happenings.silent.get(node, ""))
    monkeypatch.setattr(fleet, "state_of", lambda node: happenings.silent.get(node, "running"))
    beats = [happenings.beat("one"), happenings.beat("two")]
    made = Tour(fleet, "A walk.", beats, happenings)
    yield made
    made.stop()


def test_it_says_what_to_type_waits_and_explains(tour: Tour, happenings: Happenings) -> None:
    tour.start()
    eventually(lambda: tour.suggestion == "do one", "the first command is suggested")
    happenings.happened.add("one")
    eventually(lambda: tour.suggestion == "do two", "the second command is suggested")
    assert not tour.is_over
    happenings.happened.add("two")
    eventually(lambda: tour.is_over, "the tour is over")
    assert tour.suggestion == ""
    assert happenings.said == [
        ("A walk.", "Now one.", "Type: do one"),
        ("That was one.", "Now two.", "Type: do two"),
        ("That was two.",),
    ]


def test_nothing_is_suggested_before_it_is_seen(tour: Tour, happenings: Happenings) -> None:
    happenings.is_shown = False
    tour.start()
    eventually(lambda: happenings.said, "the tour spoke")
    assert tour.suggestion == ""
    happenings.show()
    assert tour.suggestion == "do one"


def test_what_was_typed_is_suggested_no_more(tour: Tour, happenings: Happenings) -> None:
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    tour.typed("something else")
    assert tour.suggestion == "do one"
    tour.typed("DO   one")
    assert tour.suggestion == ""
    happenings.happened.add("one")
    eventually(lambda: tour.suggestion == "do two", "the second command is suggested")


def test_what_came_to_nothing_is_suggested_again(
    tour: Tour, happenings: Happenings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_module, "_HINT_AFTER_S", 0.2)
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    tour.typed("do one")
    eventually(lambda: tour.suggestion == "do one", "it is suggested again")
    assert any("do one" in text and "tour stop" in text for (text, *_) in happenings.said[1:])


@pytest.mark.parametrize(
    ("silent", "remedy", "who"),
    [
        ({1: "down"}, "restart 1", "node 1"),
        ({1: "down", 3: "paused", 2: "down"}, "restart 1 3", "nodes 1 and 3"),
        ({3: "paused"}, "continue 3", "node 3"),
        ({1: "lost", 3: "down"}, "restart 3", "nodes 1 and 3"),
        ({1: "lost", 3: "lost"}, "replace 1", "nodes 1 and 3"),
    ],
)
def test_it_says_without_whom_it_can_not_go_on(
    tour: Tour,
    happenings: Happenings,
    monkeypatch: pytest.MonkeyPatch,
    silent: dict[int, str],
    remedy: str,
    who: str,
) -> None:
    monkeypatch.setattr(tour_module, "_MISSED_AFTER_S", 0.2)
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    tour.typed("do one")
    happenings.silent = silent
    eventually(lambda: tour.suggestion == remedy, "what brings them back is suggested")
    tour.typed(remedy.upper())
    assert happenings.said[-1] == (f"The tour can't go on without {who}. Type: {remedy}",)
    happenings.silent = {}
    eventually(lambda: not tour.suggestion, "it waits for the nodes")
    happenings.happened.add("one")
    eventually(lambda: tour.suggestion == "do two", "the second command is suggested")
    assert len(happenings.said) == 3, "it said that once"


def test_what_was_suggested_before_is_so_again_once_they_are_back(
    tour: Tour, happenings: Happenings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_module, "_MISSED_AFTER_S", 0.2)
    monkeypatch.setattr(tour_module, "_HINT_AFTER_S", 1e9)
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    happenings.silent = {1: "down"}
    eventually(lambda: tour.suggestion == "restart 1", "what brings it back is suggested")
    tour.typed("restart 1")
    happenings.silent = {}
    eventually(lambda: tour.suggestion == "do one", "the first command is suggested again")


def test_each_beat_says_anew_whom_it_misses(
    tour: Tour, happenings: Happenings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_module, "_MISSED_AFTER_S", 0.2)
    happenings.silent = {1: "down"}
    tour.start()
    eventually(lambda: tour.suggestion == "restart 1", "what brings it back is suggested")
    happenings.happened.add("one")
    eventually(lambda: len(happenings.said) == 4, "it says so again")
    assert happenings.said[2][-1] == "Type: do two"
    assert happenings.said[3] == happenings.said[1]


def test_it_says_nothing_of_them_while_it_is_held(
    tour: Tour, happenings: Happenings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_module, "_MISSED_AFTER_S", 0.0)
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    looks: list[None] = []
    monkeypatch.setattr(tour._scene, "look", lambda: looks.append(None))
    with tour.held():
        happenings.silent = {1: "down"}
        eventually(lambda: len(looks) > 3, "it has looked some times")
        assert tour.suggestion == "do one" and len(happenings.said) == 1
    eventually(lambda: tour.suggestion == "restart 1", "what brings it back is suggested")


def test_it_does_without_those_whom_nothing_takes(
    tour: Tour, happenings: Happenings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_module, "_MISSED_AFTER_S", 0.0)
    happenings.silent = {2: "down"}
    tour.start()
    eventually(lambda: tour.suggestion == "do one", "a command is suggested")
    happenings.happened.add("one")
    eventually(lambda: tour.suggestion == "do two", "the second command is suggested")
    assert len(happenings.said) == 2


def test_when_it_is_stopped_it_says_no_more(tour: Tour, happenings: Happenings) -> None:
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    tour.stop()
    happenings.happened.add("one")
    tour.join()
    assert tour.suggestion == ""
    assert len(happenings.said) == 1
