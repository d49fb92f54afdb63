"""Check runs: made and changed by the App only."""

from __future__ import annotations

from dataclasses import replace

from playground.github.access import Level
from playground.github.api.installations import app_json
from playground.github.api.route import INSTALLATION, ApiRequest, Body, Json, Reply, Route, stamp
from playground.github.errors import Refusal, invalid, not_found
from playground.github.records import CheckRun

STATUSES = frozenset({"queued", "in_progress", "completed"})
CONCLUSIONS = frozenset(
    {"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale"}
)


def check_run_json(request: ApiRequest, run: CheckRun) -> Json:
    hub, repository = request.hub, request.repository
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
        "check_suite": {"id": run.id},
        "app": app_json(hub) if hub.app else None,
        "pull_requests": [],
    }


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
    request.repository.check_runs[run.id] = run
    hub.changes.notify()
    return Reply(check_run_json(request, run), 201)


def _run_of(request: ApiRequest) -> CheckRun:
    run = request.repository.check_runs.get(request.number("run"))
    if run is None:
        raise not_found()
    return run


async def get_check_run(request: ApiRequest) -> Reply:
    return Reply(check_run_json(request, _run_of(request)))


async def change_check_run(request: ApiRequest) -> Reply:
    run = _changed(_run_of(request), request.body, request.hub.clock())
    request.repository.check_runs[run.id] = run
    request.hub.changes.notify()
    return Reply(check_run_json(request, run))


async def list_check_runs(request: ApiRequest) -> Reply:
    sha = await request.repository.git.sha(request.part("ref"))
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {request.part('ref')}")
    name = request.query("check_name")
    runs = [
        check_run_json(request, run)
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
        Route("POST", f"{repo}/check-runs", create_check_run, "checks", write, read, INSTALLATION),
        Route("GET", run, get_check_run, "checks"),
        Route("PATCH", run, change_check_run, "checks", write, read, INSTALLATION),
    )
