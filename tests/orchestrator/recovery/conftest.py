"""Fixtures: a database with the tables, and an Engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.schema import migrate
from orchestrator.containers import Engine
from orchestrator.database import Database
from playground.cleaning import remove_deployment
from playground.town import DOCKER_HOST
from tests.orchestrator.recovery.yard import Yard


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(made)
    yield made
    await made.close()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(DOCKER_HOST)
    yield made
    await made.close()


@pytest.fixture
async def yard(engine: Engine) -> AsyncIterator[Yard]:
    made = Yard(engine)
    try:
        yield made
    finally:
        await remove_deployment(DOCKER_HOST, made.deployment)
