"""Check runs, made and changed by the App only, and the suites that they make up."""

from __future__ import annotations

from dataclasses import replace

from playground.github.access import Level
from playground.github.api.installations import app_json
from playground.github.api.route import INSTALLATION, ApiRequest, Body, Json, Reply, Route, stamp
from playground.github.checks import (
    CONCLUSIONS,
    pulls_at,
    save_run,
    suite_conclusion,
    suite_id,
    suite_of,
    suite_status,
)
from playground.github.errors import Refusal, invalid, not_found
from playground.github.hub import Hub
from playground.github.records import CheckRun
from playground.github.repositories import Repository

STATUSES = frozenset({"queued", "in_progress", "completed"})


NOT_YOURS = "Invalid app_id `{id}` - check run can only be modified by the GitHub App that created it."


def check_run_json(hub: Hub, repository: Repository, run: CheckRun) -> Json:
    url = f"{hub.api_url}/repos/{repository.full_name}/check-runs/{run.id}"
    page = f"{hub.url}/{repository.full_name}/commit/{run.head_sha}"
    return {
        "id": run.id,
        "node_id": f"CR_{run.id}",
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": stamp(run.started_at),
        "completed_at": stamp(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": suite_id(suite_of(repository, run))},
        "app": app_json(hub, run.app_slug),
        "pull_requests": _pulls_json(hub, repository, run.head_sha),
    }


def check_suite_json(
    hub: Hub, repository: Repository, suite: tuple[CheckRun, ...], branch: str | None = None
) -> Json:
    """All check runs of one App on one commit as one; `branch` where no pull request says which it is."""
    first = suite[0]
    url = f"{hub.api_url}/repos/{repository.full_name}"
    pulls = pulls_at(repository, first.head_sha)
    latest = max(run.completed_at or run.started_at for run in suite)
    return {
        "id": suite_id(suite),
        "node_id": f"CS_{suite_id(suite)}",
        "head_branch": pulls[0].head if pulls else branch,
        "head_sha": first.head_sha,
        "status": suite_status(suite),
        "conclusion": suite_conclusion(suite),
        "url": f"{url}/check-suites/{suite_id(suite)}",
        "check_runs_url": f"{url}/check-suites/{suite_id(suite)}/check-runs",
        "before": None,
        "after": first.head_sha,
        "pull_requests": _pulls_json(hub, repository, first.head_sha),
        "app": app_json(hub, first.app_slug),
        "created_at": stamp(first.started_at),
        "updated_at": stamp(latest),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len({run.name for run in suite}),
    }


def _pulls_json(hub: Hub, repository: Repository, sha: str) -> list[Json]:
    """The pull requests of a commit, as short as check runs and suites show them."""
    url = f"{hub.api_url}/repos/{repository.full_name}"
    repo = {"id": repository.id, "url": url, "name": repository.name}
    return [
        {
            "id": pull.id,
            "number": pull.number,
            "url": f"{url}/pulls/{pull.number}",
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": repo},
            "base": {"ref": pull.base, "sha": pull.base_sha, "repo": repo},
        }
        for pull in pulls_at(repository, sha)
    ]


def _changed(run: CheckRun, body: Body, now: float) -> CheckRun:
    """The run with what the body says. Raises Refusal (422)."""
    status, conclusion = body.text("status") or run.status, body.text("conclusion") or run.conclusion
    if status not in STATUSES:
        raise invalid("CheckRun", "status")
    if conclusion is not None:
        if conclusion not in CONCLUSIONS:
            raise invalid("CheckRun", "conclusion")
        status = "completed"
    elif status == "completed":
        raise invalid("CheckRun", "conclusion", "missing_field")
    output = Body(body.object("output") or {})
    if body.object("output") and output.text("summary") is None:
        raise invalid("CheckRun", "summary", "missing_field")
    return replace(
        run,
        name=body.text("name") or run.name,
        status=status,
        conclusion=conclusion,
        completed_at=(run.completed_at or now) if status == "completed" else None,
        details_url=body.text("details_url") or run.details_url,
        external_id=body.text("external_id") or run.external_id,
        title=output.text("title") or run.title,
        summary=output.text("summary") or run.summary,
        text=output.text("text") or run.text,
    )


async def create_check_run(request: ApiRequest) -> Reply:
    hub, body = request.hub, request.body
    name, head = body.needed_text("name", "CheckRun"), body.needed_text("head_sha", "CheckRun")
    if hub.app is None or await request.repository.git.sha(head) is None:
        raise Refusal(422, f"No commit found for SHA: {head}")
    now = hub.clock()
    run = _changed(CheckRun(hub.take_id(), name, head, "queued", now, hub.app.slug), body, now)
    save_run(hub, request.repository, run, request.account)
    return Reply(check_run_json(hub, request.repository, run), 201)


def _run_of(request: ApiRequest) -> CheckRun:
    run = request.repository.check_runs.get(request.number("run"))
    if run is None:
        raise not_found()
    return run


async def get_check_run(request: ApiRequest) -> Reply:
    return Reply(check_run_json(request.hub, request.repository, _run_of(request)))


async def change_check_run(request: ApiRequest) -> Reply:
    hub, old = request.hub, _run_of(request)
    if hub.app is None or old.app_slug != hub.app.slug:
        raise Refusal(403, NOT_YOURS.format(id=hub.app.id if hub.app else 0))
    run = _changed(old, request.body, hub.clock())
    save_run(hub, request.repository, run, request.account)
    return Reply(check_run_json(hub, request.repository, run))


async def _commit_of(request: ApiRequest) -> str:
    sha = await request.repository.git.sha(request.part("ref"))
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {request.part('ref')}")
    return sha


async def list_check_suites(request: ApiRequest) -> Reply:
    sha, repository = await _commit_of(request), request.repository
    suites = {run.app_slug: run for run in repository.check_runs.values() if run.head_sha == sha}
    shown = [check_suite_json(request.hub, repository, suite_of(repository, run)) for run in suites.values()]
    return request.page(shown, inside="check_suites")


async def list_check_runs(request: ApiRequest) -> Reply:
    sha, name = await _commit_of(request), request.query("check_name")
    runs = [
        check_run_json(request.hub, request.repository, run)
        for run in reversed(request.repository.check_runs.values())
        if run.head_sha == sha and name in {"", run.name}
    ]
    return request.page(runs, inside="check_runs")


def routes() -> tuple[Route, ...]:
    repo = "/repos/{owner}/{repo}"
    run = f"{repo}/check-runs/{{run:\\d+}}"
    write, read = Level.WRITE, Level.READ
    return (
        Route("GET", f"{repo}/commits/{{ref:.+}}/check-runs", list_check_runs, "checks"),
        Route("GET", f"{repo}/commits/{{ref:.+}}/check-suites", list_check_suites, "checks"),
        Route("POST", f"{repo}/check-runs", create_check_run, "checks", write, read, INSTALLATION),
        Route("GET", run, get_check_run, "checks"),
        Route("PATCH", run, change_check_run, "checks", write, read, INSTALLATION),
    )
