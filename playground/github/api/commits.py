"""Commits and comparisons, computed by git."""

from __future__ import annotations

from playground.github.api.route import ApiRequest, Json, Reply, Route
from playground.github.api.users import account_json
from playground.github.errors import Refusal, not_found
from playground.github.history import (
    EMPTY_TREE,
    Commit,
    FileChange,
    Signature,
    changes,
    compare,
    log,
)
from playground.github.hub import Hub
from playground.github.pulls import branch_of
from playground.github.records import Account
from playground.github.repositories import Repository

FILES_SHOWN = 300
COMMITS_SHOWN = 250


def account_of(hub: Hub, signature: Signature) -> Account | None:
    """The account whose address a commit was made with."""
    for account in hub.accounts.values():
        if account.email.lower() == signature.email.lower():
            return account
    return None


def _signature_json(signature: Signature) -> Json:
    date = signature.at.astimezone().isoformat()
    return {"name": signature.name, "email": signature.email, "date": date}


def git_commit_json(hub: Hub, repository: Repository, commit: Commit) -> Json:
    url = f"{hub.api_url}/repos/{repository.full_name}/git"
    html_url = f"{hub.url}/{repository.full_name}/commit"
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{html_url}/{commit.sha}",
        "author": _signature_json(commit.author),
        "committer": _signature_json(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{url}/trees/{commit.tree}"},
        "parents": [
            {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{html_url}/{sha}"}
            for sha in commit.parents
        ],
        "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
    }


def commit_json(hub: Hub, repository: Repository, commit: Commit) -> Json:
    """A commit without its files."""
    url = f"{hub.api_url}/repos/{repository.full_name}"
    html_url = f"{hub.url}/{repository.full_name}/commit"
    author, committer = account_of(hub, commit.author), account_of(hub, commit.committer)
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "commit": {
            "author": _signature_json(commit.author),
            "committer": _signature_json(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
            "url": f"{url}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
        },
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{html_url}/{commit.sha}",
        "comments_url": f"{url}/commits/{commit.sha}/comments",
        "author": account_json(hub, author) if author else None,
        "committer": account_json(hub, committer) if committer else None,
        "parents": [
            {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{html_url}/{sha}"}
            for sha in commit.parents
        ],
    }


def file_json(hub: Hub, repository: Repository, file: FileChange, sha: str) -> Json:
    """One changed file; `sha` is the commit whose version of the file the links show."""
    shown: dict[str, object] = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{hub.url}/{repository.full_name}/blob/{sha}/{file.path}",
        "raw_url": f"{hub.url}/{repository.full_name}/blob/{sha}/{file.path}",
        "contents_url": f"{hub.api_url}/repos/{repository.full_name}/contents/{file.path}?ref={sha}",
    }
    if file.patch is not None:
        shown["patch"] = file.patch
    if file.previous_path is not None:
        shown["previous_filename"] = file.previous_path
    return shown


async def get_commit(request: ApiRequest) -> Reply:
    repository, ref = request.repository, request.part("ref")
    sha = await repository.git.sha(ref)
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {ref}")
    (commit,) = await log(repository.git, sha, limit=1)
    files = await changes(repository.git, commit.parents[0] if commit.parents else EMPTY_TREE, sha)
    additions = sum(file.additions for file in files)
    deletions = sum(file.deletions for file in files)
    return Reply(
        {
            **commit_json(request.hub, repository, commit),
            "stats": {"total": additions + deletions, "additions": additions, "deletions": deletions},
            "files": [file_json(request.hub, repository, file, sha) for file in files[:FILES_SHOWN]],
        }
    )


async def get_git_commit(request: ApiRequest) -> Reply:
    """The commit as git knows it, without accounts and files."""
    hub, repository = request.hub, request.repository
    sha = await repository.git.sha(request.part("sha"))
    if sha is None:
        raise not_found()
    (commit,) = await log(repository.git, sha, limit=1)
    return Reply(git_commit_json(hub, repository, commit))


async def list_commits(request: ApiRequest) -> Reply:
    repository = request.repository
    ref = request.query("sha", repository.default_branch)
    sha = await repository.git.sha(ref)
    if sha is None:
        raise not_found()
    path = request.query("path") or None
    counted = await repository.git.text("rev-list", "--count", sha, "--", *([path] if path else []))
    page, size = request.paging
    commits = await log(repository.git, sha, limit=size, skip=(page - 1) * size, path=path)
    return request.page_of([commit_json(request.hub, repository, each) for each in commits], int(counted))


async def _end(repository: Repository, name: str) -> str:
    branch = branch_of(repository, name)
    sha = await repository.git.sha(branch) if branch else None
    if sha is None:
        raise not_found()
    return sha


async def get_comparison(request: ApiRequest) -> Reply:
    hub, repository = request.hub, request.repository
    base_name, dots, head_name = request.part("basehead").partition("...")
    if not dots:
        raise not_found()
    base, head = await _end(repository, base_name), await _end(repository, head_name)
    comparison = await compare(repository.git, base, head)
    if comparison is None:
        raise Refusal(404, f"No common ancestor between {base_name} and {head_name}.")
    commits = await log(repository.git, f"{base}..{head}", limit=COMMITS_SHOWN)
    files = await changes(repository.git, comparison.merge_base, head)
    (base_commit,) = await log(repository.git, base, limit=1)
    (merge_base,) = await log(repository.git, comparison.merge_base, limit=1)
    match (comparison.ahead_by > 0, comparison.behind_by > 0):
        case (True, True):
            status = "diverged"
        case (True, False):
            status = "ahead"
        case (False, True):
            status = "behind"
        case _:
            status = "identical"
    name = f"{base_name}...{head_name}"
    return Reply(
        {
            "url": f"{hub.api_url}/repos/{repository.full_name}/compare/{name}",
            "html_url": f"{hub.url}/{repository.full_name}/compare/{name}",
            "base_commit": commit_json(hub, repository, base_commit),
            "merge_base_commit": commit_json(hub, repository, merge_base),
            "status": status,
            "ahead_by": comparison.ahead_by,
            "behind_by": comparison.behind_by,
            "total_commits": comparison.ahead_by,
            "commits": [commit_json(hub, repository, commit) for commit in reversed(commits)],
            "files": [file_json(hub, repository, file, head) for file in files[:FILES_SHOWN]],
        }
    )


def routes() -> tuple[Route, ...]:
    repo = "/repos/{owner}/{repo}"
    return (
        Route("GET", f"{repo}/commits", list_commits, "contents"),
        Route("GET", f"{repo}/git/commits/{{sha}}", get_git_commit, "contents"),
        Route("GET", f"{repo}/compare/{{basehead:.+}}", get_comparison, "contents"),
        # Last, because a ref may hold slashes: `/commits/{ref}/check-runs` must be found before it.
        Route("GET", f"{repo}/commits/{{ref:.+}}", get_commit, "contents"),
    )
