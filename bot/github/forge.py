"""GitHub as the orchestrator's code host, through PyGithub."""

from __future__ import annotations

from itertools import islice
from urllib.parse import quote, urlsplit

from github import Github, GithubException
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.github.access import GIT, PULL_REQUESTS, AppAccess
from bot.github.client import GitHubClient
from orchestrator.forge import Identity
from orchestrator.report import PullRequest

LISTED_REPOSITORIES = 100


class GitHubForge:
    """Repositories and pull requests at `server_url`, asked for through `client`."""

    def __init__(self, client: GitHubClient, *, server_url: str) -> None:
        self._client = client
        self._server_url = server_url.rstrip("/")
        self._identity: Identity | None = None

    def clone_url(self, repository: str) -> str:
        return f"{self._server_url}/{repository}.git"

    def branch_url(self, repository: str, branch: str) -> str:
        return f"{self._server_url}/{repository}/tree/{quote(branch)}"

    async def identity(self, repository: str) -> Identity:
        if self._identity is None:
            login = (await self._client.access.account()).login
            number = await self._client.call(repository, GIT, lambda github: github.get_user(login).id)
            host = urlsplit(self._server_url).hostname
            self._identity = Identity(login, f"{number}+{login}@users.noreply.{host}")
        return self._identity

    async def git_token(self, repository: str) -> str | None:
        return await self._client.access.token(repository, GIT)

    async def open_pull_request(
        self, repository: str, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        def find(repo: Repository) -> PullRequest | None:
            owner = repository.split("/")[0]
            for pull in repo.get_pulls(state="open", head=f"{owner}:{branch}"):
                return PullRequest(pull.number, pull.html_url, reused=True)
            return None

        def find_or_open(github: Github) -> PullRequest:
            repo = github.get_repo(repository)
            found = find(repo)
            if found is not None:
                return found
            try:
                pull = repo.create_pull(title=title, body=body, head=branch, base=base)
            except GithubException as error:
                # Somebody was quicker, perhaps this very Heddle before it was killed.
                found = find(repo) if error.status == 422 else None
                if found is None:
                    raise
                return found
            return PullRequest(pull.number, pull.html_url)

        return await self._client.call(repository, PULL_REQUESTS, find_or_open)

    async def repositories(self) -> list[str]:
        """Repositories to choose from, the most recently used first where GitHub says so. Raises ForgeError."""
        access = self._client.access
        if isinstance(access, AppAccess):
            return (await access.repositories())[:LISTED_REPOSITORIES]

        def ask(github: Github) -> list[str]:
            listed: PaginatedList[Repository] = github.get_user().get_repos(sort="pushed", direction="desc")
            return [repository.full_name for repository in islice(listed, LISTED_REPOSITORIES)]

        return await self._client.call("", PULL_REQUESTS, ask)
