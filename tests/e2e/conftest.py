"""The end-to-end tests' fixtures: a whole playground for each test, with real Docker, Claude Code and git."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from playground.town import Town
from tests.e2e.scene import Scene

MakeScene = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session", autouse=True)
def image() -> None:
    """The workspace image must be there: a test without it would prove nothing."""
    found = subprocess.run(
        ["docker", "image", "inspect", "heddle-workspace:latest"], capture_output=True, check=False
    )
    assert found.returncode == 0, "no Docker, or no workspace image: run ./scripts/test, which sets up both"


@pytest.fixture
async def make_scene(tmp_path: Path) -> AsyncIterator[MakeScene]:
    """Makes scenes; with `start=False` Heddle is not started yet. Options are Town's."""
    async with AsyncExitStack() as stack:

        async def make(*, start: bool = True, **options: Any) -> Scene:
            town = await stack.enter_async_context(Town(tmp_path / "town", **options))
            if start:
                await town.start_heddle()
            return Scene(town)

        yield make


@pytest.fixture
async def scene(make_scene: MakeScene) -> Scene:
    made: Scene = await make_scene()
    return made
