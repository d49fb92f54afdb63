"""Who has a workspace: a run or an opening, never both. Everything here happens inside a caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.report import Problem, RunState
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow
from orchestrator.workspaces import Workspace

if TYPE_CHECKING:
    from orchestrator.workspaces import Run

LIVE = [state.value for state in OpeningState if state.live]
LIVE_RUNS = [state.value for state in RunState if not state.ended]
PROBLEM: TypeAdapter[Problem] = TypeAdapter(Problem)


class Held(Exception):
    """The workspace is somebody else's at the moment: `run` or `opening` says whose, the other one is None."""

    def __init__(self, *, run: Run | None = None, opening: Opening | None = None) -> None:
        super().__init__("the workspace is held")
        self.run = run
        self.opening = opening


async def lock(session: AsyncSession, workspace_id: str) -> None:
    """Nobody else decides about this workspace until the transaction ends.

    SQLite's writers come one after the other anyway, and it has no such clause: SQLAlchemy leaves it out.
    """
    await session.execute(sa.select(WorkspaceRow.id).where(WorkspaceRow.id == workspace_id).with_for_update())


async def live_opening(session: AsyncSession, workspace_id: str) -> Opening | None:
    """The opening that holds the workspace."""
    row = await session.scalar(
        sa.select(OpeningRow).where(OpeningRow.workspace_id == workspace_id, OpeningRow.state.in_(LIVE))
    )
    return await opening_of(session, row) if row is not None else None


async def live_run_ids(session: AsyncSession, workspace_id: str) -> list[str]:
    """The runs that hold the workspace or wait for it, oldest first."""
    rows = await session.scalars(
        sa.select(RunRow.id)
        .where(RunRow.workspace_id == workspace_id, RunRow.state.in_(LIVE_RUNS))
        .order_by(RunRow.created_at)
    )
    return list(rows)


async def opening_of(session: AsyncSession, row: OpeningRow) -> Opening:
    return Opening(
        id=row.id,
        workspace=workspace_of(await session.get_one(WorkspaceRow, row.workspace_id)),
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        opener=row.opener,
        context=row.context,
        link=row.link,
        attachments=tuple(row.attachments),
        state=OpeningState(row.state),
        problem=PROBLEM.validate_python(row.problem) if row.problem is not None else None,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


def workspace_of(row: WorkspaceRow) -> Workspace:
    return Workspace(
        id=row.id,
        conversation_id=row.conversation_id,
        repository=row.repository,
        base=row.base,
        branch=row.branch,
        session_id=row.session_id,
        start=row.start,
        untrusted=row.untrusted,
    )
