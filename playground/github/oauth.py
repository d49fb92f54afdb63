"""The App's sign-in: a person lets it act as themselves, and it gets a token for that."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web
from jinja2 import Environment, StrictUndefined
from yarl import URL

from playground.github.access import Caller, TokenKind
from playground.github.app import App
from playground.github.grants import make_user_token
from playground.github.hub import Hub, Issued

AUTHORIZE = "/login/oauth/authorize"
ACCESS_TOKEN = "/login/oauth/access_token"
NO_APP = "There is no App with this client id, or it asks to go back to an address that is none."
FOREIGN = "This page only takes clicks that were made on it. Start the sign-in again."
ERRORS = {
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "bad_verification_code": "The code passed is incorrect or expired.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
    "access_denied": "The user has denied your application access.",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Authorize {{ app.name }}</title>
<link rel="stylesheet" href="/_/style.css">
</head>
<body>
<main>
<h1>Authorize {{ app.name }}</h1>
<p>{{ app.name }} wants to know who you are, and to act as <strong>{{ viewer.login }}</strong>
where you and it both may. You go on to <strong>{{ target }}</strong>.</p>
<form method="post" action="{{ action }}">
<input type="hidden" name="client_id" value="{{ app.client_id }}">
<input type="hidden" name="redirect_uri" value="{{ redirect_uri }}">
<input type="hidden" name="state" value="{{ state }}">
<button name="answer" value="yes">Authorize {{ app.name }}</button>
<button name="answer" value="no">Cancel</button>
</form>
</main>
</body>
</html>
"""


class OAuth:
    """The sign-in of one GitHub's App. The person is `hub.viewer`, whose browser it is."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        self._page = environment.from_string(_PAGE)

    def add_routes(self, application: web.Application) -> None:
        application.router.add_get(AUTHORIZE, self._ask)
        application.router.add_post(AUTHORIZE, self._decide)
        application.router.add_post(ACCESS_TOKEN, self._trade)

    def _app(self, values: Mapping[str, str]) -> tuple[App, str]:
        """The App that asks, and where it wants the person back. Raises HTTPNotFound."""
        app, target = self._hub.app, urlsplit(values.get("redirect_uri", ""))
        known = app is not None and values.get("client_id") == app.client_id
        if app is None or not known or target.scheme not in {"http", "https"} or not target.hostname:
            raise web.HTTPNotFound(text=NO_APP)
        return app, target.geturl()

    async def _ask(self, request: web.Request) -> web.Response:
        app, redirect_uri = self._app(request.query)
        viewer = self._hub.viewer
        if viewer is None:
            raise web.HTTPForbidden(text="Nobody is signed in in this browser.")
        target = str(URL(redirect_uri).origin())
        text = self._page.render(
            app=app,
            viewer=viewer,
            target=target,
            action=AUTHORIZE,
            redirect_uri=redirect_uri,
            state=request.query.get("state", ""),
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
        if request.headers.get("Origin") != self._hub.url:
            raise web.HTTPForbidden(text=FOREIGN)
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        _, redirect_uri = self._app(form)
        viewer = self._hub.viewer
        if viewer is None:
            raise web.HTTPForbidden(text="Nobody is signed in in this browser.")
        if form.get("answer") == "no":
            answer = {"error": "access_denied", "error_description": ERRORS["access_denied"]}
        else:
            code = self._hub.grants.give(viewer, redirect_uri, self._hub.clock())
            answer = {"code": code}
        if form.get("state"):
            answer["state"] = form["state"]
        raise web.HTTPFound(URL(redirect_uri).update_query(answer))

    async def _trade(self, request: web.Request) -> web.Response:
        values = {**request.query, **_fields(request.content_type, await request.text())}
        return _show(request, self._token(values))

    def _token(self, values: Mapping[str, str]) -> dict[str, str]:
        hub = self._hub
        client_id = hub.app.client_id if hub.app is not None else ""
        secret_fits = hmac.compare_digest(
            values.get("client_secret", "").encode(), hub.grants.client_secret.encode()
        )
        if not client_id or values.get("client_id") != client_id or not secret_fits:
            return _error("incorrect_client_credentials")
        grant = hub.grants.take(values.get("code", ""), hub.clock())
        if grant is None or hub.account(grant.account.login) != grant.account:
            return _error("bad_verification_code")
        if values.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
            return _error("redirect_uri_mismatch")
        token = make_user_token()
        hub.tokens[token] = Issued(Caller(TokenKind.PERSONAL, grant.account), None)
        return {"access_token": token, "token_type": "bearer", "scope": ""}


def _error(name: str) -> dict[str, str]:
    return {"error": name, "error_description": ERRORS[name]}


def _fields(content_type: str, text: str) -> Mapping[str, str]:
    """What a body says, as JSON or as a form; nothing when it is neither."""
    if content_type != "application/json":
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(values, dict):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _show(request: web.Request, answer: Mapping[str, str]) -> web.Response:
    """GitHub answers as a form unless it is asked for JSON; with 200 also where it refuses."""
    headers = {"Cache-Control": "no-store"}
    if "json" in request.headers.get("Accept", ""):
        return web.json_response(answer, headers=headers)
    return web.Response(
        text=urlencode(answer), content_type="application/x-www-form-urlencoded", headers=headers
    )
