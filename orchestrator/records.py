"""Workspaces, runs and follow-ups in the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.interactive.holding import LIVE_RUNS, Held, live_opening, live_run_ids, lock, workspace_of
from orchestrator.report import Report, RunState
from orchestrator.tables import FollowUpRow, OpeningRow, RunRow, WorkspaceRow
from orchestrator.workspaces import Run, Workspace, branch_name, new_id

_REPORT: TypeAdapter[Report] = TypeAdapter(Report)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A task for a repository, on behalf of a conversation.

    base: the branch to start from, None for the conversation's own workspace or the default branch.
    context: what Claude should know of the conversation so far, as markdown.
    link: the address of the conversation, for the pull request; may be empty.
    shared: the conversations that it shares workspaces with.
    branch: an existing branch to work on, empty for one of Heddle's own. avoid: branches that are done with.
    start, untrusted: see Workspace. title, fixes, note, attachments, head: see Run.
    """

    conversation_id: str
    message_id: str
    repository: str
    task: str
    base: str | None = None
    context: str = ""
    link: str = ""
    shared: tuple[str, ...] = ()
    branch: str = ""
    avoid: tuple[str, ...] = ()
    start: str = ""
    untrusted: bool = False
    title: str = ""
    fixes: tuple[str, ...] = ()
    note: str = ""
    attachments: tuple[str, ...] = ()
    head: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A message for a run that is already working."""

    message_id: str
    run_id: str
    text: str
    context: str
    link: str
    created_at: float
    attachments: tuple[str, ...] = ()


def request_after(run: Run, waiting: Sequence[FollowUp]) -> RunRequest:
    """What was said to a run and not read any more, as the next run in its workspace."""
    last, workspace = waiting[-1], run.workspace
    return RunRequest(
        conversation_id=run.conversation_id,
        message_id=last.message_id,
        repository=workspace.repository,
        base=workspace.base or None,
        task="\n\n".join(follow_up.text for follow_up in waiting),
        context=last.context,
        link=last.link,
        shared=(workspace.conversation_id,),
        branch=workspace.branch,
        title=run.title,
        fixes=run.fixes,
        note=run.note,
        attachments=tuple(name for follow_up in waiting for name in follow_up.attachments),
        head=run.report.heads[-1] if run.report is not None and run.report.heads else run.head,
    )


class Records:
    """What the orchestrator remembers, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_run(self, request: RunRequest) -> Run:
        """The run of a message, made when the message has none, in the conversation's workspace.

        Raises Held when that workspace is open interactively.
        """
        async with self._database.write() as session:
            existing = await session.scalar(sa.select(RunRow).where(RunRow.message_id == request.message_id))
            if existing is None:
                workspace = await choose_workspace(session, request)
                await lock(session, workspace.id)
                opening = await live_opening(session, workspace.id)
                if opening is not None:
                    raise Held(opening=opening)
                existing = RunRow(
                    id=new_id(),
                    workspace_id=workspace.id,
                    conversation_id=request.conversation_id,
                    message_id=request.message_id,
                    task=request.task,
                    context=request.context,
                    link=request.link,
                    state=RunState.QUEUED.value,
                    stop_requested=False,
                    created_at=time.time(),
                    title=request.title,
                    fixes=list(request.fixes),
                    note=request.note,
                    attachments=list(request.attachments),
                    head=request.head,
                )
                session.add(existing)
                await session.flush()
            return await run_of(session, existing)

    async def run(self, run_id: str) -> Run:
        async with self._database.read() as session:
            return await run_of(session, await session.get_one(RunRow, run_id))

    async def live_run(self, conversation_ids: Sequence[str], repository: str) -> Run | None:
        """The newest run of these conversations in a repository that has not ended."""
        async with self._database.read() as session:
            row = await session.scalar(
                sa.select(RunRow)
                .join(WorkspaceRow, WorkspaceRow.id == RunRow.workspace_id)
                .where(
                    RunRow.conversation_id.in_(conversation_ids),
                    RunRow.state.in_(LIVE_RUNS),
                    sa.func.lower(WorkspaceRow.repository) == repository.lower(),
                )
                .order_by(RunRow.created_at.desc())
                .limit(1)
            )
            return await run_of(session, row) if row is not None else None

    async def runs(
        self, conversation_ids: Sequence[str] | None = None, *, live: bool = False, limit: int = 20
    ) -> list[Run]:
        """Runs, newest first: of these conversations or of all, the live ones only or all."""
        query = sa.select(RunRow).order_by(RunRow.created_at.desc()).limit(limit)
        if conversation_ids is not None:
            query = query.where(RunRow.conversation_id.in_(conversation_ids))
        if live:
            query = query.where(RunRow.state.in_(LIVE_RUNS))
        async with self._database.read() as session:
            return [await run_of(session, row) for row in await session.scalars(query)]

    async def live_runs(self) -> list[str]:
        """The ids of all runs that have not ended, oldest first."""
        query = sa.select(RunRow.id).where(RunRow.state.in_(LIVE_RUNS)).order_by(RunRow.created_at)
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def has_run(self, run_id: str) -> bool:
        async with self._database.read() as session:
            return await session.get(RunRow, run_id) is not None

    async def is_only_run(self, run: Run) -> bool:
        """Whether its workspace has never had another run, nor been open interactively."""
        async with self._database.read() as session:
            count = await session.scalar(
                sa.select(sa.func.count()).where(RunRow.workspace_id == run.workspace.id)
            )
            openings = await session.scalar(
                sa.select(sa.func.count()).where(OpeningRow.workspace_id == run.workspace.id)
            )
            return count == 1 and openings == 0

    async def is_open(self, workspace_id: str) -> bool:
        """Whether an opening has the workspace or waits for it."""
        async with self._database.read() as session:
            return await live_opening(session, workspace_id) is not None

    async def save(self, run_id: str, *, state: RunState, report: Report | None = None) -> None:
        """Keep where a run is, and its report once it has an end."""
        values: dict[str, object] = {"state": state.value}
        if report is not None:
            values |= {"report": _REPORT.dump_python(report, mode="json"), "ended_at": report.ended_at}
        async with self._database.write() as session:
            await session.execute(sa.update(RunRow).where(RunRow.id == run_id).values(**values))

    async def request_stop(self, run_id: str) -> None:
        async with self._database.write() as session:
            await session.execute(sa.update(RunRow).where(RunRow.id == run_id).values(stop_requested=True))

    async def workspace_of(self, conversation_ids: Sequence[str]) -> Workspace | None:
        """The newest workspace of these conversations."""
        async with self._database.read() as session:
            row = await session.scalar(
                sa.select(WorkspaceRow)
                .where(WorkspaceRow.conversation_id.in_(conversation_ids))
                .order_by(WorkspaceRow.created_at.desc())
                .limit(1)
            )
            return workspace_of(row) if row is not None else None

    async def workspace(self, workspace_id: str) -> Workspace | None:
        """A workspace by its id."""
        async with self._database.read() as session:
            row = await session.get(WorkspaceRow, workspace_id)
            return workspace_of(row) if row is not None else None

    async def run_in(self, workspace_id: str) -> Run | None:
        """The run that has a workspace now, or waits for it."""
        async with self._database.read() as session:
            ids = await live_run_ids(session, workspace_id)
            return await run_of(session, await session.get_one(RunRow, ids[0])) if ids else None

    async def save_workspace(
        self, workspace_id: str, *, base: str | None = None, session_id: str | None = None
    ) -> None:
        """Keep what a run has learned of its workspace."""
        values = {
            name: value for name, value in (("base", base), ("session_id", session_id)) if value is not None
        }
        if values:
            async with self._database.write() as session:
                await session.execute(
                    sa.update(WorkspaceRow).where(WorkspaceRow.id == workspace_id).values(**values)
                )

    async def add_follow_up(self, follow_up: FollowUp) -> bool:
        """Keep a follow-up; False when the run has ended meanwhile, so that it needs a run of its own."""
        async with self._database.write() as session:
            state = await session.scalar(sa.select(RunRow.state).where(RunRow.id == follow_up.run_id))
            if state is None or RunState(state).ended:
                return False
            if await session.get(FollowUpRow, follow_up.message_id) is None:
                session.add(
                    FollowUpRow(
                        message_id=follow_up.message_id,
                        run_id=follow_up.run_id,
                        text=follow_up.text,
                        context=follow_up.context,
                        link=follow_up.link,
                        created_at=follow_up.created_at,
                        attachments=list(follow_up.attachments),
                        delivered=False,
                    )
                )
            return True

    async def messages(self, run_id: str) -> list[str]:
        """The ids of the messages that a run works on: the one that began it, then what was said to it."""
        async with self._database.read() as session:
            run = await session.get_one(RunRow, run_id)
            rows = await session.scalars(
                sa.select(FollowUpRow.message_id)
                .where(FollowUpRow.run_id == run_id, FollowUpRow.delivered.is_(True))
                .order_by(FollowUpRow.created_at)
            )
            return list(dict.fromkeys((run.message_id, *rows)))

    async def hand_over(self, message_ids: Sequence[str], run_id: str) -> None:
        """Let another run count as the one that these follow-ups were said to, and as having read them."""
        async with self._database.write() as session:
            await session.execute(
                sa.update(FollowUpRow)
                .where(FollowUpRow.message_id.in_(message_ids))
                .values(run_id=run_id, delivered=True)
            )

    async def follow_ups(self, run_id: str) -> list[FollowUp]:
        """What was said to a run and Claude Code has not read, in order."""
        async with self._database.read() as session:
            rows = await session.scalars(
                sa.select(FollowUpRow)
                .where(FollowUpRow.run_id == run_id, FollowUpRow.delivered.is_(False))
                .order_by(FollowUpRow.created_at)
            )
            return [
                FollowUp(
                    message_id=row.message_id,
                    run_id=row.run_id,
                    text=row.text,
                    context=row.context,
                    link=row.link,
                    created_at=row.created_at,
                    attachments=tuple(row.attachments),
                )
                for row in rows
            ]

    async def delivered(self, message_ids: Sequence[str]) -> None:
        """Claude Code has read these follow-ups."""
        if message_ids:
            async with self._database.write() as session:
                await session.execute(
                    sa.update(FollowUpRow)
                    .where(FollowUpRow.message_id.in_(message_ids))
                    .values(delivered=True)
                )


async def choose_workspace(session: AsyncSession, request: RunRequest) -> WorkspaceRow:
    """The workspace that a request is for, made when there is none."""
    query = sa.select(WorkspaceRow).where(
        WorkspaceRow.conversation_id.in_((request.conversation_id, *request.shared)),
        sa.func.lower(WorkspaceRow.repository) == request.repository.lower(),
        WorkspaceRow.branch.not_in(request.avoid),
    )
    if request.branch:
        query = query.where(WorkspaceRow.branch == request.branch)
    elif request.base is not None:
        query = query.where(WorkspaceRow.base == request.base)
    if request.start:
        query = query.where(WorkspaceRow.start == request.start)
    found = await session.scalar(query.order_by(WorkspaceRow.created_at.desc()).limit(1))
    if found is not None:
        return found
    # Outsiders' files stay outsiders', whichever conversation goes on with the branch that they are on.
    tainted = await session.scalar(
        sa.select(WorkspaceRow.id)
        .where(
            sa.func.lower(WorkspaceRow.repository) == request.repository.lower(),
            WorkspaceRow.branch.in_((request.branch, request.base or "")),
            WorkspaceRow.untrusted.is_(True),
        )
        .limit(1)
    )
    workspace_id = new_id()
    created = WorkspaceRow(
        id=workspace_id,
        conversation_id=request.conversation_id,
        repository=request.repository,
        base=request.base or "",
        branch=request.branch or branch_name(request.title or request.task, workspace_id),
        session_id=None,
        start=request.start,
        untrusted=request.untrusted or tainted is not None,
        created_at=time.time(),
    )
    session.add(created)
    await session.flush()
    return created


async def run_of(session: AsyncSession, row: RunRow) -> Run:
    workspace = workspace_of(await session.get_one(WorkspaceRow, row.workspace_id))
    return Run(
        id=row.id,
        workspace=workspace,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        task=row.task,
        context=row.context,
        link=row.link,
        state=RunState(row.state),
        stop_requested=row.stop_requested,
        created_at=row.created_at,
        report=_REPORT.validate_python(row.report) if row.report is not None else None,
        title=row.title,
        fixes=tuple(row.fixes),
        note=row.note,
        attachments=tuple(row.attachments),
        head=row.head,
    )
