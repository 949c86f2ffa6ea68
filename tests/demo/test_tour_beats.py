"""How the tour goes from beat to beat. No node runs here; what happens is up to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from benmo.cluster import ClusterSettings, StateDirectory
from benmo.demo import tour as tour_module
from benmo.demo.fleet import Fleet
from benmo.demo.tour import Beat, Tour
from benmo.initialize import addresses, new_cluster
from tests.support.processes import eventually


class Happenings:
    """What has happened, and what the tour said; `is_shown` says whether that is seen at once."""

    def __init__(self) -> None:
        self.happened: set[str] = set()
        self.said: list[tuple[str, ...]] = []
        self.is_shown = True
        self._unseen: list[Callable[[], None]] = []

    def beat(self, name: str) -> Beat:
        return Beat(
            say=f"Now {name}.",
            command=f"do {name}",
            has_happened=lambda _: name in self.happened,
            explain=lambda _: [f"That was {name}."],
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
def tour(happenings: Happenings, tmp_path: Path) -> Iterator[Tour]:
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    fleet = Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None)
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


def test_when_it_is_stopped_it_says_no_more(tour: Tour, happenings: Happenings) -> None:
    tour.start()
    eventually(lambda: tour.suggestion, "a command is suggested")
    tour.stop()
    happenings.happened.add("one")
    tour.join()
    assert tour.suggestion == ""
    assert len(happenings.said) == 1
