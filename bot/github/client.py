"""GitHub's API as Heddle uses it: PyGithub, one client a call, with a token for just that call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from github import Auth, Github, GithubRetry

from bot.github.access import CONVERSATION, Access, Permissions
from bot.github.threads import Threads

PAGE = 100
RETRIES = 3
LONGEST_WAIT_SECONDS = 60.0  # for a rate limit to pass, in one call; after more it counts as unavailable

T = TypeVar("T")


class GitHubClient:
    """Calls with the credentials of `access`. Methods raise ForgeError."""

    def __init__(self, access: Access, api_url: str, threads: Threads) -> None:
        self.access = access
        self._api_url = api_url.rstrip("/")
        self._threads = threads

    async def call(self, repository: str, permissions: Permissions, ask: Callable[[Github], T]) -> T:
        """What `ask` returns, given a client that may do `permissions` in a repository."""
        token = await self.access.token(repository, permissions)
        return await self._threads.run(lambda: ask(self._client(token)))

    async def query(
        self,
        repository: str,
        query: str,
        variables: Mapping[str, Any],
        permissions: Permissions = CONVERSATION,
    ) -> Mapping[str, Any]:
        """The data that a GraphQL query or mutation answers with."""

        def ask(github: Github) -> Mapping[str, Any]:
            _, answer = github.requester.graphql_query(query, dict(variables))
            data = answer["data"]
            return data if isinstance(data, dict) else {}

        return await self.call(repository, permissions, ask)

    def _client(self, token: str) -> Github:
        # One client a call: PyGithub pauses between the requests of a client, and no conversation
        # should wait for another one's pause.
        return Github(
            auth=Auth.Token(token),
            base_url=self._api_url,
            per_page=PAGE,
            lazy=True,  # a repository is only a name until something of it is asked
            retry=GithubRetry(total=RETRIES, max_rate_limit_wait=LONGEST_WAIT_SECONDS),
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
