"""GitHub says which account somebody has: the App's user authorisation, with a challenge (PKCE)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import aiohttp
from yarl import URL

TIMEOUT = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True)
class Account:
    """An account on GitHub. `login` can be changed there, `id` can't."""

    id: int
    login: str


class GitHubRefusedError(Exception):
    """GitHub gives no token; the text is its name for the reason, which may be anything."""


class GitHubAccounts:
    """Asks GitHub at `server_url` and `api_url`. client_id and client_secret are the App's.

    `session` should keep no cookies.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        client_id: str,
        client_secret: str,
        server_url: str,
        api_url: str,
    ) -> None:
        self._session = session
        self._client_id = client_id
        self._client_secret = client_secret
        self._server_url = server_url.rstrip("/")
        self._api_url = api_url.rstrip("/")

    def authorize(self, back: str, *, state: str, verifier: str) -> str:
        """Where GitHub asks the person, before it sends them to `back` with a code."""
        query = {
            "client_id": self._client_id,
            "redirect_uri": back,
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
            "prompt": "select_account",  # nobody with two accounts should take the wrong one unasked
        }
        return str(URL(f"{self._server_url}/login/oauth/authorize").with_query(query))

    async def account(self, code: str, *, verifier: str, back: str) -> Account:
        """Whose code it is. Raises GitHubRefusedError, ClientError, TimeoutError, ValueError.

        The texts of the last three may hold a token.
        """
        return await self._account(await self._token(code, verifier, back))

    async def _token(self, code: str, verifier: str, back: str) -> str:
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        async with self._session.post(
            f"{self._server_url}/login/oauth/access_token",
            data=form,
            headers={"Accept": "application/json"},
            allow_redirects=False,
            timeout=TIMEOUT,
            raise_for_status=True,
        ) as answer:
            said = await answer.json(content_type=None)
        if isinstance(said, dict) and "error" in said:
            raise GitHubRefusedError(str(said["error"]))
        if not isinstance(said, dict) or not isinstance(said.get("access_token"), str):
            raise ValueError("GitHub gave no token")
        token: str = said["access_token"]
        return token

    async def _account(self, token: str) -> Account:
        async with self._session.get(
            f"{self._api_url}/user",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
            allow_redirects=False,
            timeout=TIMEOUT,
            raise_for_status=True,
        ) as answer:
            said = await answer.json(content_type=None)
        if isinstance(said, dict):
            match said.get("id"), said.get("login"):
                case int(number), str(login):
                    return Account(number, login)
        raise ValueError("GitHub named no account")


def _challenge(verifier: str) -> str:
    """The S256 challenge of RFC 7636."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
