from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "images" / "workspace"))  # where the image has /opt/heddle

from tests.images.interactive.rooms import Room, make_room


@pytest.fixture
def room() -> Iterator[Room]:
    """Not started yet. Its gateway answers the model's questions with "Good day."."""
    made = make_room()
    made.place.gateway()
    yield made
    made.place.close()
