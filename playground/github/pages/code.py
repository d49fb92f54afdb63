"""The pages of repositories: folders, files and commits."""

from __future__ import annotations

from aiohttp import web

from playground.github.contents import list_folder, read_file
from playground.github.errors import not_found
from playground.github.history import EMPTY_TREE, changes, log
from playground.github.pages.frame import Frame, totals
from playground.github.repositories import Repository

COMMITS_SHOWN = 30
BLOB_SHOWN = 512 * 1024


class CodePages:
    """What is in the repositories."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def add_routes(self, application: web.Application) -> None:
        repository = "/{owner}/{repo}"
        pages = {
            "/": self.index,
            "/{owner}": self.index,
            repository: self.repository,
            f"{repository}/tree/{{rest:.+}}": self.repository,
            f"{repository}/blob/{{rest:.+}}": self.blob,
            f"{repository}/commit/{{sha}}": self.commit,
            f"{repository}/commits/{{rest:.+}}": self.commits,
        }
        for path, handler in pages.items():
            application.router.add_get(path, self._frame.page(handler))

    async def index(self, request: web.Request) -> web.StreamResponse:
        hub, owner = self._frame.hub, request.match_info.get("owner")
        found = [
            each
            for each in hub.repositories.values()
            if owner in {None, each.owner.login} and self._frame.sees(each)
        ]
        if owner is not None and hub.account(owner) is None:
            raise not_found()
        found.sort(key=lambda each: each.pushed_at, reverse=True)
        return self._frame.show("index.html", {"repositories": found, "owner": owner})

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

    async def repository(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
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
        return self._frame.show("repository.html", {**self._frame.heading(repository), **values})

    async def blob(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        name, sha, path = await self._revision(repository, request.match_info["rest"])
        content = await read_file(repository.git, sha, path, limit=BLOB_SHOWN)
        if not path or content is None:
            raise not_found()
        lines = None if b"\0" in content else content.decode(errors="replace").removesuffix("\n").split("\n")
        values = {"branch": name, "path": path, "lines": lines, "cut": len(content) >= BLOB_SHOWN}
        return self._frame.show("blob.html", {**self._frame.heading(repository), **values})

    async def commits(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        name, sha, path = await self._revision(repository, request.match_info["rest"])
        commits = await log(repository.git, sha, limit=COMMITS_SHOWN, path=path or None)
        values = {"branch": name, "commits": commits}
        return self._frame.show("commits.html", {**self._frame.heading(repository), **values})

    async def commit(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        sha = await repository.git.sha(request.match_info["sha"])
        if sha is None:
            raise not_found()
        (commit,) = await log(repository.git, sha, limit=1)
        files = await changes(repository.git, commit.parents[0] if commit.parents else EMPTY_TREE, sha)
        values = {"commit": commit, **totals(files)}
        return self._frame.show("commit.html", {**self._frame.heading(repository), **values})
