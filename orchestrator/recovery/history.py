"""Where each workspace is, how it came there, and everybody who wants to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.interactive.holding import lock
from orchestrator.interactive.topic import Topic
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.states import WorkspaceState, possible
from orchestrator.tables import MoveRow, WorkspaceRow

MOVES = 50  # that a page shows
LONGEST_REASON = 500  # characters
# At these a workspace has come through: what failed before says nothing about the next time.
_THROUGH = (WorkspaceState.RUNNING, WorkspaceState.CLOSED)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Move:
    """A workspace went from one state to another. at: seconds since the epoch."""

    at: float
    before: WorkspaceState
    after: WorkspaceState
    reason: str


class History:
    """The states of all workspaces in `database`, and the moves between them. A workspace without a row is fine."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._topics: dict[str, Topic[tuple[WorkspaceState, list[Move]] | None]] = {}
        self._telling = asyncio.Lock()

    async def move(
        self, workspace_id: str, to: WorkspaceState, reason: str, *, of: WorkspaceState | None = None
    ) -> bool:
        """Note a new state; False when it is there already, or no way leads there, which is logged.

        of: the only state to move from; in another one nothing happens.
        """
        async with self._database.write() as session:
            row = await _locked(session, workspace_id)
            expected = row is not None and of in (None, row.state)
            moved = row is not None and expected and self._move(session, row, to, reason)
        if moved:
            await self._tell(workspace_id)
        return moved

    async def state(self, workspace_id: str) -> WorkspaceState:
        """Where it is; CLOSED when there is no such workspace."""
        async with self._database.read() as session:
            return await _state(session, workspace_id)

    async def moves(self, workspace_id: str, limit: int = MOVES) -> list[Move]:
        """How it came there, newest first."""
        async with self._database.read() as session:
            return await _moves(session, workspace_id, limit)

    async def touch(self, workspace_id: str, at: float | None = None) -> None:
        """Somebody looks at it or something is at work in it, now or at that time."""
        await self.touch_all((workspace_id,), at)

    async def touch_all(self, workspace_ids: Collection[str], at: float | None = None) -> None:
        """As `touch`, for many at once. Time never goes back."""
        when = self._clock() if at is None else at
        if not workspace_ids:
            return
        async with self._database.write() as session:
            await session.execute(
                sa.update(WorkspaceRow)
                .where(WorkspaceRow.id.in_(workspace_ids), WorkspaceRow.active_at < when)
                .values(active_at=when)
            )

    async def failed(self, workspace_id: str, reason: str, policy: Policy) -> int:
        """Count a recovery that failed: how many there are in a row by now.

        When `policy.attempts` are used up it is FAILED, and the next attempt waits.
        """
        async with self._database.write() as session:
            row = await _locked(session, workspace_id)
            if row is None:
                return 0
            row.attempts += 1
            attempts, before = row.attempts, row.state
            late = attempts - policy.attempts
            if late >= 0:
                pauses = policy.backoff or (0.0,)
                row.retry_at = self._clock() + pauses[min(late, len(pauses) - 1)]
                if not possible(WorkspaceState(row.state), WorkspaceState.FAILED):
                    self._move(session, row, WorkspaceState.RECOVERING, reason)
                self._move(session, row, WorkspaceState.FAILED, reason)
            moved = row.state != before
        if moved:
            await self._tell(workspace_id)
        return attempts

    async def recovered(self, workspace_id: str, reason: str) -> None:
        """It runs again: RUNNING, and nothing is counted any more."""
        async with self._database.write() as session:
            row = await _locked(session, workspace_id)
            moved = row is not None and self._move(session, row, WorkspaceState.RUNNING, reason)
            if row is not None and not moved:
                _forget_failures(row)
        if moved:
            await self._tell(workspace_id)

    async def postpone(self, workspace_id: str, seconds: float) -> None:
        """Let the next attempt wait, without counting a failure."""
        async with self._database.write() as session:
            await session.execute(
                sa.update(WorkspaceRow)
                .where(WorkspaceRow.id == workspace_id)
                .values(retry_at=self._clock() + seconds)
            )

    async def saved(self, workspace_id: str, checkpoint: str, at: float) -> None:
        """Its newest checkpoint is that commit; empty when the remote lacked nothing at that time."""
        async with self._database.write() as session:
            await session.execute(
                sa.update(WorkspaceRow)
                .where(WorkspaceRow.id == workspace_id)
                .values(checkpoint=checkpoint, checkpoint_at=at)
            )

    async def watch(self, workspace_id: str) -> AsyncGenerator[tuple[WorkspaceState, list[Move]], None]:
        """Where it is and how it came there, newest first; then again after each move in this process.

        Never ends by itself.
        """
        topic = self._topics.setdefault(workspace_id, Topic(None))
        try:
            async with aclosing(topic.watch()) as values:
                async for value in values:
                    if value is None:  # a move from here on is told: the topic was there before this look
                        await self._tell(workspace_id)
                    else:
                        yield value
        finally:
            if not topic.watched and self._topics.get(workspace_id) is topic:
                del self._topics[workspace_id]

    def _move(self, session: AsyncSession, row: WorkspaceRow, to: WorkspaceState, reason: str) -> bool:
        before = WorkspaceState(row.state)
        if before is to:
            return False
        if not possible(before, to):
            log.warning("no such way", workspace=row.id, before=before.value, after=to.value, reason=reason)
            return False
        at = self._clock()
        row.state, row.state_at = to.value, at
        if to in _THROUGH:
            _forget_failures(row)
        session.add(
            MoveRow(
                workspace_id=row.id,
                at=at,
                before=before.value,
                after=to.value,
                reason=reason[:LONGEST_REASON],
            )
        )
        log.info("moved", workspace=row.id, before=before.value, after=to.value, reason=reason)
        return True

    async def _tell(self, workspace_id: str) -> None:
        topic = self._topics.get(workspace_id)
        if topic is None:
            return
        async with self._telling:  # or an older look could come to its end after a newer one
            async with self._database.read() as session:
                value = await _state(session, workspace_id), await _moves(session, workspace_id, MOVES)
            topic.set(value)


def _forget_failures(row: WorkspaceRow) -> None:
    if row.attempts or row.state == WorkspaceState.CLOSED:  # what was postponed without a failure stays so
        row.attempts, row.retry_at = 0, 0.0


async def _locked(session: AsyncSession, workspace_id: str) -> WorkspaceRow | None:
    await lock(session, workspace_id)
    return await session.get(WorkspaceRow, workspace_id)


async def _state(session: AsyncSession, workspace_id: str) -> WorkspaceState:
    state = await session.scalar(sa.select(WorkspaceRow.state).where(WorkspaceRow.id == workspace_id))
    return WorkspaceState(state) if state is not None else WorkspaceState.CLOSED


async def _moves(session: AsyncSession, workspace_id: str, limit: int) -> list[Move]:
    rows = await session.scalars(
        sa.select(MoveRow)
        .where(MoveRow.workspace_id == workspace_id)
        .order_by(MoveRow.id.desc())
        .limit(limit)
    )
    return [Move(row.at, WorkspaceState(row.before), WorkspaceState(row.after), row.reason) for row in rows]
