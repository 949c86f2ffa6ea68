"""The runs of the page's pictures."""

from __future__ import annotations

import pytest

from tests.support.page_pictures import SCENES


@pytest.mark.parametrize("name", SCENES)
def test_the_run_of_a_picture_comes_to_its_moment(name: str) -> None:
    scene = SCENES[name]
    assert any(map(scene.is_it, scene.make().records))
