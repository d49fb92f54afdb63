"""All resources of the REST API, as one set of routes below /api/v3."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from playground.github.access import ANONYMOUS, Caller, TokenKind
from playground.github.api import (
    checks,
    comments,
    commits,
    hooks,
    installations,
    issues,
    pulls,
    refs,
    repositories,
    reviews,
    users,
)
from playground.github.api.route import ApiRequest, Reply, Route, check, error_body, read_body
from playground.github.errors import NOT_ACCESSIBLE, Refusal, not_found
from playground.github.hub import RATE_LIMIT, Hub, Unauthorized
from playground.github.repositories import Repository

PREFIX = "/api/v3"
REQUEST_TOKEN = web.RequestKey("token", TokenKind)
"""What kind of token a request carried, for the log of calls."""


def all_routes() -> tuple[Route, ...]:
    """Every endpoint; the order matters where a pattern may hold slashes."""
    ours = (users, repositories, installations, hooks)
    resources = (*ours, refs, checks, commits, pulls, reviews, comments, issues)
    return tuple(route for resource in resources for route in resource.routes())


def add_routes(hub: Hub, application: web.Application) -> None:
    for route in all_routes():
        application.router.add_route(route.method, f"{PREFIX}{route.path}", _handler(hub, route))
    application.router.add_route("*", f"{PREFIX}/{{rest:.*}}", _handler(hub, None))


def _handler(hub: Hub, route: Route | None) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        caller = ANONYMOUS
        try:
            caller = identify(hub, request)
            reply = await _answer(hub, route, caller, request)
        except Refusal as refusal:
            reply = Reply(error_body(refusal), refusal.status)
        except web.HTTPRequestEntityTooLarge:
            reply = Reply(error_body(Refusal(413, "Payload too large")), 413)
        return _response(hub, caller, reply)

    return handle


def identify(hub: Hub, request: web.Request) -> Caller:
    """Who a request comes from, noted for the log of calls. Raises Refusal (401)."""
    try:
        caller = hub.caller(request.headers.get("Authorization"))
    except Unauthorized as problem:
        request[REQUEST_TOKEN] = TokenKind.INVALID
        raise Refusal(401, str(problem)) from problem
    request[REQUEST_TOKEN] = caller.kind
    return caller


async def _answer(hub: Hub, route: Route | None, caller: Caller, request: web.Request) -> Reply:
    if route is None:
        raise not_found()
    found: Repository | None = None
    if "{repo}" in route.path:
        found = hub.repository(request.match_info["owner"], request.match_info["repo"])
        if found is None:
            raise not_found()
    try:
        check(route, caller, found)
    except Refusal as refusal:
        if refusal.message != NOT_ACCESSIBLE or not _is_of_pull(route, request, found):
            raise
        # What belongs to a pull request may also be done with the permission for pull requests.
        as_pull = Route(
            route.method,
            route.path,
            route.handler,
            "pull_requests",
            route.needed,
            route.person,
            route.callers,
        )
        check(as_pull, caller, found)
    return await route.handler(ApiRequest(hub, caller, request, await read_body(request), found))


def _is_of_pull(route: Route, request: web.Request, repository: Repository | None) -> bool:
    if route.permission != "issues" or repository is None:
        return False
    parts = request.match_info
    number = int(parts["number"]) if "number" in parts else 0
    comment = repository.comments.get(int(parts["comment"])) if "comment" in parts else None
    return (comment.issue if comment else number) in repository.pulls


def _response(hub: Hub, caller: Caller, reply: Reply) -> web.Response:
    rate = hub.spend(caller)
    headers = {
        "Server": "github.com",
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-GitHub-Api-Version-Selected": "2022-11-28",
        "X-GitHub-Request-Id": secrets.token_hex(8).upper(),
        "X-RateLimit-Limit": str(RATE_LIMIT),
        "X-RateLimit-Remaining": str(max(0, RATE_LIMIT - rate.used)),
        "X-RateLimit-Used": str(rate.used),
        "X-RateLimit-Reset": str(int(rate.resets_at)),
        "X-RateLimit-Resource": "core",
        **reply.headers,
    }
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    return web.json_response(reply.body, status=reply.status, headers=headers)
