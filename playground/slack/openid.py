"""Signing in with Slack: a page where the person at the browser says who they are, and a token that proves it.

Slack: "Sign in with Slack", openid.connect.token, and the addresses of its OpenID configuration. Any address to go back to
is taken; Slack's own has to be registered.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jinja2 import Environment, StrictUndefined
from jwt.algorithms import RSAAlgorithm
from yarl import URL

from playground.slack.calls import ApiCall
from playground.slack.changes import Changes
from playground.slack.faults import Faults
from playground.slack.page import WRONG_HOST, WRONG_ORIGIN, may_read, may_write
from playground.slack.records import Person
from playground.slack.shapes import JsonObject
from playground.slack.state import TeamState

AUTHORIZE = "/openid/connect/authorize"
KEYS = "/openid/connect/keys"
TOKEN = "openid.connect.token"
CODE_SECONDS = 600
TOKEN_SECONDS = 300
NO_APP = "There is no app with this client id, or it asks to go back to an address that is none."
NO_SCOPE = "Signing in asks for the scope openid, and may ask for profile and email beside it."
SCOPES = frozenset({"openid", "profile", "email"})

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in to {{ app.real_name }} · {{ team.name }}</title>
<link rel="stylesheet" href="/static/openid.css">
</head>
<body>
<main>
<h1>Sign in to {{ app.real_name }} with {{ team.name }}</h1>
<p>{{ app.real_name }} wants to know who you are. You go on to <strong>{{ target }}</strong>.</p>
<form method="post" action="{{ action }}">
{% for name, value in fields.items() %}
<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}
{% for person in people %}
<button name="user" value="{{ person.id }}"><b>{{ person.real_name }}</b> @{{ person.name }}</button>
{% endfor %}
<button name="user" value="" class="no">Cancel</button>
</form>
<p class="faint">In Slack you are somebody already. Here you choose.</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person has agreed to, until the code is traded."""

    person: str
    redirect_uri: str
    nonce: str
    scopes: frozenset[str]
    expires_at: float


class OpenId:
    """The sign-in of one team's app. hosts: the names under which the page may be opened, asked each time."""

    def __init__(
        self,
        state: TeamState,
        changes: Changes,
        app: Person,
        *,
        client_id: str,
        client_secret: str,
        faults: Faults,
        calls: list[ApiCall],
        hosts: Callable[[], frozenset[str]],
    ) -> None:
        self._state = state
        self._changes = changes
        self._app = app
        self._client_id = client_id
        self._client_secret = client_secret
        self._faults = faults
        self._calls = calls
        self._hosts = hosts
        self._grants: dict[str, Grant] = {}
        self._page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(AUTHORIZE, self._ask),
            web.post(AUTHORIZE, self._decide),
            web.get(KEYS, self._keys),
            web.post(f"/api/{TOKEN}", self._trade),
        ]

    @cached_property
    def _key(self) -> RSAPrivateKey:
        return generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def _issuer(self) -> str:
        return self._state.base_url.rstrip("/")

    async def _ask(self, request: web.Request) -> web.Response:
        if not may_read(request.host, self._hosts()):
            raise web.HTTPForbidden(text=WRONG_HOST)
        fields = {
            name: request.query.get(name, "") for name in ("client_id", "redirect_uri", "state", "nonce")
        }
        fields["scope"] = request.query.get("scope", "")
        redirect_uri = self._redirect_uri(fields)
        if request.query.get("response_type") != "code" or not _scopes(fields["scope"]):
            raise web.HTTPBadRequest(text=NO_SCOPE)
        target = str(URL(redirect_uri).origin())
        text = self._page.render(
            app=self._app,
            team=self._state.team,
            people=[person for person in self._state.people.values() if not person.bot],
            target=target,
            action=AUTHORIZE,
            fields=fields,
        )
        # A browser checks the answer of a form against form-action too, and that leads to the target.
        policy = (
            f"default-src 'none'; style-src 'self'; form-action 'self' {target}; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _decide(self, request: web.Request) -> web.Response:
        if not may_write(request.host, request.headers.get("Origin", ""), self._hosts()):
            raise web.HTTPForbidden(text=WRONG_ORIGIN)
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        redirect_uri = self._redirect_uri(form)
        person = self._state.people.get(form.get("user", ""))
        if person is None or person.bot:
            answer = {"error": "access_denied"}
        else:
            code = secrets.token_hex(20)
            self._grants[code] = Grant(
                person.id,
                redirect_uri,
                form.get("nonce", ""),
                _scopes(form.get("scope", "")),
                self._state.clock() + CODE_SECONDS,
            )
            answer = {"code": code}
        if form.get("state"):
            answer["state"] = form["state"]
        raise web.HTTPFound(URL(redirect_uri).update_query(answer))

    def _redirect_uri(self, values: dict[str, str]) -> str:
        """Where the app wants the person back. Raises HTTPNotFound."""
        target = urlsplit(values.get("redirect_uri", ""))
        known = values.get("client_id") == self._client_id
        if not known or target.scheme not in {"http", "https"} or not target.hostname:
            raise web.HTTPNotFound(text=NO_APP)
        return target.geturl()

    async def _keys(self, _request: web.Request) -> web.Response:
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return web.json_response({"keys": [key | {"kid": self._kid, "use": "sig", "alg": "RS256"}]})

    async def _trade(self, request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        fault = self._faults.take(TOKEN)
        if fault is None:
            status, answer = 200, self._token(form)
        else:
            status, answer = fault.status, {"ok": False, "error": fault.error}
        shown: JsonObject = {
            name: value for name, value in form.items() if name not in ("client_secret", "code")
        }
        self._calls.append(ApiCall(TOKEN, shown, self._state.clock(), {"ok": answer["ok"]}, status))
        self._changes.announce()
        return web.json_response(answer, status=status, headers={"Cache-Control": "no-store"})

    def _token(self, form: dict[str, str]) -> JsonObject:
        if form.get("client_id") != self._client_id:
            return {"ok": False, "error": "invalid_client_id"}
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._client_secret.encode()):
            return {"ok": False, "error": "bad_client_secret"}
        if form.get("grant_type", "authorization_code") != "authorization_code":
            return {"ok": False, "error": "invalid_grant_type"}
        grant = self._grants.pop(form.get("code", ""), None)
        if grant is None or grant.expires_at <= self._state.clock():
            return {"ok": False, "error": "invalid_code"}
        if form.get("redirect_uri") != grant.redirect_uri:
            return {"ok": False, "error": "bad_redirect_uri"}
        return {
            "ok": True,
            "access_token": f"xoxp-stand-in-{secrets.token_hex(12)}",
            "token_type": "Bearer",
            "id_token": jwt.encode(
                self._claims(grant), self._key, algorithm="RS256", headers={"kid": self._kid}
            ),
        }

    def _claims(self, grant: Grant) -> dict[str, Any]:
        person, now = self._state.people[grant.person], int(self._state.clock())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": person.id,
            "aud": self._client_id,
            "iat": now,
            "auth_time": now,
            "exp": now + TOKEN_SECONDS,
            "https://slack.com/team_id": self._state.team.id,
            "https://slack.com/user_id": person.id,
        }
        if grant.nonce:
            claims["nonce"] = grant.nonce
        if "profile" in grant.scopes:
            claims |= {"name": person.real_name, "locale": "en-US"}
        return claims

    @property
    def _kid(self) -> str:
        """Slack's keys have ids; this one's changes with the key."""
        return f"{self._key.public_key().public_numbers().n % 16**10:010x}"


def _scopes(text: str) -> frozenset[str]:
    """What is asked for; empty unless it is a sign-in."""
    scopes = frozenset(text.replace(",", " ").split())
    return scopes if "openid" in scopes and scopes <= SCOPES else frozenset()
