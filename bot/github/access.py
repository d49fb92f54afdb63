"""Credentials for GitHub: one account's token, or an App's short-lived ones narrowed to one repository."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Auth, Github, GithubException, GithubIntegration

from bot.github.threads import Threads
from orchestrator.forge import ForgeError

RENEW_SECONDS = 300.0  # before a token ends

Permissions = Mapping[str, str]
GIT: Permissions = {"contents": "write"}
PULL_REQUESTS: Permissions = {"contents": "read", "pull_requests": "write"}
CONVERSATION: Permissions = {"issues": "write", "pull_requests": "write"}
CHECKS: Permissions = {"checks": "write"}

NOT_INSTALLED = "the GitHub App isn't installed on `{repository}`, or there is no such repository"


@dataclass(frozen=True, slots=True)
class Account:
    """Who Heddle is on GitHub. `name`: what people mention. `login`: whose posts and commits are Heddle's."""

    name: str
    login: str
    is_app: bool


class Access(Protocol):
    """Where tokens come from. Methods raise ForgeError."""

    async def token(self, repository: str, permissions: Permissions) -> str:
        """A token for this repository that may do no more than it must, where that can be had."""
        ...

    async def account(self) -> Account:
        """Who Heddle is; asked once and remembered."""
        ...


class AccountAccess:
    """One account's token, which reaches whatever that account reaches."""

    def __init__(self, token: str, api_url: str, threads: Threads) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._threads = threads
        self._account: Account | None = None

    async def token(self, repository: str, permissions: Permissions) -> str:
        return self._token

    async def account(self) -> Account:
        if self._account is None:
            github = Github(auth=Auth.Token(self._token), base_url=self._api_url)
            login = await self._threads.run(lambda: github.get_user().login)
            self._account = Account(name=login, login=login, is_app=False)
        return self._account


class AppAccess:
    """A GitHub App: each token can reach one repository and lives an hour.

    PyGithub can't narrow a token to repositories, so the request is made through its requester
    (REST: POST /app/installations/{id}/access_tokens). Raises ValueError for a key that is none.
    """

    def __init__(self, app_id: int, private_key: str, api_url: str, threads: Threads) -> None:
        self.app_id = app_id
        # PyGithub would read the key anew for every request, which holds up everything for 36 ms.
        key = load_pem_private_key(private_key.encode(), None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("it is not an RSA key")
        self._sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(
            claims, key, algorithm="RS256"
        )
        self._api_url = api_url.rstrip("/")
        self._threads = threads
        self._tokens: dict[tuple[str, frozenset[tuple[str, str]]], tuple[str, float]] = {}
        self._locks: defaultdict[object, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._account: Account | None = None

    async def token(self, repository: str, permissions: Permissions) -> str:
        key = (repository.lower(), frozenset(permissions.items()))
        async with self._locks[key]:
            token, ends_at = self._tokens.get(key, ("", 0.0))
            if ends_at - RENEW_SECONDS < time.time():
                token, ends_at = await self._threads.run(lambda: self._request(repository, permissions))
                self._tokens[key] = (token, ends_at)
        return token

    async def account(self) -> Account:
        if self._account is None:
            slug = await self._threads.run(lambda: self._app().get_app().slug)
            self._account = Account(name=slug, login=f"{slug}[bot]", is_app=True)
        return self._account

    async def repositories(self) -> list[str]:
        """All repositories that the App is installed on."""

        def ask() -> list[str]:
            return [
                repository.full_name
                for installation in self._app().get_installations()
                for repository in installation.get_repos()
            ]

        return await self._threads.run(ask)

    async def as_app(self, verb: str, path: str) -> tuple[Mapping[str, Any], Any]:
        """A request as the App itself, for what PyGithub has no method for: the answer's headers and content."""

        def ask() -> tuple[Mapping[str, Any], Any]:
            return self._app().requester.requestJsonAndCheck(verb, path)

        return await self._threads.run(ask)

    def _app(self) -> GithubIntegration:
        # One for each call: threads that share one get each other's answers, and so each other's tokens.
        return GithubIntegration(
            auth=Auth.AppAuth(self.app_id, sign_func=self._sign),
            base_url=self._api_url,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )

    def _request(self, repository: str, permissions: Permissions) -> tuple[str, float]:
        owner, name = repository.split("/")
        app = self._app()
        try:
            installation = app.get_repo_installation(owner, name)
        except GithubException as error:
            if error.status == 404:
                raise ForgeError(NOT_INSTALLED.format(repository=repository), status=404) from error
            raise
        _, answer = app.requester.requestJsonAndCheck(
            "POST",
            f"/app/installations/{installation.id}/access_tokens",
            input={"repositories": [name], "permissions": dict(permissions)},
        )
        return answer["token"], datetime.fromisoformat(answer["expires_at"]).timestamp()
