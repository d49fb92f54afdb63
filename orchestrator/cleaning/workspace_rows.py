"""Workspaces' rows for clean-up, and what runs, openings and follow-ups still need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.cleaning.holdings import WorkspaceUse
from orchestrator.database import Database
from orchestrator.interactive.holding import LIVE, LIVE_RUNS, lock
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import FollowUpRow, MarkRow, MoveRow, OpeningRow, RunRow, TerminalRow, WorkspaceRow

_PER_WORKSPACE = (RunRow, OpeningRow, MoveRow, TerminalRow)


@dataclass(frozen=True, slots=True)
class Needs:
    """live: runs that have not ended; ended: when the others did. wanted: the messages whose attachments are needed;
    used: when those of other messages were last of use."""

    live: frozenset[str] = frozenset()
    ended: dict[str, float] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()
    used: dict[str, float] = field(default_factory=dict)


class WorkspaceRows:
    """Reads and removes, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> tuple[WorkspaceUse, ...]:
        """Every workspace, by five queries however many there are."""
        async with self._database.read() as session:
            return await _workspaces(session, sa.true())

    async def of(self, repository: str) -> tuple[WorkspaceUse, ...]:
        """Those of one repository, in lower case."""
        async with self._database.read() as session:
            return await _workspaces(session, sa.func.lower(WorkspaceRow.repository) == repository)

    async def needs(self) -> Needs:
        """What the logs and attachments are needed for."""
        wanted: set[str] = set()
        used: dict[str, float] = defaultdict(float)
        ended: dict[str, float] = {}
        live: set[str] = set()
        async with self._database.read() as session:
            for run_id, state, at, names in await session.execute(
                sa.select(
                    RunRow.id,
                    RunRow.state,
                    sa.func.coalesce(RunRow.ended_at, RunRow.created_at),
                    RunRow.attachments,
                )
            ):
                if state in LIVE_RUNS:
                    live.add(run_id)
                else:
                    ended[run_id] = at
                _note(wanted, used, names, at, needed=state in LIVE_RUNS)
            for state, at, names in await session.execute(
                sa.select(
                    OpeningRow.state,
                    sa.func.coalesce(OpeningRow.ended_at, OpeningRow.created_at),
                    OpeningRow.attachments,
                )
            ):
                _note(wanted, used, names, at, needed=state in LIVE)
            for delivered, at, names, run_id in await session.execute(
                sa.select(
                    FollowUpRow.delivered, FollowUpRow.created_at, FollowUpRow.attachments, FollowUpRow.run_id
                )
            ):
                _note(wanted, used, names, at, needed=not delivered or run_id in live)
        return Needs(frozenset(live), ended, frozenset(wanted), dict(used))

    async def remove(self, workspace_id: str, until: float) -> bool:
        """Remove a closed workspace with all that hangs on it, if nothing has happened to it since `until`.

        The row of one whose branch outsiders control stays: their files stay theirs.
        """
        async with self._database.write() as session:
            await lock(session, workspace_id)
            found = await _workspaces(session, WorkspaceRow.id == workspace_id)
            if not found or found[0].live or found[0].state is not WorkspaceState.CLOSED:
                return False
            if found[0].until > until:
                return False
            runs = sa.select(RunRow.id).where(RunRow.workspace_id == workspace_id)
            await session.execute(sa.delete(FollowUpRow).where(FollowUpRow.run_id.in_(runs)))
            for table in _PER_WORKSPACE:
                await session.execute(sa.delete(table).where(table.workspace_id == workspace_id))
            if not found[0].kept_row:
                await session.execute(sa.delete(WorkspaceRow).where(WorkspaceRow.id == workspace_id))
            return True


class Marks:
    """What happened to the deployment, by name, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def leave(self, name: str, at: float, text: str = "") -> None:
        """Leave a mark; one of that name is replaced."""
        async with self._database.write() as session:
            await session.merge(MarkRow(name=name, at=at, text=text))

    async def find(self, name: str) -> tuple[float, str] | None:
        """When it was left, and its text."""
        async with self._database.read() as session:
            row = await session.get(MarkRow, name)
            return (row.at, row.text) if row is not None else None

    async def wipe(self, name: str, at: float) -> None:
        """Take a mark away that was left at `at` or before."""
        async with self._database.write() as session:
            await session.execute(sa.delete(MarkRow).where(MarkRow.name == name, MarkRow.at <= at))


def _note(wanted: set[str], used: dict[str, float], names: Iterable[str], at: float, *, needed: bool) -> None:
    for name in names:
        message_id = name.partition("/")[0]
        if needed:
            wanted.add(message_id)
        used[message_id] = max(used[message_id], at)


async def _workspaces(session: AsyncSession, which: sa.ColumnElement[bool]) -> tuple[WorkspaceUse, ...]:
    rows: defaultdict[str, int] = defaultdict(int)
    until: defaultdict[str, float] = defaultdict(float)
    live: set[str] = set()
    chosen = sa.select(WorkspaceRow.id).where(which)
    ends = {
        RunRow: (RunRow.ended_at, RunRow.created_at),
        OpeningRow: (OpeningRow.ended_at, OpeningRow.created_at),
    }
    for table in _PER_WORKSPACE:
        latest = [sa.func.coalesce(sa.func.max(column), 0.0) for column in ends.get(table, ())]
        counted = sa.select(table.workspace_id, sa.func.count(), *latest).where(
            table.workspace_id.in_(chosen)
        )
        for workspace_id, count, *times in await session.execute(counted.group_by(table.workspace_id)):
            rows[workspace_id] += count
            until[workspace_id] = max([until[workspace_id], *times])
    for held in (
        sa.select(RunRow.workspace_id).where(RunRow.state.in_(LIVE_RUNS), RunRow.workspace_id.in_(chosen)),
        sa.select(OpeningRow.workspace_id).where(
            OpeningRow.state.in_(LIVE), OpeningRow.workspace_id.in_(chosen)
        ),
    ):
        live |= set(await session.scalars(held))
    found = await session.scalars(sa.select(WorkspaceRow).where(which).order_by(WorkspaceRow.id))
    return tuple(
        WorkspaceUse(
            id=row.id,
            repository=row.repository,
            branch=row.branch,
            base=row.base,
            start=row.start,
            state=WorkspaceState(row.state),
            until=max(until[row.id], row.created_at, row.state_at, row.active_at),
            live=row.id in live,
            kept_row=row.untrusted,
            rows=rows[row.id],
        )
        for row in found
    )
