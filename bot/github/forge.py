"""GitHub as the orchestrator's code host, through PyGithub."""

from __future__ import annotations

from itertools import islice
from urllib.parse import quote

from github import Auth, Github, GithubException, GithubRetry
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.github.access import Access, AppAccess, in_thread
from orchestrator.report import PullRequest

LISTED_REPOSITORIES = 100
RETRIES = 3


class GitHubForge:
    """Repositories and pull requests at `server_url`, asked for at `api_url`."""

    def __init__(self, access: Access, *, api_url: str, server_url: str) -> None:
        self._access = access
        self._api_url = api_url.rstrip("/")
        self._server_url = server_url.rstrip("/")

    def clone_url(self, repository: str) -> str:
        return f"{self._server_url}/{repository}.git"

    def branch_url(self, repository: str, branch: str) -> str:
        return f"{self._server_url}/{repository}/tree/{quote(branch)}"

    async def git_token(self, repository: str) -> str | None:
        return await self._access.git_token(repository)

    async def open_pull_request(
        self, repository: str, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        client = self._client(await self._access.api_token(repository))

        def find(repo: Repository) -> PullRequest | None:
            owner = repository.split("/")[0]
            for pull in repo.get_pulls(state="open", head=f"{owner}:{branch}"):
                return PullRequest(pull.number, pull.html_url, reused=True)
            return None

        def find_or_open() -> PullRequest:
            repo = client.get_repo(repository)
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

        return await in_thread(find_or_open)

    async def repositories(self) -> list[str]:
        """Repositories to choose from, the most recently used first where GitHub says so. Raises ForgeError."""
        if isinstance(self._access, AppAccess):
            return (await self._access.repositories())[:LISTED_REPOSITORIES]
        client = self._client(await self._access.api_token(""))

        def ask() -> list[str]:
            listed: PaginatedList[Repository] = client.get_user().get_repos(sort="pushed", direction="desc")
            return [repository.full_name for repository in islice(listed, LISTED_REPOSITORIES)]

        return await in_thread(ask)

    def _client(self, token: str) -> Github:
        # One client a call: PyGithub pauses between the requests of a client, and no conversation
        # should wait for another one's pause.
        return Github(
            auth=Auth.Token(token),
            base_url=self._api_url,
            per_page=LISTED_REPOSITORIES,
            lazy=True,  # a repository is only a name until something of it is asked
            retry=GithubRetry(total=RETRIES),
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
