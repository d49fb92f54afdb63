"""The tabs of a workspace in the database: which there are, what they are called, in which order."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.interactive.holding import lock
from orchestrator.interactive.opening import CLAUDE, Terminal
from orchestrator.interactive.openings import TooMany
from orchestrator.tables import TerminalRow

CLAUDE_TITLE = "Claude Code"
SHELL_TITLE = "Shell {number}"
MOST = 20
LONGEST = 40  # characters of a title


class TooManyTerminals(TooMany):
    """A workspace has as many terminals as it may have."""


def title_of(text: str) -> str:
    """What may be a title of what somebody typed: printable, on one line, not too long; empty when nothing is left."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:LONGEST].strip()


class Tabs:
    """The terminals of all workspaces in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, workspace_id: str) -> list[Terminal]:
        """Claude Code's first, the others as people have arranged them."""
        async with self._database.read() as session:
            return [Terminal(CLAUDE, CLAUDE_TITLE), *map(_terminal, await _rows(session, workspace_id))]

    async def add(self, workspace_id: str, title: str = "") -> Terminal:
        """A further one, at the end, by the lowest free name. Raises TooManyTerminals."""
        async with self._database.write() as session:
            await lock(session, workspace_id)
            rows = await _rows(session, workspace_id)
            if len(rows) + 1 >= MOST:
                raise TooManyTerminals
            taken = {row.name for row in rows}
            number = next(number for number in range(1, MOST + 1) if f"shell-{number}" not in taken)
            row = TerminalRow(
                workspace_id=workspace_id,
                name=f"shell-{number}",
                title=title_of(title) or SHELL_TITLE.format(number=number),
                position=max((row.position for row in rows), default=0) + 1,
            )
            session.add(row)
            return _terminal(row)

    async def rename(self, workspace_id: str, name: str, title: str) -> None:
        """Another title; an empty one brings the first one back. One that is not there is fine."""
        number = name.rpartition("-")[2]
        async with self._database.write() as session:
            await session.execute(
                sa.update(TerminalRow)
                .where(TerminalRow.workspace_id == workspace_id, TerminalRow.name == name)
                .values(title=title_of(title) or SHELL_TITLE.format(number=number))
            )

    async def arrange(self, workspace_id: str, names: Sequence[str]) -> None:
        """In this order; those that are not named come after the others, names of none are passed over."""
        wanted = {name: place for place, name in reversed(list(enumerate(names)))}
        async with self._database.write() as session:
            await lock(session, workspace_id)
            rows = await _rows(session, workspace_id)
            rows.sort(key=lambda row: wanted.get(row.name, len(wanted) + MOST))
            for position, row in enumerate(rows, 1):
                row.position = position

    async def remove(self, workspace_id: str, name: str) -> None:
        """One that is not there is fine."""
        async with self._database.write() as session:
            await session.execute(
                sa.delete(TerminalRow).where(
                    TerminalRow.workspace_id == workspace_id, TerminalRow.name == name
                )
            )


async def _rows(session: AsyncSession, workspace_id: str) -> list[TerminalRow]:
    rows = await session.scalars(
        sa.select(TerminalRow)
        .where(TerminalRow.workspace_id == workspace_id)
        .order_by(TerminalRow.position, TerminalRow.name)
    )
    return list(rows)


def _terminal(row: TerminalRow) -> Terminal:
    return Terminal(row.name, row.title)
