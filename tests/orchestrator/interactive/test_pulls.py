"""Which pull requests a workspace has had."""

from __future__ import annotations

import time

from orchestrator.database import Database
from orchestrator.interactive.pulls import Pulls
from orchestrator.records import Records, RunRequest
from orchestrator.report import PullRequest, Report, RunState


async def run(records: Records, message: str, number: int | None) -> str:
    made = await records.create_run(RunRequest("c", message, "acme/tally", "do it"))
    pull = PullRequest(number, "https://example.org") if number is not None else None
    report = Report(
        made.id, "do it", RunState.SUCCEEDED, time.time(), ended_at=time.time(), pull_request=pull
    )
    await records.save(made.id, state=RunState.SUCCEEDED, report=report)
    return made.workspace.id


async def test_they_are_known_from_reports_and_terminals(database: Database) -> None:
    records, pulls = Records(database), Pulls(database)
    assert await pulls.refs("nobody") == []
    workspace_id = await run(records, "m1", 3)
    await run(records, "m2", None)
    assert await pulls.refs(workspace_id) == ["refs/pull/3/head"]
    await run(records, "m3", 4)
    await pulls.note(workspace_id, 5)
    assert await pulls.refs(workspace_id) == ["refs/pull/5/head", "refs/pull/4/head", "refs/pull/3/head"]
    await pulls.note(workspace_id, 3)
    assert await pulls.refs(workspace_id) == ["refs/pull/3/head", "refs/pull/4/head"]
