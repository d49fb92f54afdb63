"""Who may write to a repository, as GitHub says at the moment of asking."""

from __future__ import annotations

import time
from collections.abc import Callable

from github import Github, GithubException

from bot.accounts import Accounts
from bot.conversations import Message, MessageKind
from bot.github.access import CONVERSATION
from bot.github.addresses import PLATFORM
from bot.github.client import GitHubClient
from bot.github.threads import is_passing
from bot.rights import Verdict

# GitHub's answer for "maintain" is "write", for "triage" it is "read" (REST: "Get repository permissions for a user").
WRITERS = frozenset({"admin", "maintain", "write"})
REMEMBERED_SECONDS = 60.0  # of a background's authors; whoever asks for something is always asked about anew


class GitHubRights:
    """Rights by GitHub's word. `apps`: slugs and logins of apps that may command everywhere.

    accounts: who people on other platforms are on GitHub; None where everybody there may command.
    """

    def __init__(
        self,
        client: GitHubClient,
        accounts: Accounts | None,
        *,
        apps: frozenset[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._accounts = accounts
        self._apps = apps
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[bool, float]] = {}

    async def verdict(self, message: Message, repository: str) -> Verdict:
        if message.kind is MessageKind.CHECKS:
            return Verdict.ALLOWED  # the deployment decided so
        if message.conversation.platform == PLATFORM:
            return await self._of_login(repository, message.author)
        if self._accounts is None:
            return Verdict.ALLOWED
        account = await self._accounts.account(str(message.data.get("person", "")))
        if account is None:
            return Verdict.UNKNOWN
        login = await self._login_of(repository, account.id)
        return Verdict.REFUSED if login is None else await self._of_login(repository, login)

    async def may_write(self, repository: str, login: str) -> bool:
        key = (repository.lower(), login.lower())
        allowed, until = self._known.get(key, (False, 0.0))
        if until < self._clock():
            allowed = await self._ask(repository, login)
            self._known[key] = (allowed, self._clock() + REMEMBERED_SECONDS)
            while len(self._known) > 10_000:
                self._known.pop(next(iter(self._known)))
        return allowed

    async def account_may_write(self, repository: str, account_id: int) -> bool:
        """Whether the account with this number may write now, by whatever name it goes today. Raises ForgeError."""
        login = await self._login_of(repository, account_id)
        return login is not None and await self._ask(repository, login)

    async def _of_login(self, repository: str, login: str) -> Verdict:
        name = login.lower()
        if name.endswith("[bot]"):
            listed = not self._apps.isdisjoint({name, name.removesuffix("[bot]")})
            return Verdict.ALLOWED if listed else Verdict.REFUSED
        return Verdict.ALLOWED if await self._ask(repository, login) else Verdict.REFUSED

    async def _ask(self, repository: str, login: str) -> bool:
        if not login:
            return False

        def ask(github: Github) -> bool:
            try:
                permission = github.get_repo(repository).get_collaborator_permission(login)
            except GithubException as error:
                if error.status in (403, 404) and not is_passing(error):
                    return False  # unknown to the repository, or Heddle may not even ask
                raise
            return permission in WRITERS

        return await self._client.call(repository, CONVERSATION, ask)

    async def _login_of(self, repository: str, account_id: int) -> str | None:
        """The account's name today: people change it, and somebody else may take the old one."""

        def ask(github: Github) -> str | None:
            try:
                return str(github.get_user_by_id(account_id).login)
            except GithubException as error:
                if error.status == 404:
                    return None
                raise

        return await self._client.call(repository, CONVERSATION, ask)
