"""Signing in with Slack: OpenID Connect, for the people of one team.

Slack: "Sign in with Slack", and the method openid.connect.token. Addresses as in its OpenID configuration.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt
from yarl import URL

from web.people import Person
from web.sign_in.way import Flow, ForeignError, RefusedError

TIMEOUT = aiohttp.ClientTimeout(total=15)
LEEWAY_SECONDS = 60
ALGORITHM = "RS256"
USER, TEAM = "https://slack.com/user_id", "https://slack.com/team_id"

_ID = re.compile(r"[A-Z0-9]{1,64}")


class SlackWay:
    """People are `slack:<team>:<user>`. team: the id of the team that the bot is in; nobody else is let in.

    api_url: of the Web API; the pages are on the same host. `session` should keep no cookies.
    """

    name = "slack"
    title = "Slack"

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        client_id: str,
        client_secret: str,
        api_url: str,
        team: str,
    ) -> None:
        self._session = session
        self._client_id = client_id
        self._client_secret = client_secret
        self._api_url = api_url.rstrip("/")
        self._server_url = str(URL(api_url).origin())
        self._team = team

    def authorize(self, flow: Flow, back: str) -> str:
        query = {
            "response_type": "code",
            "scope": "openid profile",
            "client_id": self._client_id,
            "state": flow.state,
            "nonce": flow.nonce,
            "team": self._team,
            "redirect_uri": back,
        }
        return str(URL(f"{self._server_url}/openid/connect/authorize").with_query(query))

    async def person(self, code: str, flow: Flow, back: str) -> Person:
        claims = await self._claims(await self._token(code, back))
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), flow.nonce.encode()):
            raise RefusedError("nonce_mismatch")
        if claims.get(TEAM) != self._team:
            raise ForeignError
        user = claims.get(USER)
        if not isinstance(user, str) or not _ID.fullmatch(user):
            raise ValueError("Slack named no user")
        name = claims.get("name")
        return Person(f"slack:{self._team}:{user}", name if isinstance(name, str) and name.strip() else user)

    async def _token(self, code: str, back: str) -> str:
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
        }
        async with self._session.post(
            f"{self._api_url}/openid.connect.token",
            data=form,
            allow_redirects=False,
            timeout=TIMEOUT,
            raise_for_status=True,
        ) as answer:
            said = await answer.json(content_type=None)
        if not isinstance(said, dict):
            raise ValueError("Slack gave no answer")
        if said.get("ok") is not True:
            raise RefusedError(str(said.get("error")))
        if not isinstance(said.get("id_token"), str):
            raise ValueError("Slack gave no token")
        token: str = said["id_token"]
        return token

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """What an id token says, once it is certain that Slack made it for Heddle, and lately."""
        try:
            keys = jwt.PyJWKSet.from_dict(await self._keys())
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key=keys[jwt.get_unverified_header(token)["kid"]],
                algorithms=[ALGORITHM],
                audience=self._client_id,
                issuer=self._server_url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss", "sub", "nonce"]},
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise ValueError(f"Slack's token doesn't hold: {type(error).__name__}") from None
        return claims

    async def _keys(self) -> dict[str, Any]:
        async with self._session.get(
            f"{self._server_url}/openid/connect/keys",
            allow_redirects=False,
            timeout=TIMEOUT,
            raise_for_status=True,
        ) as answer:
            said = await answer.json(content_type=None)
        if not isinstance(said, dict):
            raise ValueError("Slack gave no keys")
        return said
