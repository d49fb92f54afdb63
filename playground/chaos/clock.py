"""Another time of day for Heddle: while it is down, every time that it has stored is moved instead of its clock.

To whom only looks at differences it is the same: what was written an hour before the clock jumped ahead by two hours was
written three hours ago. The machine's own clock, and with it the containers' and the stand-ins', stays.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

BEGIN, END = 1.5e9, 4e9
"""What looks like seconds since the epoch: from 2017 to 2096."""

OURS = (
    "workspaces",
    "moves",
    "marks",
    "runs",
    "follow_ups",
    "openings",
    "conversations",
    "messages",
    "deliveries",
)


def move(database: Path, seconds: float) -> int:
    """Let the stored times be as if the clock had jumped ahead by `seconds` (back, if negative); how many were moved.

    Nobody else may have the database open.
    """
    moved = 0
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        for table in OURS:
            for column in _times(connection, table):
                # Names from the schema itself, in quotes.
                moved += connection.execute(
                    f'UPDATE "{table}" SET "{column}" = "{column}" - ? WHERE "{column}" BETWEEN ? AND ?',  # noqa: S608
                    (seconds, BEGIN, END),
                ).rowcount
    return moved


def _times(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns that hold times: numbers called `at` or `…_at`."""
    listed = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
    return [
        name
        for name, type_ in listed
        if (name == "at" or name.endswith("_at")) and type_.upper() in ("FLOAT", "REAL", "DOUBLE")
    ]
