"""What happens to check runs: every change of them goes through here, and completes their suites."""

from __future__ import annotations

from dataclasses import replace

from playground.github.errors import invalid
from playground.github.happenings import Happening
from playground.github.hub import Hub
from playground.github.records import Account, CheckRun, IssueState, Pull
from playground.github.repositories import Repository

CONCLUSIONS = (
    "failure",
    "timed_out",
    "action_required",
    "cancelled",
    "stale",
    "success",
    "neutral",
    "skipped",
)
"""How a check run can end, the worst first."""


def save_run(hub: Hub, repository: Repository, run: CheckRun, by: Account) -> None:
    """Keep a new or changed check run, and tell of what that makes of it and of its suite."""
    old = repository.check_runs.get(run.id)
    repository.check_runs[run.id] = run
    hub.changes.notify()
    if old is None:
        hub.happen(Happening("check_run", "created", repository, by, check_run=run))
    if run.status != "completed" or (old is not None and old.status == "completed"):
        return
    hub.happen(Happening("check_run", "completed", repository, by, check_run=run))
    suite = suite_of(repository, run)
    if all(each.status == "completed" for each in suite):
        hub.happen(Happening("check_suite", "completed", repository, by, check_run=run, suite=suite))


def completed(run: CheckRun, conclusion: str, now: float) -> CheckRun:
    """The run with its end. Raises Refusal for a conclusion that GitHub does not have."""
    if conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", "conclusion")
    return replace(run, status="completed", conclusion=conclusion, completed_at=run.completed_at or now)


def suite_of(repository: Repository, run: CheckRun) -> tuple[CheckRun, ...]:
    """All check runs of one App on one commit, oldest first."""
    return tuple(
        each
        for each in repository.check_runs.values()
        if (each.app_slug, each.head_sha) == (run.app_slug, run.head_sha)
    )


def suite_id(suite: tuple[CheckRun, ...]) -> int:
    """What a suite is known by: the id of its first run, which stays."""
    return suite[0].id


def suite_status(suite: tuple[CheckRun, ...]) -> str:
    """How far a suite is: as far as the run that is the least far."""
    statuses = {run.status for run in suite}
    if statuses == {"completed"}:
        return "completed"
    return "queued" if statuses == {"queued"} else "in_progress"


def suite_conclusion(suite: tuple[CheckRun, ...]) -> str | None:
    """The worst conclusion of a suite; None until all of it is completed."""
    if suite_status(suite) != "completed":
        return None
    # A run that was started again under its name counts, the one before it does not.
    latest = {run.name: run.conclusion or "" for run in suite}
    return min(latest.values(), key=CONCLUSIONS.index)


def pulls_at(repository: Repository, sha: str) -> tuple[Pull, ...]:
    """The open pull requests of the repository's own branches whose head is a commit."""
    return tuple(
        pull
        for pull in repository.pulls.values()
        if pull.head_sha == sha
        and not pull.head_repository
        and repository.issues[pull.number].state is IssueState.OPEN
    )
