"""Accounts, and what the caller can see."""

from __future__ import annotations

from playground.github.access import Level
from playground.github.api.route import (
    INSTALLATION,
    PERSON,
    ApiRequest,
    Json,
    Reply,
    Route,
    stamp,
)
from playground.github.errors import not_found
from playground.github.hub import Hub
from playground.github.records import Account, AccountType
from playground.github.repositories import Repository


def account_json(hub: Hub, account: Account) -> Json:
    """An account as it stands inside of other objects."""
    url = f"{hub.api_url}/users/{account.login}"
    page = f"apps/{account.login.removesuffix('[bot]')}" if account.type is AccountType.BOT else account.login
    return {
        "login": account.login,
        "id": account.id,
        "node_id": f"U_{account.id}",
        "avatar_url": f"{hub.url}/_/avatar.svg",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{hub.url}/{page}",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "organizations_url": f"{url}/orgs",
        "type": str(account.type),
        "user_view_type": "public",
        "site_admin": False,
    }


def author_association(repository: Repository, account: Account) -> str:
    """What an author is to a repository, by GitHub's names."""
    if account == repository.owner:
        return "OWNER"
    if repository.members.get(account.login.lower(), Level.NONE).covers(Level.WRITE):
        return "MEMBER" if repository.owner.type is AccountType.ORGANIZATION else "COLLABORATOR"
    merged = (number for number, pull in repository.pulls.items() if pull.merged_at is not None)
    wrote = any(repository.issues[number].user == account for number in merged)
    return "CONTRIBUTOR" if wrote else "NONE"


def full_account_json(hub: Hub, account: Account) -> Json:
    """An account as its own address answers."""
    owned = [each for each in hub.repositories.values() if each.owner == account and not each.private]
    return {
        **account_json(hub, account),
        "name": account.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": account.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": len(owned),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": stamp(account.created_at),
        "updated_at": stamp(account.created_at),
    }


async def get_me(request: ApiRequest) -> Reply:
    return Reply(
        full_account_json(request.hub, request.account),
        headers={"X-OAuth-Scopes": "repo, workflow, read:org"},
    )


async def get_user(request: ApiRequest) -> Reply:
    hub, login = request.hub, request.part("login")
    account = hub.account(login)
    if account is None and hub.app is not None and login.lower() == f"{hub.app.slug}[bot]".lower():
        account = hub.bot(hub.app)
    if account is None:
        raise not_found()
    return Reply(full_account_json(request.hub, account))


async def get_user_by_id(request: ApiRequest) -> Reply:
    for account in request.hub.accounts.values():
        if account.id == request.number("id"):
            return Reply(full_account_json(request.hub, account))
    raise not_found()


async def get_rate_limit(request: ApiRequest) -> Reply:
    # Asking costs nothing, so the numbers are those of the headers' next request.
    from_now = request.hub.clock() + 3600
    core = {"limit": 5000, "remaining": 5000, "reset": int(from_now), "used": 0, "resource": "core"}
    return Reply(
        {"resources": {"core": core, "search": {**core, "limit": 30, "remaining": 30}}, "rate": core}
    )


async def revoke_token(request: ApiRequest) -> Reply:
    hub = request.hub
    header = request.http.headers.get("Authorization", "")
    hub.tokens.pop(header.partition(" ")[2].strip(), None)
    return Reply(None, 204)


def routes() -> tuple[Route, ...]:
    return (
        Route("GET", "/user", get_me, callers=PERSON),
        Route("GET", "/users/{login}", get_user),
        Route("GET", "/user/{id:\\d+}", get_user_by_id),
        Route("GET", "/rate_limit", get_rate_limit),
        Route("DELETE", "/installation/token", revoke_token, callers=INSTALLATION),
    )
