"""Heddle's pages of signing in, served, with a Slack and a GitHub whose answers a test decides."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm
from yarl import URL

from orchestrator.database import Base, Database
from web.entries import Entries
from web.github_account import GitHubAccounts
from web.pages import Pages
from web.server import Route, WebServer
from web.sessions import Sessions
from web.sign_in.github import GitHubWay
from web.sign_in.link import EntryLink
from web.sign_in.pages import SignIn
from web.sign_in.slack import SlackWay
from web.sign_in.way import Way

CLIENT_ID, SECRET = "123.456", "client-secret-of-the-test"
TEAM, USER = "T0TEAM", "U0ADA"
NAME = "Ada <b>Park</b>"
WORKSPACE, OTHER = "0123456789ab", "ba9876543210"
TOKEN, KEYS = "/api/openid.connect.token", "/openid/connect/keys"


@dataclass(slots=True)
class Clock:
    """Seconds that a test moves on."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class SmallSlack:
    """Signs everybody in as Ada without asking. `claims` replace what a token says, None leaves one out.

    `answers` replace what a path would answer; `asked` are the queries of sign-ins.
    """

    url: str = ""
    claims: dict[str, object] = field(default_factory=dict)
    answers: dict[str, Callable[[], web.Response]] = field(default_factory=dict)
    asked: list[Mapping[str, str]] = field(default_factory=list)
    key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, 2048))
    signs: Callable[[dict[str, Any], RSAPrivateKey], str] = field(
        default=lambda claims, key: jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})
    )
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/openid/connect/authorize", self._authorize)
        application.router.add_get(KEYS, self._keys)
        application.router.add_post(TOKEN, self._trade)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _authorize(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        code = secrets.token_hex(8)
        self.codes[code] = dict(request.query)
        back = URL(request.query["redirect_uri"]).update_query(code=code, state=request.query["state"])
        return web.Response(status=302, headers={"Location": str(back)})

    async def _keys(self, request: web.Request) -> web.Response:
        if request.path in self.answers:
            return self.answers[request.path]()
        key = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return web.json_response({"keys": [key | {"kid": "one", "alg": "RS256", "use": "sig"}]})

    async def _trade(self, request: web.Request) -> web.Response:
        if request.path in self.answers:
            return self.answers[request.path]()
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"ok": False, "error": "invalid_code"})
        if (form["client_id"], form["client_secret"]) != (CLIENT_ID, SECRET):
            return web.json_response({"ok": False, "error": "bad_client_secret"})
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url,
            "sub": USER,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "https://slack.com/team_id": TEAM,
            "https://slack.com/user_id": USER,
            "name": NAME,
        }
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return web.json_response({"ok": True, "id_token": self.signs(claims, self.key)})


@dataclass(slots=True)
class SmallGitHub:
    """Signs everybody in as `account` without asking."""

    url: str = ""
    account: dict[str, object] = field(default_factory=lambda: {"id": 2**33, "login": "ada"})
    refuses: str = ""

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/login/oauth/authorize", self._authorize)
        application.router.add_post("/login/oauth/access_token", self._trade)
        application.router.add_get("/user", self._user)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _authorize(self, request: web.Request) -> web.Response:
        assert request.query["code_challenge_method"] == "S256"
        back = URL(request.query["redirect_uri"]).update_query(code="c", state=request.query["state"])
        return web.Response(status=302, headers={"Location": str(back)})

    async def _trade(self, _request: web.Request) -> web.Response:
        if self.refuses:
            return web.json_response({"error": self.refuses})
        return web.json_response({"access_token": "ghu_1", "token_type": "bearer"})

    async def _user(self, _request: web.Request) -> web.Response:
        return web.json_response(self.account)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser ended at."""

    status: int
    url: URL
    headers: Mapping[str, str]
    cookies: list[str]
    text: str


class Browser:
    """Keeps cookies, follows redirects unless told not to, says its origin with every POST."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, where: str | URL, *, follow: bool = True) -> Shown:
        return await self._ask("GET", where, allow_redirects=follow)

    async def post(
        self, where: str, form: Mapping[str, str], *, origin: str | None = "", follow: bool = True
    ) -> Shown:
        """origin: empty for Heddle's own, None for none."""
        headers = {} if origin is None else {"Origin": origin or str(URL(self._place.address).origin())}
        return await self._ask("POST", where, data=form, headers=headers, allow_redirects=follow)

    async def who(self, workspace: str = WORKSPACE) -> dict[str, Any] | None:
        """Whom Heddle takes this browser for in a workspace."""
        said = await self.get(f"/who/{workspace}")
        return None if said.status == 401 else dict(json.loads(said.text))

    async def sign_in(self, way: str = "slack", where: str = "") -> Shown:
        return await self.get(f"/sign-in/{way}" + (f"?next={where}" if where else ""))

    async def callback(self, way: str = "slack", where: str = "") -> URL:
        """The way back of a sign-in that was begun, not yet gone."""
        query = f"?next={where}" if where else ""
        asked = await self.get(f"/sign-in/{way}{query}", follow=False)
        back = await self.get(asked.headers["Location"], follow=False)
        return URL(back.headers["Location"])

    async def _ask(self, method: str, where: str | URL, **options: Any) -> Shown:
        # A path may be a trick; it has to arrive as it was written.
        whole = where if isinstance(where, URL) else URL(self._place.whole(where), encoded=True)
        async with self.session.request(method, whole, **options) as answer:
            cookies = answer.headers.getall("Set-Cookie", [])
            return Shown(answer.status, answer.url, answer.headers, cookies, await answer.text())


@dataclass(slots=True)
class Place:
    """A running Heddle, as far as signing in goes. `revoked` are the hashes of sessions that were cut."""

    path: Path
    slack: SmallSlack
    github: SmallGitHub
    ways: tuple[str, ...]
    clock: Clock = field(default_factory=Clock)
    address: str = ""
    revoked: list[str] = field(default_factory=list)
    _browsers: list[Browser] = field(default_factory=list)
    _closing: list[Callable[[], Any]] = field(default_factory=list)
    database: Database = field(init=False)
    pages: Pages = field(init=False)
    sessions: Sessions = field(init=False)
    entries: Entries = field(init=False)
    link: EntryLink = field(init=False)

    def browser(self) -> Browser:
        browser = Browser(self)
        self._browsers.append(browser)
        return browser

    def whole(self, where: str) -> str:
        return where if where.startswith("http") else self.address + where

    async def start(self) -> None:
        self.database = Database(f"sqlite:///{self.path / 'heddle.db'}")
        async with self.database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.pages = Pages(lambda: self.address)
        self.sessions = Sessions(
            self.database, pages=self.pages, revoked=self.revoked.append, clock=self.clock
        )
        self.entries = Entries(self.database, self.clock)
        self.link = EntryLink(pages=self.pages, sessions=self.sessions, entries=self.entries)
        slack = SlackWay(
            session=client,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            api_url=f"{self.slack.url}/api/",
            team=TEAM,
        )
        github = GitHubWay(
            GitHubAccounts(
                session=client,
                client_id=CLIENT_ID,
                client_secret=SECRET,
                server_url=self.github.url,
                api_url=self.github.url,
            )
        )
        ways: list[Way] = [way for way in (slack, github) if way.name in self.ways]
        sign_in = SignIn(pages=self.pages, sessions=self.sessions, database=self.database, ways=ways)
        server = WebServer(
            host="127.0.0.1",
            port=int(URL(self.address).port or 0) if self.address else 0,
            health=lambda: asyncio.sleep(0),
        )
        routes = [
            *self.pages.routes(),
            *sign_in.routes(),
            *self.link.routes(),
            Route("GET", "/who/{workspace}", self._who),
            Route("GET", "/code/{workspace}", self._code),
        ]
        self.address = await server.start(routes)
        self._closing = [server.close, client.close, self.database.close]

    async def stop(self) -> None:
        for close in self._closing:
            await close()

    async def restart(self) -> None:
        """End this Heddle and start another one with the same database and address."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        await self.stop()
        for browser in self._browsers:
            await browser.session.close()

    async def _who(self, request: web.Request) -> web.Response:
        session = await self.sessions.session(request)
        if session is None:
            raise web.HTTPUnauthorized
        person = session.person
        return web.json_response(
            {
                "id": person.id,
                "name": person.name,
                "login": person.login,
                "hash": session.hash,
                "workspace": session.workspace_id,
            }
        )

    async def _code(self, request: web.Request) -> web.Response:
        return web.Response(text=f"workspace {request.match_info['workspace']}")


@asynccontextmanager
async def placed(path: Path, ways: tuple[str, ...] = ("slack", "github")) -> AsyncIterator[Place]:
    slack, github = SmallSlack(), SmallGitHub()
    runners = [await slack.start(), await github.start()]
    place = Place(path, slack, github, ways)
    await place.start()
    yield place
    await place.close()
    for runner in runners:
        await runner.cleanup()


def is_page(shown: Shown, status: int, *said: str) -> None:
    """A whole page of Heddle's with this status, these texts and every security header."""
    assert shown.status == status, shown.text
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "unsafe" not in shown.headers["Content-Security-Policy"]
    assert shown.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert shown.headers["Cache-Control"] == "no-store"
    for text in ("<style", "<script", "style="):
        assert text not in shown.text
    for text in said:
        assert text in shown.text
