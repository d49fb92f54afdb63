"""Transactions on the embedded database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.schema import migrate
from bot.tables import ChannelRow
from orchestrator.database import Base, Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'folder' / 'heddle.db'}")
    await migrate(made)
    yield made
    await made.close()


async def count(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(ChannelRow)) or 0


async def test_migrations_make_what_the_tables_say(database: Database) -> None:
    def compare(connection: sa.Connection) -> list[object]:
        from alembic.autogenerate import compare_metadata
        from alembic.runtime.migration import MigrationContext

        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name != "alembic_version"},
        )
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await migrate(database)
    assert await count(database) == 0


async def test_block_that_fails_writes_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            session.add(ChannelRow(address="a", repository="o/n"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await count(database) == 0


async def test_many_writers_at_once_all_succeed(database: Database) -> None:
    """A transaction that reads before it writes fails at once on SQLite, unless it takes the lock first."""

    async def add(number: int) -> None:
        async with database.write() as session:
            await session.scalars(sa.select(ChannelRow))
            session.add(ChannelRow(address=str(number), repository="o/n"))

    await asyncio.gather(*(add(number) for number in range(100)))
    assert await count(database) == 100


async def test_writers_of_another_process_are_waited_for(database: Database) -> None:
    assert database.engine.url.database is not None
    other = Database(f"sqlite:///{database.engine.url.database}")
    try:

        async def add(to: Database, number: int) -> None:
            async with to.write() as session:
                session.add(ChannelRow(address=str(number), repository="o/n"))

        await asyncio.gather(*(add((database, other)[number % 2], number) for number in range(60)))
    finally:
        await other.close()
    assert await count(database) == 60
