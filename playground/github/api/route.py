"""The frame of the REST API: what a route is, what its handler is given, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from playground.github.access import Caller, Level, TokenKind, Verdict, decide
from playground.github.errors import (
    ARCHIVED,
    NOT_ACCESSIBLE,
    REQUIRES_AUTHENTICATION,
    Refusal,
    invalid,
    not_found,
)
from playground.github.hub import Hub
from playground.github.records import Account
from playground.github.repositories import Repository

Json = Mapping[str, object]

DOCUMENTATION = "https://docs.github.com/rest"
MUST_PUSH = "Must have push access to repository"
BARE_LIST = ""
"""The field under which a handler finds a body that is a list instead of an object."""

ANYONE = frozenset({TokenKind.NONE, TokenKind.PERSONAL, TokenKind.INSTALLATION})
SIGNED_IN = frozenset({TokenKind.PERSONAL, TokenKind.INSTALLATION})
PERSON = frozenset({TokenKind.PERSONAL})
INSTALLATION = frozenset({TokenKind.INSTALLATION})
APP = frozenset({TokenKind.APP})


@dataclass(frozen=True, slots=True)
class Reply:
    body: Json | Sequence[object] | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint below /api/v3.

    path: aiohttp's pattern. With `{owner}` and `{repo}` in it, the repository is looked up, and the caller
    needs `needed` of `permission` in it; a person gets by with `person` when it is given.
    """

    method: str
    path: str
    handler: Callable[[ApiRequest], Awaitable[Reply]]
    permission: str = "metadata"
    needed: Level = Level.READ
    person: Level | None = None
    callers: frozenset[TokenKind] = ANYONE


def stamp(seconds: float | None) -> str | None:
    """A time as GitHub writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Body:
    """The JSON object that a request brought, read field by field. Every reader raises Refusal (422)."""

    def __init__(self, values: Json) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise Refusal(422, f"Invalid request.\n\nFor '{name}', {json.dumps(value)} is not a string.")
        return value

    def needed_text(self, name: str, resource: str) -> str:
        value = self.text(name)
        if value is None:
            raise invalid(resource, name, "missing_field")
        return value

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings; None when it is not there."""
        values = self._values.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Refusal(
                422, f"Invalid request.\n\nFor '{name}', {json.dumps(values)} is not an array of strings."
            )
        return tuple(values)

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """A list of whole numbers; None when it is not there."""
        values = self._values.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
            raise Refusal(
                422, f"Invalid request.\n\nFor '{name}', {json.dumps(values)} is not an array of integers."
            )
        return tuple(values)

    def object(self, name: str) -> Mapping[str, object] | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise Refusal(422, f"Invalid request.\n\nFor '{name}', {json.dumps(value)} is not an object.")
        return value


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What a handler is given: who asks, for which repository, with what."""

    hub: Hub
    caller: Caller
    http: web.Request
    body: Body
    found: Repository | None

    @property
    def repository(self) -> Repository:
        if self.found is None:
            raise not_found()
        return self.found

    @property
    def account(self) -> Account:
        """Who acts. Raises Refusal (401) for nobody."""
        if self.caller.account is None:
            raise Refusal(401, REQUIRES_AUTHENTICATION)
        return self.caller.account

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.http.match_info[name]

    def number(self, name: str) -> int:
        """A part of the path that is a whole number."""
        return int(self.part(name))

    def query(self, name: str, default: str = "") -> str:
        return self.http.query.get(name, default)

    @property
    def paging(self) -> tuple[int, int]:
        """(page, items a page), within GitHub's bounds."""
        page, size = self.query("page", "1"), self.query("per_page", "30")
        return (
            max(1, int(page)) if page.isdecimal() else 1,
            min(100, max(1, int(size))) if size.isdecimal() else 30,
        )

    def page(self, items: Sequence[object], *, inside: str = "", extra: Json | None = None) -> Reply:
        """The asked page of all items. `inside`: the field of an object that holds them, beside `total_count`."""
        page, size = self.paging
        shown = items[(page - 1) * size : page * size]
        return self.page_of(shown, len(items), inside=inside, extra=extra)

    def page_of(
        self, shown: Sequence[object], total: int, *, inside: str = "", extra: Json | None = None
    ) -> Reply:
        """One page that was cut already, with its Link header."""
        page, size = self.paging
        last = max(1, -(-total // size))
        places: dict[str, int] = {}
        if page > 1:
            places |= {"prev": min(page - 1, last), "first": 1}
        if page < last:
            places |= {"next": page + 1, "last": last}
        url = f"{self.hub.url}{self.http.rel_url.raw_path}"
        links = []
        for name, number in places.items():
            query = self.http.rel_url.update_query(page=str(number)).raw_query_string
            links.append(f'<{url}?{query}>; rel="{name}"')
        headers = {"Link": ", ".join(links)} if links else {}
        body: Json | Sequence[object] = shown
        if inside:
            body = {"total_count": total, **(extra or {}), inside: shown}
        return Reply(body, headers=headers)


def check(route: Route, caller: Caller, repository: Repository | None) -> None:
    """Refuse what the caller may not do. Raises Refusal as GitHub would answer."""
    if caller.kind not in route.callers:
        if route.callers == APP:
            raise Refusal(401, "A JSON web token could not be decoded")
        if caller.kind is TokenKind.NONE:
            raise Refusal(401, REQUIRES_AUTHENTICATION)
        raise Refusal(403, NOT_ACCESSIBLE)
    if repository is None or route.callers == APP:
        return
    writes = route.method not in {"GET", "HEAD"}
    needed = route.needed
    if caller.kind is not TokenKind.INSTALLATION and route.person is not None:
        needed = route.person
    match decide(caller, repository, route.permission, needed):
        case Verdict.HIDDEN:
            raise not_found()
        case _ if writes and caller.kind is TokenKind.NONE:
            raise Refusal(401, REQUIRES_AUTHENTICATION)
        case Verdict.NOT_GRANTED:
            raise Refusal(403, NOT_ACCESSIBLE)
        case Verdict.NO_PUSH:
            raise Refusal(403, MUST_PUSH)
        case Verdict.ALLOWED:
            if writes and repository.archived:
                raise Refusal(403, ARCHIVED)


async def read_body(http: web.Request) -> Body:
    """The JSON object of a request; an empty one when it has no body. Raises Refusal (400)."""
    if http.method in {"GET", "HEAD"} or not http.body_exists:
        return Body({})
    raw = await http.read()
    try:
        values = json.loads(raw) if raw.strip() else {}
    except ValueError as problem:
        raise Refusal(400, "Problems parsing JSON") from problem
    if isinstance(values, list):
        return Body({BARE_LIST: values})
    if not isinstance(values, dict):
        raise Refusal(400, "Body should be a JSON object")
    return Body(values)


def error_body(refusal: Refusal) -> Json:
    body: dict[str, object] = {"message": refusal.message}
    if refusal.errors:
        body["errors"] = list(refusal.errors)
    return {**body, "documentation_url": DOCUMENTATION, "status": str(refusal.status)}
