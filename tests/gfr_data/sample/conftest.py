"""Photographs of invented people that the tests of the renderer share."""

from collections.abc import Callable
from functools import cache

import pytest

from gfr_data.sample.camera.photograph import Photograph, photograph
from gfr_data.sample.camera.scene import draw_scene
from gfr_data.sample.person.person import Person, make_person


@pytest.fixture(scope="session")
def person_of() -> Callable[[int], Person]:
    """Return a function that makes person `number` of seed 4, once."""
    return cache(lambda number: make_person(4, number))


@pytest.fixture(scope="session")
def taken(person_of: Callable[[int], Person]) -> Callable[[int, int], Photograph]:
    """Return a function that takes photograph `photo` of person `number`, 250 px, once."""
    return cache(
        lambda number, photo: photograph(person_of(number), draw_scene(4, number, photo, "casia-webface"), photo)
    )
