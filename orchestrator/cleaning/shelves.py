"""Kinds of rows that get old: how many there are, and their removal in small portions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from orchestrator.cleaning.holdings import Age, OldRows
from orchestrator.database import Base, Database
from orchestrator.interactive.holding import LIVE, LIVE_RUNS
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import FollowUpRow, MoveRow, OpeningRow, RunRow, WorkspaceRow

ENDED_WORKFLOWS = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")  # DBOS's words
PORTION = 500  # rows in a transaction: writers of SQLite wait for one another


class Shelf(Protocol):
    """Rows of one kind, of which old ones may go. name: for people. age: what makes them old."""

    @property
    def name(self) -> str: ...

    @property
    def age(self) -> Age: ...

    async def old(self, before: float) -> OldRows:
        """Those that may go if they are older than `before`."""
        ...

    async def remove(self, before: float) -> int:
        """Remove them; how many went."""
        ...


@dataclass(frozen=True, slots=True)
class TableShelf:
    """The rows of a table that are older than a time by the column `at`, and meet the conditions.

    conditions: what else must be true of a row that may go, whatever its age, looked at again with each portion.
    texts: the columns whose length is told as size.
    """

    database: Database
    name: str
    table: type[Base]
    at: sa.SQLColumnExpression[float]
    age: Age = Age.KEPT
    conditions: Sequence[sa.ColumnElement[bool]] = ()
    texts: Sequence[sa.SQLColumnExpression[Any]] = ()

    async def old(self, before: float) -> OldRows:
        length: sa.ColumnElement[int] = sa.literal(0)
        for text in self.texts:
            length = length + sa.func.coalesce(sa.func.length(sa.cast(text, sa.Text)), 0)
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(length), 0)).select_from(self.table)
        async with self.database.read() as session:
            row = (await session.execute(query.where(*self._gone(before)))).one()
        return OldRows(self.name, int(row[0]), before, self.age, int(row[1]))

    async def remove(self, before: float) -> int:
        keys = sa.inspect(self.table).primary_key
        chosen = sa.select(*keys).where(*self._gone(before)).limit(PORTION)
        gone = 0
        while True:
            async with self.database.write() as session:
                found = [tuple(row) for row in await session.execute(chosen)]
                if found:
                    await session.execute(sa.delete(self.table).where(sa.tuple_(*keys).in_(found)))
            gone += len(found)
            if len(found) < PORTION:
                return gone
            await asyncio.sleep(0)

    def _gone(self, before: float) -> list[sa.ColumnElement[bool]]:
        return [self.at < before, *self.conditions]


class WorkflowShelf:
    """What DBOS remembers of workflows that have ended. forget: removes those that ended before a time."""

    name = "workflows"
    age = Age.KEPT

    def __init__(self, database: Database, forget: Callable[[float], Awaitable[object]]) -> None:
        self._database = database
        self._forget = forget

    async def old(self, before: float) -> OldRows:
        schema = None if self._database.engine.dialect.name == "sqlite" else "dbos"
        status, updated_at = sa.column("status", sa.Text), sa.column("updated_at", sa.BigInteger)
        table = sa.table("workflow_status", status, updated_at, schema=schema)
        query = (
            sa.select(sa.func.count())
            .select_from(table)
            .where(status.in_(ENDED_WORKFLOWS), updated_at < int(before * 1000))
        )
        try:
            async with self._database.read() as session:
                count = await session.scalar(query) or 0
        except sa.exc.DBAPIError:  # DBOS has never been launched on this database
            count = 0
        return OldRows(self.name, count, before, self.age)

    async def remove(self, before: float) -> int:
        count = (await self.old(before)).count
        await self._forget(before)
        return count - (await self.old(before)).count


def orchestrators(database: Database) -> list[Shelf]:
    """Rows of the orchestrator's that go one by one. What belongs to a workspace goes with the workspace."""
    moves = aliased(MoveRow)
    newest = sa.select(sa.func.max(moves.id)).where(moves.workspace_id == MoveRow.workspace_id)
    ended = sa.select(RunRow.id).where(RunRow.state.not_in(LIVE_RUNS))
    return [
        TableShelf(
            database,
            "moves",
            MoveRow,
            MoveRow.at,
            conditions=[MoveRow.id != newest.scalar_subquery()],
            texts=[MoveRow.reason],
        ),
        TableShelf(
            database,
            "follow-ups",
            FollowUpRow,
            FollowUpRow.created_at,
            # What Claude has not read is read by the next one in the workspace.
            conditions=[FollowUpRow.delivered.is_(True), FollowUpRow.run_id.in_(ended)],
            texts=[FollowUpRow.text, FollowUpRow.context],
        ),
    ]


def without_work(
    conversation_id: sa.SQLColumnExpression[str], conversations: sa.FromClause
) -> sa.ColumnElement[bool]:
    """Whether neither this conversation nor one of its group has a workspace that is not closed, or a live run.

    conversations: a table with `id` and `group_id`.
    """
    own = conversations.alias()
    other = conversations.alias()
    group = (
        sa.select(other.c.id)
        .join(own, own.c.group_id == other.c.group_id)
        .where(own.c.id == conversation_id)
        .correlate_except(own, other)
    )
    return sa.and_(
        *(
            ~sa.exists().where(sa.or_(column.in_(group), column == conversation_id), alive)
            for column, alive in (
                (WorkspaceRow.conversation_id, WorkspaceRow.state != WorkspaceState.CLOSED.value),
                (RunRow.conversation_id, RunRow.state.in_(LIVE_RUNS)),
                (OpeningRow.conversation_id, OpeningRow.state.in_(LIVE)),
            )
        )
    )
