"""Everything that this GitHub knows, in one place that its parts are handed."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playground.github.access import ANONYMOUS, Caller, TokenKind
from playground.github.app import App, BadJwt, Installation, KeyPair, check_jwt
from playground.github.attachments import Attachments
from playground.github.calls import Call, Changes
from playground.github.faults import Fault
from playground.github.grants import Grants
from playground.github.happenings import Happening
from playground.github.records import Account, AccountType
from playground.github.repositories import Repository

BAD_CREDENTIALS = "Bad credentials"
RATE_LIMIT = 5000


class Unauthorized(Exception):
    """The credentials are wrong; the text is GitHub's message."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that this GitHub made, and until when it counts (None: for ever)."""

    caller: Caller
    expires_at: float | None


@dataclass(slots=True)
class Rate:
    """How much of an hour's requests a token has used."""

    used: int
    resets_at: float


class Hub:
    """The state, and the questions that every part asks of it."""

    def __init__(self, *, root: Path, app: App | None, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.app = app
        self.clock = clock
        self.url = ""
        self.key: KeyPair | None = None
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.installations: dict[int, Installation] = {}
        self.tokens: dict[str, Issued] = {}
        self.rates: dict[str, Rate] = {}
        self.faults: tuple[Fault, ...] = ()
        self.calls: list[Call] = []
        self.changes = Changes()
        self.attachments = Attachments(clock)
        self.grants = Grants()
        self.viewer: Account | None = None
        """Whose browser it is: whoever opens a page acts as this person."""
        self.listeners: list[Callable[[Happening], None]] = []
        """Told of everything that a webhook tells of, after it is so."""
        self._last_id = 1000

    def happen(self, happening: Happening) -> None:
        """Tell the listeners."""
        for listener in self.listeners:
            listener(happening)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v3"

    def take_id(self) -> int:
        """A number that nothing else here has as its id."""
        self._last_id += 1
        return self._last_id

    def account(self, login: str) -> Account | None:
        return self.accounts.get(login.lower())

    def add_account(self, login: str, *, name: str = "", type: AccountType = AccountType.USER) -> Account:
        """A new account; the one that is there when the login is taken."""
        if (known := self.account(login)) is not None:
            return known
        id = self.take_id()
        email = f"{id}+{login}@users.noreply.github.com"
        account = Account(id, login, name or login.capitalize(), email, type, self.clock())
        self.accounts[login.lower()] = account
        return account

    def bot(self, app: App) -> Account:
        """Who acts when the App acts with an installation token."""
        return self.add_account(f"{app.slug}[bot]", name=f"{app.slug}[bot]", type=AccountType.BOT)

    def repository(self, owner: str, name: str) -> Repository | None:
        return self.repositories.get(f"{owner}/{name}".lower())

    def named(self, full_name: str) -> Repository:
        """A repository that must exist. Raises KeyError."""
        repository = self.repositories.get(full_name.lower())
        if repository is None:
            raise KeyError(f"There is no repository {full_name} on this GitHub.")
        return repository

    def installation_of(self, repository: Repository) -> Installation | None:
        """The installation that reaches a repository."""
        for installation in self.installations.values():
            if installation.account == repository.owner:
                selected = installation.repositories
                return installation if selected is None or repository.id in selected else None
        return None

    def reached_by(self, installation: Installation) -> tuple[Repository, ...]:
        """The repositories that an installation has."""
        return tuple(
            repository
            for repository in self.repositories.values()
            if self.installation_of(repository) == installation
        )

    def caller(self, header: str | None) -> Caller:
        """Who an `Authorization` header says it is. Raises Unauthorized."""
        if not header:
            return ANONYMOUS
        scheme, _, value = header.partition(" ")
        token = _password(value) if scheme.lower() == "basic" else value.strip()
        if scheme.lower() not in {"basic", "bearer", "token"} or not token:
            raise Unauthorized(BAD_CREDENTIALS)
        if token.count(".") == 2 and not token.startswith("gh"):
            if self.app is None:
                raise Unauthorized("A JSON web token could not be decoded")
            try:
                check_jwt(token, self.app, self.key.public if self.key else None, self.clock())
            except BadJwt as problem:
                raise Unauthorized(str(problem)) from problem
            return Caller(TokenKind.APP)
        issued = self.tokens.get(token)
        if issued is None or (issued.expires_at is not None and issued.expires_at <= self.clock()):
            raise Unauthorized(BAD_CREDENTIALS)
        caller = issued.caller
        if caller.installation is not None:
            installation = self.installations.get(caller.installation)
            if installation is None:
                raise Unauthorized(BAD_CREDENTIALS)
            # What the installation lost since, the token lost with it.
            now = frozenset(repository.id for repository in self.reached_by(installation))
            narrowed = now if caller.repositories is None else now & caller.repositories
            return Caller(caller.kind, caller.account, caller.installation, narrowed, caller.permissions)
        return caller

    def spend(self, caller: Caller) -> Rate:
        """Count one request of a caller against its hour."""
        name = f"{caller.kind}:{caller.account.login if caller.account else ''}:{caller.installation or ''}"
        now = self.clock()
        rate = self.rates.get(name)
        if rate is None or rate.resets_at <= now:
            rate = self.rates[name] = Rate(0, now + 3600)
        rate.used += 1
        return rate


def _password(value: str) -> str:
    """The token of a Basic header: its password, or its user name where only that is given."""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return user if password in {"", "x-oauth-basic"} else password
