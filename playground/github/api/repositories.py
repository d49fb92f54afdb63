"""Repositories, their branches and files, and who may do what in them."""

from __future__ import annotations

import base64

from playground.github.access import Caller, Level, TokenKind, can_see
from playground.github.api.commits import commit_json
from playground.github.api.route import INSTALLATION, PERSON, ApiRequest, Json, Reply, Route, stamp
from playground.github.api.users import account_json
from playground.github.contents import list_folder, read_file
from playground.github.errors import Refusal, invalid, not_found
from playground.github.forks import fork
from playground.github.history import log
from playground.github.hub import Hub
from playground.github.pulls import fork_by
from playground.github.records import AccountType, IssueState
from playground.github.repositories import Repository

BRANCH_NOT_FOUND = "Branch not found"


def permissions_json(caller: Caller, repository: Repository) -> Json:
    """What the caller may do, in GitHub's five steps."""
    if caller.kind is TokenKind.INSTALLATION:
        reached = repository.id in (caller.repositories or frozenset())
        level = caller.permissions.get("contents", Level.READ) if reached else Level.READ
    else:
        level = repository.level_of(caller.account.login if caller.account else "")
    return {
        "admin": level.covers(Level.ADMIN),
        "maintain": level.covers(Level.ADMIN),
        "push": level.covers(Level.WRITE),
        "triage": level.covers(Level.WRITE),
        "pull": True,
    }


def repository_json(hub: Hub, repository: Repository, caller: Caller) -> Json:
    url = f"{hub.api_url}/repos/{repository.full_name}"
    html_url = f"{hub.url}/{repository.full_name}"
    forks = sum(each.fork_of is repository for each in hub.repositories.values())
    open_issues = sum(issue.state is IssueState.OPEN for issue in repository.issues.values())
    return {
        "id": repository.id,
        "node_id": f"R_{repository.id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": account_json(hub, repository.owner),
        "html_url": html_url,
        "description": repository.description or None,
        "fork": repository.fork_of is not None,
        "url": url,
        "branches_url": f"{url}/branches{{/branch}}",
        "collaborators_url": f"{url}/collaborators{{/collaborator}}",
        "commits_url": f"{url}/commits{{/sha}}",
        "forks_url": f"{url}/forks",
        "compare_url": f"{url}/compare/{{base}}...{{head}}",
        "contents_url": f"{url}/contents/{{+path}}",
        "git_refs_url": f"{url}/git/refs{{/sha}}",
        "issue_comment_url": f"{url}/issues/comments{{/number}}",
        "issues_url": f"{url}/issues{{/number}}",
        "labels_url": f"{url}/labels{{/name}}",
        "pulls_url": f"{url}/pulls{{/number}}",
        "clone_url": f"{html_url}.git",
        "git_url": f"{html_url}.git",
        "ssh_url": f"{html_url}.git",
        "svn_url": html_url,
        "homepage": None,
        "language": None,
        "created_at": stamp(repository.created_at),
        "updated_at": stamp(repository.pushed_at),
        "pushed_at": stamp(repository.pushed_at),
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "forks_count": forks,
        "open_issues_count": open_issues,
        "forks": forks,
        "open_issues": open_issues,
        "watchers": 0,
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": False,
        "has_discussions": False,
        "archived": repository.archived,
        "disabled": False,
        "visibility": "private" if repository.private else "public",
        "is_template": False,
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "topics": [],
        "license": None,
        "default_branch": repository.default_branch,
        "permissions": permissions_json(caller, repository),
        "allow_merge_commit": True,
        "allow_squash_merge": True,
        "allow_rebase_merge": False,
        "allow_auto_merge": False,
        "delete_branch_on_merge": False,
    }


def full_repository_json(hub: Hub, repository: Repository, caller: Caller) -> Json:
    """A repository as its own address answers: a fork says where it comes from."""
    shown = repository_json(hub, repository, caller)
    parent = source = repository.fork_of
    if parent is None or source is None or not can_see(caller, parent):
        return shown
    while source.fork_of is not None and can_see(caller, source.fork_of):
        source = source.fork_of
    return {
        **shown,
        "parent": repository_json(hub, parent, caller),
        "source": repository_json(hub, source, caller),
    }


async def get_repository(request: ApiRequest) -> Reply:
    return Reply(full_repository_json(request.hub, request.repository, request.caller))


async def list_forks(request: ApiRequest) -> Reply:
    hub, caller = request.hub, request.caller
    forks = [each for each in hub.repositories.values() if each.fork_of is request.repository]
    return request.page([repository_json(hub, each, caller) for each in forks if can_see(caller, each)])


async def create_fork(request: ApiRequest) -> Reply:
    """For the person, or for an organization that they name."""
    hub, owner = request.hub, request.account
    organization = request.body.text("organization")
    if organization is not None:
        found = hub.account(organization)
        if found is None or found.type is not AccountType.ORGANIZATION:
            raise invalid("Fork", "organization")
        owner = found
    new = fork_by(hub, request.repository, owner.login) is None
    copy = await fork(hub, request.repository, owner)
    if new:
        copy.set_level(request.account.login, Level.ADMIN)
    return Reply(full_repository_json(hub, copy, request.caller), 202)


async def list_my_repositories(request: ApiRequest) -> Reply:
    """Those that the person is a member of; `sort` is full_name (the default), pushed, created or updated."""
    hub, login = request.hub, request.account.login.lower()
    mine = [each for each in hub.repositories.values() if login in each.members]
    visibility = request.query("visibility", "all")
    if visibility != "all":
        mine = [each for each in mine if each.private == (visibility == "private")]
    sort = request.query("sort", "full_name")
    if sort in {"pushed", "updated"}:
        mine.sort(key=lambda each: each.pushed_at)
    elif sort == "created":
        mine.sort(key=lambda each: each.created_at)
    else:
        mine.sort(key=lambda each: each.full_name.lower())
    if request.query("direction", "asc" if sort == "full_name" else "desc") == "desc":
        mine.reverse()
    return request.page([repository_json(hub, each, request.caller) for each in mine])


async def list_installed_repositories(request: ApiRequest) -> Reply:
    hub = request.hub
    ids = request.caller.repositories or frozenset()
    shown = [
        repository_json(hub, each, request.caller) for each in hub.repositories.values() if each.id in ids
    ]
    return request.page(shown, inside="repositories", extra={"repository_selection": "selected"})


async def _branch_json(request: ApiRequest, name: str, sha: str, *, full: bool) -> Json:
    repository = request.repository
    url = f"{request.hub.api_url}/repos/{repository.full_name}"
    protected = name in repository.protected
    commit: Json = {"sha": sha, "url": f"{url}/commits/{sha}"}
    if full:
        (found,) = await log(repository.git, sha, limit=1)
        commit = commit_json(request.hub, repository, found)
    return {
        "name": name,
        "commit": commit,
        "protected": protected,
        "protection": {"enabled": protected},
        "protection_url": f"{url}/branches/{name}/protection",
        "_links": {
            "self": f"{url}/branches/{name}",
            "html": f"{request.hub.url}/{repository.full_name}/tree/{name}",
        },
    }


async def list_branches(request: ApiRequest) -> Reply:
    refs = await request.repository.git.refs()
    branches = [
        await _branch_json(request, ref.removeprefix("refs/heads/"), sha, full=False)
        for ref, sha in refs.items()
    ]
    if request.query("protected"):
        wanted = request.query("protected") == "true"
        names = set(request.repository.protected)
        branches = [branch for branch in branches if (branch["name"] in names) == wanted]
    return request.page(branches)


async def get_branch(request: ApiRequest) -> Reply:
    name = request.part("branch")
    sha = await request.repository.branch_sha(name)
    if sha is None:
        raise Refusal(404, BRANCH_NOT_FOUND)
    return Reply(await _branch_json(request, name, sha, full=True))


async def get_permission(request: ApiRequest) -> Reply:
    account = request.hub.account(request.part("login"))
    if account is None:
        raise not_found()
    level, role = request.repository.level_of(account.login), request.repository.role_of(account.login)
    return Reply(
        {
            "permission": str(level),
            "role_name": role,
            "user": {**account_json(request.hub, account), "permissions": {}, "role_name": role},
        }
    )


async def get_contents(request: ApiRequest) -> Reply:
    """A file, or the entries of a folder, at `ref`."""
    repository, path = request.repository, request.part("path").strip("/")
    ref = request.query("ref", repository.default_branch)
    sha = await repository.git.sha(ref)
    if sha is None:
        raise Refusal(404, f"No commit found for the ref {ref}")
    url = f"{request.hub.api_url}/repos/{repository.full_name}/contents"
    folder, _, name = path.rpartition("/")
    entries = await list_folder(repository.git, sha, path)
    whole = entries is None
    if entries is None:
        beside = await list_folder(repository.git, sha, folder) or ()
        entries = tuple(entry for entry in beside if entry.name == name)
    shown: list[Json] = [
        {
            "type": {"tree": "dir", "commit": "submodule"}.get(entry.kind, "file"),
            "name": entry.name,
            "path": entry.path,
            "sha": entry.sha,
            "size": entry.size,
            "url": f"{url}/{entry.path}?ref={ref}",
            "html_url": f"{request.hub.url}/{repository.full_name}/blob/{ref}/{entry.path}",
            "download_url": None,
        }
        for entry in entries
    ]
    if not whole:
        return Reply(shown)
    content = await read_file(repository.git, sha, path)
    if not shown or content is None:
        raise not_found()
    encoded = base64.encodebytes(content).decode()
    return Reply({**shown[0], "encoding": "base64", "content": encoded})


def routes() -> tuple[Route, ...]:
    repo = "/repos/{owner}/{repo}"
    return (
        Route("GET", "/user/repos", list_my_repositories, callers=PERSON),
        Route("GET", "/installation/repositories", list_installed_repositories, callers=INSTALLATION),
        Route("GET", repo, get_repository),
        Route("GET", f"{repo}/forks", list_forks),
        Route("POST", f"{repo}/forks", create_fork, callers=PERSON),
        Route("GET", f"{repo}/branches", list_branches, "contents"),
        Route("GET", f"{repo}/branches/{{branch:.+}}", get_branch, "contents"),
        Route("GET", f"{repo}/contents/{{path:.*}}", get_contents, "contents"),
        Route("GET", f"{repo}/collaborators/{{login}}/permission", get_permission, person=Level.WRITE),
    )
