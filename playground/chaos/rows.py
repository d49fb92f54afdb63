"""What Heddle's database says, read past Heddle."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_ASKED = """
SELECT w.id, w.conversation_id, w.repository, w.branch, w.state,
    (SELECT state FROM openings WHERE workspace_id = w.id AND state IN ('starting', 'open', 'closing')),
    (SELECT state FROM runs WHERE workspace_id = w.id
        AND state NOT IN ('succeeded', 'unchanged', 'failed', 'stopped') ORDER BY created_at),
    (SELECT address FROM conversations WHERE id = w.conversation_id)
FROM workspaces w ORDER BY w.created_at
"""


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """A workspace's rows. opening: the state of the live one, empty for none. run: of the oldest live one.

    address: its conversation's, as the platform knows it.
    """

    id: str
    conversation: str
    repository: str
    branch: str
    state: str
    opening: str
    run: str
    address: str = ""


def workspaces(database: Path) -> list[WorkspaceFacts]:
    """All of them, oldest first. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        found = connection.execute(_ASKED).fetchall()
    return [WorkspaceFacts(*(value or "" for value in row)) for row in found]
