"""The pages: which address shows what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from playground.github.contents import list_folder, read_file
from playground.github.errors import Refusal, not_found
from playground.github.history import (
    EMPTY_TREE,
    Commit,
    FileChange,
    changes,
    compare,
    log,
)
from playground.github.hub import Hub
from playground.github.merging import MergeMethod
from playground.github.pages.diffs import LINES_SHOWN, numbered
from playground.github.pages.markdown import render, renderer
from playground.github.pages.words import ago, size
from playground.github.pulls import merge_pull, mergeable
from playground.github.records import Account, IssueState
from playground.github.repositories import Repository

HERE = Path(__file__).parent
COMMITS_SHOWN = 30
BLOB_SHOWN = 512 * 1024
FOREIGN = "This page only takes clicks that were made on it. Open the pull request again and try once more."
NOTHING_HERE = "There is nothing at this address."

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The pages of one GitHub. Whoever opens them acts as `hub.viewer`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._markdown = renderer()
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["ago"] = self._ago
        self._templates.filters["size"] = size
        self._templates.filters["markdown"] = lambda text: render(self._markdown, text)
        self._templates.filters["numbered"] = numbered
        self._templates.globals["account_of"] = self._account_of
        self._templates.globals["lines_shown"] = LINES_SHOWN
        self._style = (HERE / "static" / "style.css").read_bytes()
        self._avatar = (HERE / "static" / "avatar.svg").read_bytes()

    def add_routes(self, application: web.Application) -> None:
        repository = "/{owner}/{repo}"
        pages: dict[str, Handler] = {
            "/": self.index,
            "/_/style.css": self.style,
            "/_/avatar.svg": self.avatar,
            "/{owner}": self.index,
            repository: self.repository,
            f"{repository}/tree/{{rest:.+}}": self.repository,
            f"{repository}/blob/{{rest:.+}}": self.blob,
            f"{repository}/commit/{{sha}}": self.commit,
            f"{repository}/commits/{{rest:.+}}": self.commits,
            f"{repository}/issues": self.issues,
            f"{repository}/issues/{{number:\\d+}}": self.issue,
            f"{repository}/pulls": self.issues,
            f"{repository}/pull/{{number:\\d+}}": self.pull,
        }
        for path, handler in pages.items():
            application.router.add_get(path, self._page(handler))
        application.router.add_post(f"{repository}/pull/{{number:\\d+}}/merge", self._page(self.merge))
        application.router.add_route("*", "/{rest:.*}", self._page(self.nothing))

    def _page(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                text = NOTHING_HERE if refusal.status == 404 else refusal.message
                return self._show("problem.html", {"status": refusal.status, "text": text}, refusal.status)

        return handle

    def _ago(self, when: float | datetime) -> str:
        seconds = when.timestamp() if isinstance(when, datetime) else when
        return ago(self._hub.clock() - seconds, datetime.fromtimestamp(seconds, UTC))

    def _account_of(self, commit: Commit) -> Account | None:
        for account in self._hub.accounts.values():
            if account.email.lower() == commit.author.email.lower():
                return account
        return None

    def _show(self, template: str, values: Mapping[str, object], status: int = 200) -> web.Response:
        text = self._templates.get_template(template).render(viewer=self._hub.viewer, **values)
        return web.Response(text=text, content_type="text/html", status=status, headers=SECURITY)

    async def style(self, request: web.Request) -> web.Response:
        return web.Response(body=self._style, content_type="text/css", headers=SECURITY)

    async def avatar(self, request: web.Request) -> web.Response:
        return web.Response(body=self._avatar, content_type="image/svg+xml", headers=SECURITY)

    async def nothing(self, request: web.Request) -> web.StreamResponse:
        raise not_found()

    async def index(self, request: web.Request) -> web.StreamResponse:
        owner = request.match_info.get("owner")
        found = [
            each
            for each in self._hub.repositories.values()
            if owner in {None, each.owner.login} and self._sees(each)
        ]
        if owner is not None and self._hub.account(owner) is None:
            raise not_found()
        found.sort(key=lambda each: each.pushed_at, reverse=True)
        return self._show("index.html", {"repositories": found, "owner": owner})

    def _sees(self, repository: Repository) -> bool:
        viewer = self._hub.viewer
        return not repository.private or (viewer is not None and viewer.login.lower() in repository.members)

    def _repository(self, request: web.Request) -> Repository:
        repository = self._hub.repository(request.match_info["owner"], request.match_info["repo"])
        if repository is None or not self._sees(repository):
            raise not_found()
        return repository

    async def _revision(self, repository: Repository, rest: str | None) -> tuple[str, str, str]:
        """(name, SHA, path) of `branch/path`: branches may hold slashes too, so the longest one counts."""
        if not rest:
            return repository.default_branch, await repository.branch_sha(repository.default_branch) or "", ""
        parts = rest.strip("/").split("/")
        for length in range(len(parts), 0, -1):
            name = "/".join(parts[:length])
            sha = await repository.branch_sha(name)
            if sha is None and length == 1:
                sha = await repository.git.sha(name)
            if sha is not None:
                return name, sha, "/".join(parts[length:])
        raise not_found()

    def _counts(self, repository: Repository) -> Mapping[str, object]:
        """What the head of every page of a repository shows."""
        is_open = [number for number, each in repository.issues.items() if each.state is IssueState.OPEN]
        pulls = sum(number in repository.pulls for number in is_open)
        return {"repository": repository, "open_pulls": pulls, "open_issues": len(is_open) - pulls}

    async def repository(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        name, sha, path = await self._revision(repository, request.match_info.get("rest"))
        entries = await list_folder(repository.git, sha, path) if sha else ()
        if entries is None:
            raise not_found()
        refs = await repository.git.refs()
        readme = next((entry for entry in entries if entry.name.lower() == "readme.md"), None)
        text = await read_file(repository.git, sha, readme.path) if readme else None
        commits = await log(repository.git, sha, limit=8, path=path or None) if sha else ()
        counted = await repository.git.text("rev-list", "--count", sha) if sha else "0"
        values = {
            "branch": name,
            "path": path,
            "entries": entries,
            "branches": [ref.removeprefix("refs/heads/") for ref in refs],
            "commits": commits,
            "commit_count": int(counted),
            "readme": text.decode(errors="replace") if text else None,
        }
        return self._show("repository.html", {**self._counts(repository), **values})

    async def blob(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        name, sha, path = await self._revision(repository, request.match_info["rest"])
        content = await read_file(repository.git, sha, path, limit=BLOB_SHOWN)
        if not path or content is None:
            raise not_found()
        lines = None if b"\0" in content else content.decode(errors="replace").removesuffix("\n").split("\n")
        values = {"branch": name, "path": path, "lines": lines, "cut": len(content) >= BLOB_SHOWN}
        return self._show("blob.html", {**self._counts(repository), **values})

    async def commits(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        name, sha, path = await self._revision(repository, request.match_info["rest"])
        commits = await log(repository.git, sha, limit=COMMITS_SHOWN, path=path or None)
        return self._show("commits.html", {**self._counts(repository), "branch": name, "commits": commits})

    async def commit(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        sha = await repository.git.sha(request.match_info["sha"])
        if sha is None:
            raise not_found()
        (commit,) = await log(repository.git, sha, limit=1)
        files = await changes(repository.git, commit.parents[0] if commit.parents else EMPTY_TREE, sha)
        return self._show("commit.html", {**self._counts(repository), "commit": commit, **totals(files)})

    async def issues(self, request: web.Request) -> web.StreamResponse:
        """Issues or pull requests, open ones first."""
        repository = self._repository(request)
        wants_pulls = request.path.endswith("/pulls")
        found = [
            each for number, each in repository.issues.items() if (number in repository.pulls) == wants_pulls
        ]
        found.sort(key=lambda each: (each.state is IssueState.CLOSED, -each.number))
        return self._show("issues.html", {**self._counts(repository), "found": found, "pulls": wants_pulls})

    async def issue(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        number = int(request.match_info["number"])
        issue = repository.issues.get(number)
        if issue is None:
            raise not_found()
        if number in repository.pulls:
            raise web.HTTPFound(f"/{repository.full_name}/pull/{number}")
        values = {"issue": issue, "comments": repository.comments_of(number)}
        return self._show("issue.html", {**self._counts(repository), **values})

    async def pull(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        number = int(request.match_info["number"])
        pull = repository.pulls.get(number)
        if pull is None:
            if number in repository.issues:
                raise web.HTTPFound(f"/{repository.full_name}/issues/{number}")
            raise not_found()
        base = pull.base_sha if pull.merged_at else await repository.branch_sha(pull.base)
        comparison = await compare(repository.git, base or pull.base_sha, pull.head_sha)
        if comparison is None:
            raise not_found()
        commits = await log(repository.git, f"{comparison.base}..{pull.head_sha}")
        files = await changes(repository.git, comparison.merge_base, pull.head_sha)
        runs = [run for run in repository.check_runs.values() if run.head_sha == pull.head_sha]
        protection = repository.protected.get(pull.base)
        values = {
            "issue": repository.issues[number],
            "pull": pull,
            "comments": repository.comments_of(number),
            "commits": commits[::-1],
            "commit_count": comparison.ahead_by,
            "mergeable": await mergeable(repository, pull),
            "review_missing": protection is not None and protection.reviews,
            "runs": runs,
            "head_exists": await repository.branch_sha(pull.head) is not None,
        }
        return self._show("pull.html", {**self._counts(repository), **values, **totals(files)})

    async def merge(self, request: web.Request) -> web.StreamResponse:
        """The button: only from this site's own page, and only the head that the person saw."""
        if request.headers.get("Origin") != self._hub.url:
            raise Refusal(403, FOREIGN)
        repository, viewer = self._repository(request), self._hub.viewer
        if viewer is None:
            raise not_found()
        form = await request.post()
        seen = form.get("head")
        number = int(request.match_info["number"])
        squash = form.get("method") == MergeMethod.SQUASH
        method = MergeMethod.SQUASH if squash else MergeMethod.MERGE
        await merge_pull(
            self._hub, repository, number, viewer, method=method, sha=seen if isinstance(seen, str) else None
        )
        raise web.HTTPSeeOther(f"/{repository.full_name}/pull/{number}")


def totals(files: tuple[FileChange, ...]) -> Mapping[str, object]:
    return {
        "files": files,
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
    }
