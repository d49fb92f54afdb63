"""git's refs over REST."""

from __future__ import annotations

from playground.github.access import Level
from playground.github.api.route import ApiRequest, Json, Reply, Route
from playground.github.errors import Refusal, not_found
from playground.github.git import GitFailed
from playground.github.pulls import create_branch, follow_branches

NO_FAST_FORWARD = "Update is not a fast forward"
MOVED = "Reference cannot be updated"
NO_REFERENCE = "Reference does not exist"
PROTECTED = "Cannot update this protected ref."


def ref_json(request: ApiRequest, ref: str, sha: str) -> Json:
    url = f"{request.hub.api_url}/repos/{request.repository.full_name}/git"
    return {
        "ref": ref,
        "node_id": f"REF_{sha}",
        "url": f"{url}/{ref}",
        "object": {"sha": sha, "type": "commit", "url": f"{url}/commits/{sha}"},
    }


async def _matching(request: ApiRequest, prefix: str) -> list[tuple[str, str]]:
    refs = await request.repository.git.refs("refs/")
    return [(ref, sha) for ref, sha in refs.items() if ref.startswith(prefix)]


async def list_refs(request: ApiRequest) -> Reply:
    return request.page([ref_json(request, ref, sha) for ref, sha in await _matching(request, "refs/")])


async def match_refs(request: ApiRequest) -> Reply:
    found = await _matching(request, f"refs/{request.part('ref')}")
    return request.page([ref_json(request, ref, sha) for ref, sha in found])


async def _existing(request: ApiRequest) -> tuple[str, str] | None:
    wanted = f"refs/{request.part('ref')}"
    return next((pair for pair in await _matching(request, wanted) if pair[0] == wanted), None)


async def get_ref(request: ApiRequest) -> Reply:
    found = await _existing(request)
    if found is None:
        raise not_found()
    return Reply(ref_json(request, *found))


async def create_ref(request: ApiRequest) -> Reply:
    ref = request.body.needed_text("ref", "Reference")
    sha = request.body.needed_text("sha", "Reference")
    if not ref.startswith("refs/") or ref.count("/") < 2 or not await _valid(request, ref):
        raise Refusal(422, "Reference name must start with 'refs/' and have at least two slashes.")
    if ref.startswith("refs/pull/"):
        raise Refusal(422, PROTECTED)
    await create_branch(request.hub, request.repository, ref, sha, request.account)
    return Reply(ref_json(request, ref, sha), 201)


async def _valid(request: ApiRequest, ref: str) -> bool:
    try:
        await request.repository.git.run("check-ref-format", ref)
    except GitFailed:
        return False
    return True


def _check_protection(request: ApiRequest, ref: str) -> None:
    branch = ref.removeprefix("refs/heads/")
    if branch in request.repository.protected or ref.startswith("refs/pull/"):
        raise Refusal(422, PROTECTED)


async def update_ref(request: ApiRequest) -> Reply:
    repository = request.repository
    sha = request.body.needed_text("sha", "Reference")
    found = await _existing(request)
    if found is None:
        raise Refusal(422, NO_REFERENCE)
    ref, old = found
    _check_protection(request, ref)
    if await repository.git.sha(sha) is None:
        raise Refusal(422, "Object does not exist")
    if not request.body.flag("force") and not await repository.git.is_ancestor(old, sha):
        raise Refusal(422, NO_FAST_FORWARD)
    try:
        await repository.git.update_ref(ref, sha, old)
    except GitFailed as failure:
        raise Refusal(422, MOVED) from failure
    await follow_branches(request.hub, repository, request.account)
    return Reply(ref_json(request, ref, sha))


async def delete_ref(request: ApiRequest) -> Reply:
    found = await _existing(request)
    if found is None:
        raise Refusal(422, NO_REFERENCE)
    ref = found[0]
    _check_protection(request, ref)
    if ref == f"refs/heads/{request.repository.default_branch}":
        raise Refusal(422, "Cannot delete the default branch")
    await request.repository.git.delete_ref(ref)
    await follow_branches(request.hub, request.repository, request.account)
    return Reply(None, 204)


def routes() -> tuple[Route, ...]:
    git = "/repos/{owner}/{repo}/git"
    return (
        Route("GET", f"{git}/ref/{{ref:.+}}", get_ref, "contents"),
        Route("GET", f"{git}/matching-refs/{{ref:.+}}", match_refs, "contents"),
        Route("GET", f"{git}/refs", list_refs, "contents"),
        Route("GET", f"{git}/refs/{{ref:.+}}", get_ref, "contents"),
        Route("POST", f"{git}/refs", create_ref, "contents", Level.WRITE),
        Route("PATCH", f"{git}/refs/{{ref:.+}}", update_ref, "contents", Level.WRITE),
        Route("DELETE", f"{git}/refs/{{ref:.+}}", delete_ref, "contents", Level.WRITE),
    )
