"""What the database says about workspaces, for a sweep: a constant number of queries, whatever there is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from orchestrator.database import Database
from orchestrator.interactive.holding import LIVE, LIVE_RUNS
from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.facts import Row, SeenContainer
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow

_WORKSPACE = (
    WorkspaceRow.id,
    WorkspaceRow.conversation_id,
    WorkspaceRow.repository,
    WorkspaceRow.state,
    WorkspaceRow.state_at,
    WorkspaceRow.created_at,
    WorkspaceRow.active_at,
    WorkspaceRow.attempts,
    WorkspaceRow.retry_at,
    WorkspaceRow.checkpoint,
    WorkspaceRow.checkpoint_at,
)
_OPENING = (OpeningRow.workspace_id, OpeningRow.id, OpeningRow.state, OpeningRow.created_at)
_RUN = (RunRow.workspace_id, RunRow.id, RunRow.state)


class Rows:
    """The workspaces in `database`, each with what holds it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(
        self, ended: Mapping[str, float], busy: Callable[[str], bool], watched: Callable[[str], int]
    ) -> list[Row]:
        """Every workspace that has a row, by three queries.

        ended: since when a conversation counts as ended, by its id. busy, watched: see Row, by a workspace's id.
        """
        return await self._read(None, ended, busy, watched)

    async def one(
        self,
        workspace_id: str,
        ended: Mapping[str, float],
        busy: Callable[[str], bool],
        watched: Callable[[str], int],
    ) -> Row | None:
        """The same for one workspace; None when it has no row."""
        found = await self._read(workspace_id, ended, busy, watched)
        return found[0] if found else None

    async def unknown(self, containers: Collection[SeenContainer]) -> frozenset[str]:
        """The ids of openings and runs on these labels that have no row, not even an ended one. By two queries."""
        openings = {container.opening_id for container in containers} - {""}
        runs = {container.run_id for container in containers} - {""}
        async with self._database.read() as session:
            known = [
                *await session.scalars(sa.select(OpeningRow.id).where(OpeningRow.id.in_(openings))),
                *await session.scalars(sa.select(RunRow.id).where(RunRow.id.in_(runs))),
            ]
        return frozenset((openings | runs).difference(known))

    async def _read(
        self,
        workspace_id: str | None,
        ended: Mapping[str, float],
        busy: Callable[[str], bool],
        watched: Callable[[str], int],
    ) -> list[Row]:
        workspaces = sa.select(*_WORKSPACE)
        openings = sa.select(*_OPENING).where(OpeningRow.state.in_(LIVE))
        runs = sa.select(*_RUN).where(RunRow.state.in_(LIVE_RUNS)).order_by(RunRow.created_at)
        if workspace_id is not None:
            workspaces = workspaces.where(WorkspaceRow.id == workspace_id)
            openings = openings.where(OpeningRow.workspace_id == workspace_id)
            runs = runs.where(RunRow.workspace_id == workspace_id)
        async with self._database.read() as session:
            # One transaction: a workspace is never seen between an opening and the run that follows it.
            held = _first((await session.execute(openings)).all())
            running = _first((await session.execute(runs)).all())
            found = (await session.execute(workspaces)).all()
        return [
            _row(row, held.get(row.id), running.get(row.id), ended, busy(row.id), watched(row.id))
            for row in found
        ]


def _first(rows: Iterable[Any]) -> dict[str, Any]:
    """By workspace; of several of one workspace the first."""
    by_workspace: dict[str, Any] = {}
    for row in rows:
        by_workspace.setdefault(row.workspace_id, row)
    return by_workspace


def _row(row: Any, opening: Any, run: Any, ended: Mapping[str, float], busy: bool, watched: int) -> Row:
    return Row(
        id=row.id,
        repository=row.repository,
        state=WorkspaceState(row.state),
        state_at=row.state_at,
        created_at=row.created_at,
        opening=OpeningState(opening.state) if opening is not None else None,
        opening_id=opening.id if opening is not None else "",
        run=RunState(run.state) if run is not None else None,
        run_id=run.id if run is not None else "",
        attempts=row.attempts,
        retry_at=row.retry_at,
        # Who asked for it was there at that time, also if nobody has come since.
        active_at=max(row.active_at, opening.created_at if opening is not None else 0.0),
        checkpoint=row.checkpoint,
        checkpoint_at=row.checkpoint_at,
        ended_at=ended.get(row.conversation_id),
        busy=busy,
        watched=watched,
    )
