"""The App's own endpoints: itself, where it is installed, and its tokens."""

from __future__ import annotations

from collections.abc import Mapping

from playground.github.access import Caller, Level, TokenKind, narrow
from playground.github.api.repositories import repository_json
from playground.github.api.route import APP, ApiRequest, Json, Reply, Route, stamp
from playground.github.api.users import account_json
from playground.github.app import TOKEN_SECONDS, App, Installation, make_installation_token
from playground.github.errors import Refusal, not_found
from playground.github.hub import Hub, Issued
from playground.github.records import Account
from playground.github.repositories import Repository

NOT_GRANTED = "The permissions requested are not granted to this installation."
UNREACHABLE = (
    "There is at least one repository that does not exist or is not accessible to the parent installation."
)


OTHER_APPS = 100_000
"""Where the ids of Apps other than this GitHub's own begin."""


def app_json(hub: Hub, slug: str | None = None) -> Json:
    """The App, or another one by its slug. Raises Refusal (404) where this GitHub has none."""
    app = hub.app
    if slug is not None and (app is None or slug != app.slug):
        app = _other_app(hub, slug)
    if app is None:
        raise not_found()
    return {
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": f"A_{app.id}",
        "owner": account_json(hub, hub.bot(app)),
        "name": app.name,
        "description": "",
        "external_url": hub.url,
        "html_url": f"{hub.url}/apps/{app.slug}",
        "created_at": stamp(0),
        "updated_at": stamp(0),
        "permissions": {name: str(level) for name, level in app.permissions.items()},
        "events": list(app.events),
        "installations_count": len(hub.installations),
    }


def _other_app(hub: Hub, slug: str) -> App:
    bot = hub.bot(App(slug=slug))
    return App(OTHER_APPS + bot.id, slug, slug, f"Iv23li{slug}", {"checks": Level.WRITE}, (), False)


def acting_app_json(hub: Hub, account: Account) -> Json | None:
    """The App that an account is the bot of; None for everybody else."""
    if hub.app is None or account.login != f"{hub.app.slug}[bot]":
        return None
    return app_json(hub)


def installation_json(hub: Hub, installation: Installation) -> Json:
    url = f"{hub.api_url}/app/installations/{installation.id}"
    app = hub.app
    return {
        "id": installation.id,
        "client_id": app.client_id if app else "",
        "account": account_json(hub, installation.account),
        "repository_selection": "all" if installation.repositories is None else "selected",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{hub.api_url}/installation/repositories",
        "html_url": f"{hub.url}/{installation.account.login}",
        "app_id": app.id if app else 0,
        "app_slug": app.slug if app else "",
        "target_id": installation.account.id,
        "target_type": str(installation.account.type),
        "permissions": {name: str(level) for name, level in installation.permissions.items()},
        "events": list(app.events) if app else [],
        "created_at": stamp(installation.created_at),
        "updated_at": stamp(installation.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }


async def get_app(request: ApiRequest) -> Reply:
    return Reply(app_json(request.hub))


async def list_installations(request: ApiRequest) -> Reply:
    hub = request.hub
    return request.page([installation_json(hub, each) for each in hub.installations.values()])


def _installation_of(request: ApiRequest) -> Installation:
    installation = request.hub.installations.get(request.number("installation"))
    if installation is None:
        raise not_found()
    return installation


async def get_installation(request: ApiRequest) -> Reply:
    return Reply(installation_json(request.hub, _installation_of(request)))


async def get_repository_installation(request: ApiRequest) -> Reply:
    installation = request.hub.installation_of(request.repository)
    if installation is None:
        raise not_found()
    return Reply(installation_json(request.hub, installation))


def _asked_permissions(request: ApiRequest) -> Mapping[str, Level]:
    asked = request.body.object("permissions") or {}
    if not all(isinstance(level, str) and level in set(Level) for level in asked.values()):
        raise Refusal(422, NOT_GRANTED)
    return {name: Level(str(level)) for name, level in asked.items()}


def _asked_repositories(request: ApiRequest, installation: Installation) -> list[Repository] | None:
    """Those that the token shall be narrowed to; None for all of the installation's."""
    names, ids = request.body.texts("repositories"), request.body.numbers("repository_ids")
    if not names and not ids:
        return None
    reached = request.hub.reached_by(installation)
    wanted_names = {name.lower() for name in names or ()}
    wanted_ids = set(ids or ())
    found = [each for each in reached if each.name.lower() in wanted_names or each.id in wanted_ids]
    missing = wanted_names - {each.name.lower() for each in found} or wanted_ids - {each.id for each in found}
    if missing:
        raise Refusal(422, UNREACHABLE)
    return found


async def create_token(request: ApiRequest) -> Reply:
    hub, installation = request.hub, _installation_of(request)
    if hub.app is None:
        raise not_found()
    permissions = narrow(installation.permissions, _asked_permissions(request))
    if permissions is None:
        raise Refusal(422, NOT_GRANTED)
    repositories = _asked_repositories(request, installation)
    token = make_installation_token(hub.app)
    expires_at = hub.clock() + TOKEN_SECONDS
    caller = Caller(
        TokenKind.INSTALLATION,
        hub.bot(hub.app),
        installation.id,
        None if repositories is None else frozenset(each.id for each in repositories),
        permissions,
    )
    hub.tokens[token] = Issued(caller, expires_at)
    body: dict[str, object] = {
        "token": token,
        "expires_at": stamp(expires_at),
        "permissions": {name: str(level) for name, level in permissions.items()},
        "repository_selection": "all"
        if repositories is None and installation.repositories is None
        else "selected",
    }
    if repositories is not None:
        body["repositories"] = [repository_json(hub, each, caller) for each in repositories]
    return Reply(body, 201)


def routes() -> tuple[Route, ...]:
    one = "/app/installations/{installation:\\d+}"
    return (
        Route("GET", "/app", get_app, callers=APP),
        Route("GET", "/app/installations", list_installations, callers=APP),
        Route("GET", one, get_installation, callers=APP),
        Route("POST", f"{one}/access_tokens", create_token, callers=APP),
        Route("GET", "/repos/{owner}/{repo}/installation", get_repository_installation, callers=APP),
    )
