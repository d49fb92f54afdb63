"""What tests of the orchestrator share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.records import Records


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    yield Records(database)
    await database.close()
