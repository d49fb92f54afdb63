"""Moving stored times instead of the clock."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.schema import migrate
from orchestrator.database import Database
from playground.chaos import clock

NOW = 1_800_000_000.0


@pytest.mark.parametrize("seconds", [7200.0, -7200.0])
async def test_only_times_are_moved(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "heddle.db"
    database = Database(f"sqlite:///{path}")
    await migrate(database)
    await database.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO workspaces (id, conversation_id, repository, base, branch, created_at, untrusted, start,"
            " state, state_at, active_at, attempts, retry_at, checkpoint, checkpoint_at)"
            " VALUES ('w', 'c', 'a/b', '', 'x', ?, 0, '', 'running', ?, 0, 2, ?, '', 0)",
            (NOW, NOW, NOW + 60),
        )
    assert clock.move(path, seconds) == 3
    with closing(sqlite3.connect(path)) as connection:
        (row,) = connection.execute(
            "SELECT created_at, state_at, retry_at, active_at, attempts FROM workspaces"
        )
    assert row == (NOW - seconds, NOW - seconds, NOW + 60 - seconds, 0.0, 2)
