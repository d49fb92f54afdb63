"""The pull requests that a workspace has had, by the refs that the code host keeps for them."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.database import Database
from orchestrator.tables import RunRow, WorkspaceRow

REF = "refs/pull/{number}/head"
RUNS = 20  # of the newest ones


class Pulls:
    """Known from the reports of runs, and from what people asked for in terminals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refs(self, workspace_id: str) -> list[str]:
        """Newest first; whether they exist is for the code host to say."""
        async with self._database.read() as session:
            asked = await session.scalar(
                sa.select(WorkspaceRow.pull_request).where(WorkspaceRow.id == workspace_id)
            )
            reports = await session.scalars(
                sa.select(RunRow.report)
                .where(RunRow.workspace_id == workspace_id, RunRow.report.is_not(None))
                .order_by(RunRow.created_at.desc())
                .limit(RUNS)
            )
            numbers = [asked, *((report or {}).get("pull_request") or {} for report in reports)]
        found = [number.get("number") if isinstance(number, dict) else number for number in numbers]
        return [REF.format(number=number) for number in dict.fromkeys(found) if number]

    async def note(self, workspace_id: str, number: int) -> None:
        """A pull request was opened in a terminal."""
        async with self._database.write() as session:
            await session.execute(
                sa.update(WorkspaceRow).where(WorkspaceRow.id == workspace_id).values(pull_request=number)
            )
