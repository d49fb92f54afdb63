"""A database that was returned to a backup: what happened since the backup is not in it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.tables import ConversationRow
from orchestrator.database import Database
from orchestrator.interactive.holding import LIVE_RUNS
from orchestrator.interactive.openings import Openings
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import MarkRow, RunRow

RESTORED = "restored"
"""The mark's name. Its time is that of the return, its text the backup's, in seconds since the epoch."""
SETTLED = "restored settled"
"""A mark: what was over by the time of the return has been ended."""
CLOSED_SINCE = "it was closed after the backup"

log = structlog.get_logger(__name__)


async def may_have_more(session: AsyncSession, conversation_id: str) -> bool:
    """Whether a conversation may hold posts of Heddle's that the database has forgotten."""
    mark = await session.get(MarkRow, RESTORED)
    if mark is None:
        return False
    conversation = await session.get(ConversationRow, conversation_id)
    return conversation is not None and conversation.created_at <= mark.at


async def settle(
    database: Database, history: History, openings: Openings, held: Callable[[], Awaitable[set[str]]]
) -> int:
    """Once after a return to a backup, before anything is taken up: end what was over by then. How many there were.

    held: the ids of the workspaces of which Docker has a volume or a container. Where it has none at all, this is
    another machine: then nothing says that anything was closed, and open workspaces are made anew.
    """
    async with database.read() as session:
        marks = {name: await session.get(MarkRow, name) for name in (RESTORED, SETTLED)}
    restored, settled = marks[RESTORED], marks[SETTLED]
    if restored is None or (settled is not None and settled.at >= restored.at):
        return 0
    there, ended = await held(), 0
    if there:
        for opening in await openings.live():
            if opening.workspace.id not in there:
                await openings.end(opening)
                for state in (WorkspaceState.CLOSING, WorkspaceState.CLOSED):
                    await history.move(opening.workspace.id, state, CLOSED_SINCE)
                ended += 1
        ended += await _end_runs(database, there)
    async with database.write() as session:
        await session.merge(MarkRow(name=SETTLED, at=time.time(), text=str(ended)))
    log.info("returned to a backup", ended=ended, workspaces=len(there))
    return ended


async def _end_runs(database: Database, there: set[str]) -> int:
    """Runs that were at work and have neither volume nor container. Their reports in the threads say how they ended."""
    async with database.write() as session:
        rows = list(
            await session.scalars(
                sa.select(RunRow).where(RunRow.state.in_(LIVE_RUNS), RunRow.state != RunState.QUEUED.value)
            )
        )
        gone = [row for row in rows if row.workspace_id not in there]
        for row in gone:
            row.state, row.ended_at = RunState.STOPPED.value, time.time()
        return len(gone)
