"""Fixtures: a database alone, and a whole Heddle on real Docker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.schema import migrate
from orchestrator.database import Database
from tests.orchestrator.interactive.house import House, make_house


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(made)
    yield made
    await made.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with make_house(tmp_path) as made:
        yield made
