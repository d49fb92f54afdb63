"""The pages of signing in with a platform, and of signing out."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence

import aiohttp
import structlog
from aiohttp import web

from orchestrator.database import Database
from web.origins import same_origin
from web.pages import HEADERS, Pages
from web.people import Person
from web.sealed import Seal
from web.server import Route
from web.sessions import Sessions
from web.sign_in import texts
from web.sign_in.path import own_path
from web.sign_in.way import Flow, ForeignError, RefusedError, Way

START = "/sign-in"
OUT = "/sign-out"
COOKIE = "heddle_sign_in"
SECONDS = 600  # from the first click until the platform sends the browser back

_ERROR_NAME = re.compile(r"[a-z_]{1,60}")

log = structlog.get_logger(__name__)


class SignIn:
    """Signs people in by `ways`; none means that there are only links. `next` says where they go then.

    A cookie that only Heddle can read binds each sign-in to the browser that began it.
    """

    def __init__(self, *, pages: Pages, sessions: Sessions, database: Database, ways: Sequence[Way]) -> None:
        self._pages = pages
        self._sessions = sessions
        self._seal = Seal(database, "sign-in")
        self._ways = {way.name: way for way in ways}

    def routes(self) -> list[Route]:
        return [
            Route("GET", START, self._choose),
            Route("GET", f"{START}/{{way:slack|github}}", self._begin),
            Route("GET", f"{START}/{{way:slack|github}}/callback", self._callback),
            Route("GET", OUT, self._ask),
            Route("POST", OUT, self._sign_out),
        ]

    async def _choose(self, request: web.Request) -> web.Response:
        where = self._next(request)
        session = await self._sessions.session(request)
        if session is not None and where:
            return _to(where)
        if session is not None:
            return self._pages.show("sign_in_done.html", name=session.person.name)
        return self.offer(where)

    async def _begin(self, request: web.Request) -> web.Response:
        way = self._way(request)
        flow = Flow(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
        response = _to(way.authorize(flow, self._back(way)))
        values = {
            "way": way.name,
            "state": flow.state,
            "nonce": flow.nonce,
            "verifier": flow.verifier,
            "next": self._next(request),
        }
        response.set_cookie(
            COOKIE,
            await self._seal.close(values),
            max_age=SECONDS,
            path=self._pages.path(START),
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )
        return response

    async def _callback(self, request: web.Request) -> web.Response:
        way = self._way(request)
        values = await self._seal.open(request.cookies.get(COOKIE, ""), seconds=SECONDS)
        # The state comes first, whatever else is said: nobody puts words on this page from outside.
        if (
            values is None
            or values["way"] != way.name
            or not _same(values["state"], request.query.get("state", ""))
        ):
            return self._problem(texts.STRANGER, way)
        flow, where = Flow(values["state"], values["nonce"], values["verifier"]), str(values["next"])
        error = request.query.get("error", "")
        if error == "access_denied":
            return self._problem(texts.DENIED, way, where)
        try:
            if error:
                raise RefusedError(error)
            person = await way.person(request.query.get("code", ""), flow, self._back(way))
        except RefusedError as refused:
            name = str(refused) if _ERROR_NAME.fullmatch(str(refused)) else "error"
            log.warning("nobody is signed in", by=way.name, error=name)
            return self._problem(texts.REFUSED, way, where, error=name)
        except ForeignError:
            return self._problem(texts.FOREIGN, way, where)
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            # Its text may hold a token.
            log.warning("a platform doesn't say who signs in", by=way.name, error=type(failure).__name__)
            return self._problem(texts.SILENT, way, where)
        return await self._enter(request, person, where)

    async def _enter(self, request: web.Request, person: Person, where: str) -> web.Response:
        response = _to(where or self._pages.path(START))
        await self._sessions.begin(request, response, person)
        self._forget(response)
        log.info("signed in", person=person.id)
        return response

    async def _ask(self, request: web.Request) -> web.Response:
        session = await self._sessions.session(request)
        name = session.person.name if session is not None else ""
        return with_form(self._pages.show("sign_in_out.html", name=name, next=self._next(request)))

    async def _sign_out(self, request: web.Request) -> web.Response:
        if not same_origin(request, self._pages.address("/")):
            return self._problem(texts.OTHER_ORIGIN)
        given = (await request.post()).get("next", "")
        where = own_path(given, self._pages.path("/")) if isinstance(given, str) else ""
        response = _to(self._pages.path(START) + (f"?next={where}" if where else ""))
        await self._sessions.sign_out(request, response)
        return response

    def offer(self, where: str, *, status: int = 200) -> web.Response:
        """The page that lets people choose how to sign in; `where`, a path of Heddle's, is where they go then."""
        return self._pages.show("sign_in.html", status=status, ways=self._offers(where), next=where)

    def _offers(self, where: str) -> list[dict[str, str]]:
        """The buttons. A path that `own_path` lets through needs no escapes in a query."""
        query = f"?next={where}" if where else ""
        return [
            {"name": way.name, "title": way.title, "address": self._pages.path(f"{START}/{way.name}") + query}
            for way in self._ways.values()
        ]

    def _problem(
        self, problem: texts.Problem, way: Way | None = None, where: str = "", **values: str
    ) -> web.Response:
        title = way.title if way is not None else ""
        return self._pages.show(
            "sign_in_problem.html",
            status=problem.status,
            title=problem.title.format(title=title),
            text=problem.text.format(title=title, **values),
            ways=self._offers(where) if way is not None else [],
        )

    def _next(self, request: web.Request) -> str:
        return own_path(request.query.get("next", ""), self._pages.path("/"))

    def _way(self, request: web.Request) -> Way:
        """The way that the path names. Raises HTTPNotFound for one that this deployment hasn't got."""
        way = self._ways.get(request.match_info["way"])
        if way is None:
            raise web.HTTPNotFound
        return way

    def _back(self, way: Way) -> str:
        return self._pages.address(f"{START}/{way.name}/callback")

    def _forget(self, response: web.Response) -> None:
        response.del_cookie(
            COOKIE, path=self._pages.path(START), httponly=True, samesite="Lax", secure=self._secure
        )

    @property
    def _secure(self) -> bool:
        return self._pages.address("/").startswith("https:")


def with_form(response: web.Response) -> web.Response:
    """A page whose form says where it comes from: under `no-referrer` browsers send `Origin: null` instead."""
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _to(where: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": where})


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))
