"""Openings and their terminals in the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.interactive.holding import (
    LIVE,
    LIVE_RUNS,
    PROBLEM,
    Held,
    live_opening,
    live_run_ids,
    lock,
    opening_of,
    workspace_of,
)
from orchestrator.interactive.opening import QUIET, Opening, OpeningState, Word
from orchestrator.records import RunRequest, choose_workspace, run_of
from orchestrator.report import Problem
from orchestrator.tables import FollowUpRow, OpeningRow, RunRow, TerminalRow, WorkspaceRow
from orchestrator.workspaces import Run, Workspace, new_id

UNREAD = "\n\n---\n\nSaid in the conversation while Claude worked alone, and not read by it:\n\n{texts}\n"


class TooMany(Exception):
    """As many workspaces are open as the deployment allows."""


class NotOpen(Exception):
    """There is no live opening."""


class Openings:
    """The openings in `database`, of which at most `most` are live at a time, not counting those for a clean-up."""

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most

    async def create(
        self, request: RunRequest, opener: str, *, take_over: bool = False
    ) -> tuple[Opening, list[Run]]:
        """The opening of a message, or the live one of its workspace, or a new one; and the runs that must end first.

        Those are asked to stop. Raises Held when there is such a run and `take_over` is not said; TooMany.
        """
        async with self._database.write() as session:
            existing = await _of_message(session, request.message_id)
            if existing is not None:
                return await opening_of(session, existing), []
            workspace = await choose_workspace(session, request)
            row = OpeningRow(
                workspace_id=workspace.id,
                conversation_id=request.conversation_id,
                message_id=request.message_id,
                opener=opener,
                context=request.context,
                link=request.link,
                attachments=list(request.attachments),
            )
            return await self._hold(session, row, take_over)

    async def again(
        self, workspace_id: str, key: str, opener: str, *, take_over: bool = False
    ) -> tuple[Opening, list[Run]]:
        """As `create`, in a workspace that is known, with the context that it had last; `key` is the message's id.

        Raises NotOpen when there is no such workspace.
        """
        async with self._database.write() as session:
            existing = await _of_message(session, key)
            if existing is not None:
                return await opening_of(session, existing), []
            known = [
                await session.scalar(
                    sa.select(table)
                    .where(table.workspace_id == workspace_id)
                    .order_by(table.created_at.desc())
                    .limit(1)
                )
                for table in (OpeningRow, RunRow)
            ]
            found = [row for row in known if isinstance(row, OpeningRow | RunRow)]
            if not found:
                raise NotOpen
            last = max(found, key=lambda row: row.created_at)
            row = OpeningRow(
                workspace_id=workspace_id,
                conversation_id=last.conversation_id,
                message_id=key,
                opener=opener,
                context=last.context,
                link=last.link,
                attachments=list(last.attachments),
            )
            return await self._hold(session, row, take_over)

    async def _hold(
        self, session: AsyncSession, row: OpeningRow, take_over: bool
    ) -> tuple[Opening, list[Run]]:
        await lock(session, row.workspace_id)
        quiet = row.message_id.startswith(QUIET)
        live = await live_opening(session, row.workspace_id)
        if live is not None:
            if live.quiet and not quiet and live.state is not OpeningState.CLOSING:
                await self._room(session)
                return await _taken(session, live, row), []
            return live, []
        held_by = [
            await run_of(session, await session.get_one(RunRow, run_id))
            for run_id in await live_run_ids(session, row.workspace_id)
        ]
        if held_by and not take_over:
            raise Held(run=held_by[0])
        if not quiet:
            await self._room(session)
        await session.execute(
            sa.update(RunRow).where(RunRow.id.in_([run.id for run in held_by])).values(stop_requested=True)
        )
        row.id = new_id()
        row.state = OpeningState.STARTING.value
        row.created_at = time.time()
        session.add(row)
        await session.flush()
        return await opening_of(session, row), held_by

    async def _room(self, session: AsyncSession) -> None:
        """Raises TooMany."""
        count = await session.scalar(
            sa.select(sa.func.count())
            .select_from(OpeningRow)
            .where(OpeningRow.state.in_(LIVE), OpeningRow.message_id.not_like(f"{QUIET}%"))
        )
        if (count or 0) >= self._most:
            raise TooMany

    async def opening(self, opening_id: str) -> Opening:
        async with self._database.read() as session:
            return await opening_of(session, await session.get_one(OpeningRow, opening_id))

    async def has(self, opening_id: str) -> bool:
        async with self._database.read() as session:
            return await session.get(OpeningRow, opening_id) is not None

    async def newest(self, workspace_id: str) -> Opening | None:
        """The workspace's latest opening, live or not."""
        async with self._database.read() as session:
            row = await session.scalar(
                sa.select(OpeningRow)
                .where(OpeningRow.workspace_id == workspace_id)
                .order_by(OpeningRow.created_at.desc())
                .limit(1)
            )
            return await opening_of(session, row) if row is not None else None

    async def live(self) -> list[Opening]:
        """All that hold a workspace, oldest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                sa.select(OpeningRow).where(OpeningRow.state.in_(LIVE)).order_by(OpeningRow.created_at)
            )
            return [await opening_of(session, row) for row in rows]

    async def workspace(self, workspace_id: str) -> Workspace | None:
        async with self._database.read() as session:
            row = await session.get(WorkspaceRow, workspace_id)
            return workspace_of(row) if row is not None else None

    async def active_at(self, workspace_id: str) -> float:
        """When somebody last looked at it or something was last at work in it; seconds since the epoch."""
        async with self._database.read() as session:
            found = await session.scalar(
                sa.select(WorkspaceRow.active_at).where(WorkspaceRow.id == workspace_id)
            )
            return found or 0.0

    async def is_waiting(self, workspace_id: str) -> bool:
        """Whether a run still has the workspace."""
        async with self._database.read() as session:
            return bool(await live_run_ids(session, workspace_id))

    async def move(
        self,
        opening_id: str,
        to: OpeningState,
        *,
        of: Sequence[OpeningState],
        problem: Problem | None = None,
        word: Word | None = None,
    ) -> bool:
        """Change the state if it is one of `of`; whether it was. An end gets its time."""
        values: dict[str, object] = {"state": to.value}
        if problem is not None:
            values["problem"] = PROBLEM.dump_python(problem, mode="json")
        if word is not None:
            values["word"] = word.value
        if not to.live:
            values["ended_at"] = time.time()
        async with self._database.write() as session:
            moved = await session.scalar(
                sa.update(OpeningRow)
                .where(OpeningRow.id == opening_id, OpeningRow.state.in_([state.value for state in of]))
                .values(**values)
                .returning(OpeningRow.id)
            )
            return moved is not None

    async def word(self, opening_id: str) -> Word:
        """What the latest close was told to do with work that the remote lacks."""
        async with self._database.read() as session:
            return Word((await session.get_one(OpeningRow, opening_id)).word)

    async def end(self, opening: Opening) -> None:
        """It is closed, and its volume gone: nothing of what was in there is known any more."""
        async with self._database.write() as session:
            await session.execute(
                sa.update(OpeningRow)
                .where(OpeningRow.id == opening.id)
                .values(state=OpeningState.CLOSED.value, ended_at=time.time())
            )
            await session.execute(
                sa.delete(TerminalRow).where(TerminalRow.workspace_id == opening.workspace.id)
            )
            await session.execute(
                sa.update(WorkspaceRow).where(WorkspaceRow.id == opening.workspace.id).values(session_id=None)
            )

    async def take_in(self, opening: Opening) -> Opening:
        """Make what was said to the workspace's ended runs, and read by none, part of the opening's context."""
        async with self._database.write() as session:
            rows = list(
                await session.scalars(
                    sa.select(FollowUpRow)
                    .join(RunRow, RunRow.id == FollowUpRow.run_id)
                    .where(
                        RunRow.workspace_id == opening.workspace.id,
                        RunRow.state.not_in(LIVE_RUNS),
                        FollowUpRow.delivered.is_(False),
                    )
                    .order_by(FollowUpRow.created_at)
                )
            )
            if not rows:
                return opening
            texts = "\n\n".join(row.text for row in rows)
            context = (rows[-1].context or opening.context) + UNREAD.format(texts=texts)
            names = [*opening.attachments, *(name for row in rows for name in row.attachments)]
            for row in rows:
                row.delivered = True
            await session.execute(
                sa.update(OpeningRow)
                .where(OpeningRow.id == opening.id)
                .values(context=context, attachments=names)
            )
            return replace(opening, context=context, attachments=tuple(names))


async def _taken(session: AsyncSession, live: Opening, by: OpeningRow) -> Opening:
    """Somebody wants what Heddle had opened for itself: from now on it is theirs."""
    row = await session.get_one(OpeningRow, live.id)
    row.conversation_id, row.message_id, row.opener = by.conversation_id, by.message_id, by.opener
    row.context, row.link, row.attachments = by.context, by.link, list(by.attachments)
    await session.flush()
    return await opening_of(session, row)


async def _of_message(session: AsyncSession, message_id: str) -> OpeningRow | None:
    row: OpeningRow | None = await session.scalar(
        sa.select(OpeningRow).where(OpeningRow.message_id == message_id)
    )
    return row
