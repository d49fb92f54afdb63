"""Pull requests."""

from __future__ import annotations

from playground.github.access import ANONYMOUS, Caller, Level
from playground.github.api.commits import COMMITS_SHOWN, commit_json, file_json
from playground.github.api.issues import asked_state, check_author, in_state, issue_json
from playground.github.api.repositories import repository_json
from playground.github.api.route import ApiRequest, Json, Reply, Route, stamp
from playground.github.api.users import account_json
from playground.github.errors import Refusal, invalid, not_found
from playground.github.history import Comparison, changes, compare, log
from playground.github.hub import Hub
from playground.github.merging import MergeMethod
from playground.github.pulls import edit_pull, head_label, merge_pull, mergeable, open_pull, review_missing
from playground.github.records import Pull
from playground.github.repositories import Repository


async def comparison_of(repository: Repository, pull: Pull) -> Comparison:
    """The difference that the pull request is about; after a merge, what it was."""
    base = pull.base_sha if pull.merged_at else await repository.branch_sha(pull.base)
    found = await compare(repository.git, base or pull.base_sha, pull.head_sha)
    if found is None:
        raise not_found()
    return found


def _side(hub: Hub, full_name: str, branch: str, sha: str, caller: Caller) -> Json:
    """One end of a pull request; what is gone is None. Who sees a repository sees the forks that want into it."""
    owner = full_name.partition("/")[0]
    repository, account = hub.repositories.get(full_name.lower()), hub.account(owner)
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": account_json(hub, account) if account is not None else None,
        "repo": repository_json(hub, repository, caller) if repository is not None else None,
    }


def pull_json(hub: Hub, repository: Repository, pull: Pull, caller: Caller = ANONYMOUS) -> Json:
    """A pull request as lists show it."""
    url = f"{hub.api_url}/repos/{repository.full_name}"
    page = f"{hub.url}/{repository.full_name}/pull/{pull.number}"
    issue = issue_json(hub, repository, repository.issues[pull.number])
    shared = (
        "number state title body user labels assignee assignees milestone locked active_lock_reason "
        "created_at updated_at closed_at author_association"
    )
    return {
        **{name: issue[name] for name in shared.split()},
        "id": pull.id,
        "node_id": f"PR_{pull.id}",
        "url": f"{url}/pulls/{pull.number}",
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": f"{url}/issues/{pull.number}",
        "commits_url": f"{url}/pulls/{pull.number}/commits",
        "review_comments_url": f"{url}/pulls/{pull.number}/comments",
        "review_comment_url": f"{url}/pulls/comments{{/number}}",
        "comments_url": f"{url}/issues/{pull.number}/comments",
        "statuses_url": f"{url}/statuses/{pull.head_sha}",
        "merged_at": stamp(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _side(hub, pull.head_repository or repository.full_name, pull.head, pull.head_sha, caller),
        "base": _side(hub, repository.full_name, pull.base, pull.base_sha, caller),
        "_links": {"self": {"href": f"{url}/pulls/{pull.number}"}, "html": {"href": page}},
        "auto_merge": None,
        "draft": pull.draft,
    }


async def full_pull_json(hub: Hub, repository: Repository, pull: Pull, caller: Caller = ANONYMOUS) -> Json:
    """A pull request as its own address answers: with its numbers and whether it merges."""
    comparison = await comparison_of(repository, pull)
    files = await changes(repository.git, comparison.merge_base, pull.head_sha)
    clean = await mergeable(repository, pull)
    state = {None: "unknown", True: "clean", False: "dirty"}[clean]
    if clean and review_missing(repository, pull):
        state = "blocked"
    return {
        **pull_json(hub, repository, pull, caller),
        "merged": pull.merged_at is not None,
        "mergeable": clean,
        "rebaseable": clean,
        "mergeable_state": "draft" if pull.draft and clean else state,
        "merged_by": account_json(hub, pull.merged_by) if pull.merged_by else None,
        "comments": len(repository.comments_of(pull.number)),
        "review_comments": sum(each.pull == pull.number for each in repository.review_comments.values()),
        "maintainer_can_modify": bool(pull.head_repository),
        "commits": comparison.ahead_by,
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


async def _full(request: ApiRequest, pull: Pull) -> Json:
    return await full_pull_json(request.hub, request.repository, pull, request.caller)


def pull_of(request: ApiRequest) -> Pull:
    pull = request.repository.pulls.get(request.number("number"))
    if pull is None:
        raise not_found()
    return pull


async def list_pulls(request: ApiRequest) -> Reply:
    repository = request.repository
    state, base, head = request.query("state", "open"), request.query("base"), request.query("head")
    found = [pull for pull in repository.pulls.values() if in_state(repository.issues[pull.number], state)]
    if base:
        found = [pull for pull in found if pull.base == base]
    if ":" in head:  # GitHub passes over a filter without an owner
        found = [pull for pull in found if head_label(repository, pull).lower() == head.lower()]
    found.sort(key=lambda pull: pull.number, reverse=request.query("direction", "desc") == "desc")
    return request.page([pull_json(request.hub, repository, pull, request.caller) for pull in found])


async def create_pull(request: ApiRequest) -> Reply:
    body = request.body
    pull = await open_pull(
        request.hub,
        request.repository,
        request.account,
        title=body.needed_text("title", "PullRequest"),
        head=body.needed_text("head", "PullRequest"),
        base=body.needed_text("base", "PullRequest"),
        body=body.text("body"),
        draft=body.flag("draft"),
    )
    return Reply(await _full(request, pull), 201)


async def get_pull(request: ApiRequest) -> Reply:
    return Reply(await _full(request, pull_of(request)))


async def change_pull(request: ApiRequest) -> Reply:
    pull = pull_of(request)
    check_author(request, request.repository.issues[pull.number].user.id)
    pull = await edit_pull(
        request.hub,
        request.repository,
        pull.number,
        request.account,
        title=request.body.text("title"),
        body=request.body.text("body"),
        state=asked_state(request, "PullRequest"),
        base=request.body.text("base"),
    )
    return Reply(await _full(request, pull))


async def list_files(request: ApiRequest) -> Reply:
    pull = pull_of(request)
    comparison = await comparison_of(request.repository, pull)
    files = await changes(request.repository.git, comparison.merge_base, pull.head_sha)
    return request.page([file_json(request.hub, request.repository, file, pull.head_sha) for file in files])


async def list_pull_commits(request: ApiRequest) -> Reply:
    pull = pull_of(request)
    comparison = await comparison_of(request.repository, pull)
    span = f"{comparison.base}..{pull.head_sha}"
    commits = await log(request.repository.git, span, limit=COMMITS_SHOWN)
    return request.page([commit_json(request.hub, request.repository, each) for each in reversed(commits)])


async def get_merged(request: ApiRequest) -> Reply:
    if pull_of(request).merged_at is None:
        raise not_found()
    return Reply(None, 204)


async def put_merge(request: ApiRequest) -> Reply:
    method = request.body.text("merge_method") or MergeMethod.MERGE
    if method == "rebase":
        raise Refusal(405, "Rebase merges are not allowed on this repository.")
    if method not in set(MergeMethod):
        raise invalid("PullRequest", "merge_method")
    pull = await merge_pull(
        request.hub,
        request.repository,
        pull_of(request).number,
        request.account,
        method=MergeMethod(method),
        title=request.body.text("commit_title"),
        message=request.body.text("commit_message"),
        sha=request.body.text("sha"),
    )
    return Reply(
        {"sha": pull.merge_commit_sha, "merged": True, "message": "Pull Request successfully merged"}
    )


def routes() -> tuple[Route, ...]:
    repo = "/repos/{owner}/{repo}"
    pull = f"{repo}/pulls/{{number:\\d+}}"
    name, write = "pull_requests", Level.WRITE
    return (
        Route("GET", f"{repo}/pulls", list_pulls, name),
        Route("POST", f"{repo}/pulls", create_pull, name, write),
        Route("GET", pull, get_pull, name),
        Route("PATCH", pull, change_pull, name, write, Level.READ),
        Route("GET", f"{pull}/files", list_files, name),
        Route("GET", f"{pull}/commits", list_pull_commits, name),
        Route("GET", f"{pull}/merge", get_merged, name),
        Route("PUT", f"{pull}/merge", put_merge, "contents", write),
    )
