"""Credentials for GitHub: one account's token, or an App's short-lived ones narrowed to one repository."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

import requests
from github import Auth, GithubException, GithubIntegration

from orchestrator.forge import ForgeError

RENEW_SECONDS = 300.0  # before a token ends
GIT_PERMISSIONS = {"contents": "write"}
API_PERMISSIONS = {"contents": "read", "pull_requests": "write"}

NOT_INSTALLED = "the GitHub App isn't installed on `{repository}`, or there is no such repository"
UNREACHABLE = "GitHub can't be reached ({error})"


class Access(Protocol):
    """Where tokens come from. Methods raise ForgeError."""

    async def git_token(self, repository: str) -> str:
        """For git on this repository: reads and writes its contents."""
        ...

    async def api_token(self, repository: str) -> str:
        """For the API: pull requests of this repository."""
        ...


class AccountAccess:
    """One account's token, which reaches whatever that account reaches."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def git_token(self, repository: str) -> str:
        return self._token

    async def api_token(self, repository: str) -> str:
        return self._token


class AppAccess:
    """A GitHub App: each token can reach one repository and lives an hour.

    PyGithub can't narrow a token to repositories, so the request is made through its requester
    (REST: POST /app/installations/{id}/access_tokens).
    """

    def __init__(self, app_id: int, private_key: str, api_url: str) -> None:
        self._app = GithubIntegration(
            auth=Auth.AppAuth(app_id, private_key),
            base_url=api_url,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}
        self._lock = asyncio.Lock()

    async def git_token(self, repository: str) -> str:
        return await self._token(repository, "git", GIT_PERMISSIONS)

    async def api_token(self, repository: str) -> str:
        return await self._token(repository, "api", API_PERMISSIONS)

    async def repositories(self) -> list[str]:
        """All repositories that the App is installed on."""

        def ask() -> list[str]:
            return [
                repository.full_name
                for installation in self._app.get_installations()
                for repository in installation.get_repos()
            ]

        return await in_thread(ask)

    async def _token(self, repository: str, purpose: str, permissions: dict[str, str]) -> str:
        key = (repository.lower(), purpose)
        async with self._lock:
            token, ends_at = self._tokens.get(key, ("", 0.0))
            if ends_at - RENEW_SECONDS < time.time():
                token, ends_at = await in_thread(lambda: self._request(repository, permissions))
                self._tokens[key] = (token, ends_at)
        return token

    def _request(self, repository: str, permissions: dict[str, str]) -> tuple[str, float]:
        owner, name = repository.split("/")
        try:
            installation = self._app.get_repo_installation(owner, name)
        except GithubException as error:
            if error.status == 404:
                raise ForgeError(NOT_INSTALLED.format(repository=repository)) from error
            raise
        _, answer = self._app.requester.requestJsonAndCheck(
            "POST",
            f"/app/installations/{installation.id}/access_tokens",
            input={"repositories": [name], "permissions": permissions},
        )
        return answer["token"], datetime.fromisoformat(answer["expires_at"]).timestamp()


T = TypeVar("T")


async def in_thread(ask: Callable[[], T]) -> T:
    """Run a call of PyGithub's, which blocks, in a thread. Raises ForgeError for whatever it raises."""
    try:
        return await asyncio.to_thread(ask)
    except GithubException as error:
        raise ForgeError(explain(error)) from error
    except requests.RequestException as error:
        raise ForgeError(UNREACHABLE.format(error=type(error).__name__)) from error


def explain(error: GithubException) -> str:
    """What GitHub said, as one sentence."""
    data = error.data if isinstance(error.data, dict) else {}
    details = [
        str(item.get("message") or item.get("code"))
        for item in data.get("errors", [])
        if isinstance(item, dict)
    ]
    said = ". ".join([str(data.get("message") or error.message or "no reason given"), *details])
    return f"{said.rstrip('.')} (HTTP {error.status})"
