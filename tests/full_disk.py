"""A database that takes nothing down any more, as on a full disk, while it can still be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

_REFUSALS = {"operation_outputs": "INSERT", "workflow_status": "UPDATE"}  # DBOS's tables


def fill(database: Path) -> None:
    """Neither what a step has done is written down from now on nor what becomes of a workflow."""
    _execute(
        database,
        (
            f"CREATE TRIGGER full_{table} BEFORE {change} ON {table}"
            " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
            for table, change in _REFUSALS.items()
        ),
    )


def empty(database: Path) -> None:
    """There is room again."""
    _execute(database, (f"DROP TRIGGER full_{table}" for table in _REFUSALS))


def _execute(database: Path, statements: Iterable[str]) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
