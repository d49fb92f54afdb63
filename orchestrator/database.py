"""The database: one engine, transactions that say whether they write, SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

BUSY_SECONDS = 30  # how long a SQLite writer waits for another one before it gives up


class Base(DeclarativeBase):
    """The base of every table, so that one metadata holds them all."""

    type_annotation_map = {dict[str, Any]: sa.JSON}


class Database:
    """Sessions on the database at `url` (`sqlite:///…` or `postgresql://…`)."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url)
        self._sqlite = address.get_backend_name() == "sqlite"
        if self._sqlite and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        # SQLite's waiting writers poll: 200 at once took five times longer than 200 in a row.
        self._writers = asyncio.Semaphore(1 if self._sqlite else 1_000_000)
        driver = "sqlite+aiosqlite" if self._sqlite else "postgresql+psycopg"
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if self._sqlite else {}
        self.engine: AsyncEngine = create_async_engine(address.set(drivername=driver), **options)
        if self._sqlite:
            event.listen(self.engine.sync_engine, "connect", _configure)
            event.listen(self.engine.sync_engine, "begin", _begin)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that writes, committed at the end of the block.

        On SQLite the write lock is taken first: a transaction that began by reading could otherwise
        not be upgraded while another one writes, and would fail at once instead of waiting.
        """
        engine = self.engine.execution_options(heddle_writes=True)
        async with self._writers, AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("heddle_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
