"""The handle of the stand-in: start it, fill it, break it, look at what happened."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from playground.github import pulls
from playground.github.access import Caller, Level, TokenKind
from playground.github.app import App, Installation, make_key_pair, make_personal_token
from playground.github.calls import Call
from playground.github.collaboration import Collaboration
from playground.github.contents import commit_files, commit_folder, read_file
from playground.github.history import Commit, log
from playground.github.hub import Hub, Issued
from playground.github.listener import Listener
from playground.github.people import People
from playground.github.records import Account, AccountType, Comment, PullRequest
from playground.github.repositories import Repository
from playground.github.trouble import Trouble
from playground.github.webhooks import Delivery, Webhooks

DEFAULT_APP = App()
ROLES = {
    "admin": Level.ADMIN,
    "maintain": Level.WRITE,
    "write": Level.WRITE,
    "triage": Level.READ,
    "read": Level.READ,
    "none": Level.NONE,
}
"""GitHub's roles, and what the API says for each where it knows only four levels."""
NOT_STARTED = "The GitHub stand-in has no address before it is started: use `async with`."


class GitHubStandIn(People, Trouble):
    """A GitHub on loopback: REST below `api_url`, git and pages below `url`. Use it with `async with`.

    root: a folder of its own; the repositories live in it and stay there. app: the registered GitHub App, None
    for a GitHub without one. user: the person whose personal token `token` is, and whose browser it is.
    clock: seconds since the epoch, for tests that let tokens expire.
    """

    def __init__(
        self,
        *,
        root: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        app: App | None = DEFAULT_APP,
        user: str = "ada",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hub = Hub(root=root, app=app, clock=clock)
        self._webhooks = Webhooks(self._hub)
        self._listener = Listener(self._hub, self._webhooks, host=host, port=port)
        self._key_lock = asyncio.Lock()
        self.user = self._hub.add_account(user)
        self._hub.viewer = self.user
        self.collaboration = Collaboration(self._hub)
        self.token = self.new_token(user)

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.close()

    # Where it is, and how to sign in

    @property
    def url(self) -> str:
        """GITHUB_SERVER_URL."""
        if not self._hub.url:
            raise RuntimeError(NOT_STARTED)
        return self._hub.url

    @property
    def api_url(self) -> str:
        """GITHUB_API_URL."""
        return f"{self.url}/api/v3"

    @property
    def app_id(self) -> int:
        """GITHUB_APP_ID. Raises LookupError where there is no App."""
        return self._app().id

    async def app_private_key(self) -> str:
        """GITHUB_APP_PRIVATE_KEY as PEM text, made at the first call (it takes a moment)."""
        self._app()
        async with self._key_lock:
            if self._hub.key is None:
                self._hub.key = await asyncio.to_thread(make_key_pair)
        return self._hub.key.private

    def _app(self) -> App:
        if self._hub.app is None:
            raise LookupError("This GitHub has no App.")
        return self._hub.app

    def new_token(self, login: str) -> str:
        """A personal access token of an account, which is made when it does not exist."""
        token = make_personal_token()
        self._hub.tokens[token] = Issued(Caller(TokenKind.PERSONAL, self._hub.add_account(login)), None)
        return token

    def expire_tokens(self) -> None:
        """From now on every installation token made so far gets 401."""
        now = self._hub.clock()
        self._hub.tokens = {
            token: replace(issued, expires_at=now) if issued.expires_at is not None else issued
            for token, issued in self._hub.tokens.items()
        }

    # What is in it

    def add_user(self, login: str, *, name: str = "", organization: bool = False) -> Account:
        """An account; the one that is there when the login is taken."""
        kind = AccountType.ORGANIZATION if organization else AccountType.USER
        return self._hub.add_account(login, name=name, type=kind)

    async def create_repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        from_dir: Path | None = None,
        private: bool = False,
        default_branch: str = "main",
        description: str = "",
        message: str = "Initial commit",
    ) -> Repository:
        """A repository with one commit by the user, from `files` or a folder; empty without both.

        An owner that does not exist becomes an organization; the user is an admin of the repository.
        """
        owner_login, _, name = full_name.partition("/")
        if not owner_login or not name or "/" in name:
            raise ValueError(f"A repository is named owner/name, not {full_name!r}.")
        if self._hub.repository(owner_login, name) is not None:
            raise ValueError(f"{full_name} exists already.")
        hub = self._hub
        owner = hub.add_account(owner_login, type=AccountType.ORGANIZATION)
        repository = Repository(
            id=hub.take_id(),
            owner=owner,
            name=name,
            path=hub.root / "repositories" / owner_login / f"{name}.git",
            private=private,
            default_branch=default_branch,
            description=description,
            created_at=hub.clock(),
        )
        await repository.git.initialise(default_branch)
        author, now = self.user, hub.clock()
        if from_dir is not None:
            await commit_folder(
                repository.git, default_branch, from_dir, message=message, author=author, at=now
            )
        elif files:
            await commit_files(
                repository.git, default_branch, files, message=message, author=author, at=now, start=None
            )
        repository.members[self.user.login.lower()] = Level.ADMIN
        hub.repositories[full_name.lower()] = repository
        if hub.app is not None and hub.app.installed:
            self._installation_on(owner)
        hub.changes.notify()
        return repository

    def set_permission(self, repository: str, login: str, level: Level) -> None:
        """What an account may do in a repository; Level.NONE takes it away."""
        self._hub.add_account(login)
        self.repository(repository).set_level(login, level)

    def set_role(self, repository: str, login: str, role_name: str) -> None:
        """What an account may do, by the name of its role (see ROLES). Raises KeyError for another name."""
        self._hub.add_account(login)
        self.repository(repository).set_level(login, ROLES[role_name], role_name)

    def _installation_on(self, owner: Account) -> Installation:
        for known in self._hub.installations.values():
            if known.account == owner:
                return known
        installation = Installation(
            self._hub.take_id(), owner, dict(self._app().permissions), self._hub.clock()
        )
        self._hub.installations[installation.id] = installation
        return installation

    def install(
        self,
        owner: str,
        *,
        repositories: Iterable[str] | None = None,
        permissions: Mapping[str, Level] | None = None,
    ) -> int:
        """Install the App on an account, or change its installation; the installation's id.

        repositories: full names of the selected ones, None for all. permissions: instead of the App's own.
        """
        selected = (
            None if repositories is None else frozenset(self.repository(each).id for each in repositories)
        )
        installation = self._installation_on(self._hub.add_account(owner, type=AccountType.ORGANIZATION))
        granted = dict(installation.permissions if permissions is None else permissions)
        self._hub.installations[installation.id] = replace(
            installation, repositories=selected, permissions=granted
        )
        return installation.id

    def uninstall(self, owner: str) -> None:
        """Take the App off an account; its tokens are worth nothing from now on."""
        for installation in list(self._hub.installations.values()):
            if installation.account.login.lower() == owner.lower():
                del self._hub.installations[installation.id]

    async def commit(
        self,
        repository: str,
        files: Mapping[str, str | bytes | None],
        *,
        branch: str | None = None,
        message: str = "Update files",
        author: str | None = None,
        start: str | None = None,
    ) -> str:
        """One more commit on a branch, as if somebody had pushed it; its SHA. None as content removes a file.

        A branch that does not exist starts at `start`, a branch or SHA (the default branch unless given).
        """
        found = self.repository(repository)
        branch = branch or found.default_branch
        writer = self.user if author is None else self._hub.add_account(author)
        parent = await found.branch_sha(branch) or await found.git.sha(start or found.default_branch)
        sha = await commit_files(
            found.git, branch, files, message=message, author=writer, at=self._hub.clock(), start=parent
        )
        await pulls.follow_branches(self._hub, found, writer)
        return sha

    # What happened

    async def branch_sha(self, repository: str, branch: str) -> str | None:
        """None when there is no such branch."""
        return await self.repository(repository).branch_sha(branch)

    async def branches(self, repository: str) -> tuple[str, ...]:
        refs = await self.repository(repository).git.refs()
        return tuple(ref.removeprefix("refs/heads/") for ref in refs)

    async def file(self, repository: str, ref: str, path: str) -> str | None:
        """A file's text at a branch, tag or SHA; None when it is not there."""
        content = await read_file(self.repository(repository).git, ref, path)
        return None if content is None else content.decode(errors="replace")

    async def log(self, repository: str, ref: str) -> tuple[Commit, ...]:
        """Commits, newest first; none when the ref does not exist."""
        return await log(self.repository(repository).git, ref)

    def pull_requests(self, repository: str) -> tuple[PullRequest, ...]:
        """All of them, in any state, oldest first."""
        found = self.repository(repository)
        return tuple(self._pull_request(found, pull) for pull in found.pulls.values())

    def comments(self, repository: str, number: int) -> tuple[Comment, ...]:
        """The comments of an issue or pull request, oldest first."""
        return self.repository(repository).comments_of(number)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every finished request, oldest first, git and pages included."""
        return tuple(self._hub.calls)

    def bytes_sent(self, repository: str) -> int:
        """Bytes that git clients got from a repository so far: refs and packs, without HTTP's own."""
        return self.repository(repository).bytes_sent

    def bytes_received(self, repository: str) -> int:
        """Bytes that git clients sent to a repository so far."""
        return self.repository(repository).bytes_received

    # The webhook of the App

    @property
    def webhook_secret(self) -> str:
        """GITHUB_WEBHOOK_SECRET. Raises LookupError where there is no App."""
        return self._app().webhook_secret

    @property
    def webhook_url(self) -> str | None:
        """Where deliveries go; None (at first) delivers and remembers nothing."""
        return self._webhooks.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._webhooks.url = url

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """What was sent to the webhook, failed or not, oldest first."""
        return tuple(self._webhooks.history)

    async def redeliver(self, delivery_id: int) -> Delivery:
        """Send a delivery once more, and wait for its end. Raises LookupError when there is none."""
        delivery = self._webhooks.find(delivery_id)
        if delivery is None:
            raise LookupError(f"There is no delivery {delivery_id}.")
        return await self._webhooks.redeliver(delivery)

    async def ping(self) -> Delivery:
        """Send the webhook GitHub's `ping`, and wait for its end."""
        return await self._webhooks.ping()

    async def deliver_raw(
        self, event: str, payload: bytes, *, signature: str | None = None, guid: str | None = None
    ) -> int:
        """Send the webhook any body, which `deliveries` leaves out; the status of its answer, 0 without one.

        signature: instead of the right one; "" for none at all. guid: instead of a new one.
        """
        return await self._webhooks.deliver_raw(event, payload, guid or str(uuid.uuid4()), signature)

    async def wait_for(
        self,
        predicate: Callable[[], bool | Awaitable[bool]],
        timeout: float = 10,  # noqa: ASYNC109 (asyncio.wait_for calls it so too)
    ) -> None:
        """Return once `predicate` (plain or async) holds. Raises TimeoutError after `timeout` seconds."""
        await self._hub.changes.wait_for(predicate, timeout)

    async def go_down(self) -> None:
        """Refuse connections, and cut those that are open, until `come_up`."""
        await self._listener.go_down()

    async def come_up(self) -> None:
        """Listen again, at the same address."""
        await self._listener.come_up()
