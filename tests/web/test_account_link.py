"""From a ticket to a linked account, over HTTP, with a small GitHub that does what GitHub's docs say."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bot.accounts import Account, Accounts
from orchestrator.database import Base, Database
from web.account_link import COOKIE, AccountLink
from web.pages import Pages
from web.server import WebServer

ADA = "slack:T1:U1"
NAME = "Ada <b>Lovelace</b>"
CLIENT_ID = "Iv23liTest"
SECRET = "client-secret-of-the-test"
PERSON = {"id": 2**33, "login": "ada"}


@dataclass(slots=True)
class Grant:
    """What the person has agreed to, until the code is traded."""

    redirect_uri: str
    challenge: str


@dataclass(slots=True)
class SmallGitHub:
    """Signs `person` in without asking. `answers` replace what a path would answer."""

    url: str = ""
    person: Mapping[str, object] = field(default_factory=lambda: dict(PERSON))
    grants: dict[str, Grant] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    asked: list[Mapping[str, str]] = field(default_factory=list)
    answers: dict[str, Callable[[], web.Response]] = field(default_factory=dict)

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/login/oauth/authorize", self.authorize)
        application.router.add_post("/login/oauth/access_token", self.trade)
        application.router.add_get("/api/v3/user", self.user)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def authorize(self, request: web.Request) -> web.Response:
        query = request.query
        self.asked.append(dict(query))
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_hex(10)
        self.grants[code] = Grant(query["redirect_uri"], query["code_challenge"])
        back = URL(query["redirect_uri"]).update_query(code=code, state=query["state"])
        return web.Response(status=302, headers={"Location": str(back)})

    async def trade(self, request: web.Request) -> web.Response:
        if request.path in self.answers:
            return self.answers[request.path]()
        form = await request.post()
        assert request.headers["Accept"] == "application/json"
        if (form["client_id"], form["client_secret"]) != (CLIENT_ID, SECRET):
            return web.json_response({"error": "incorrect_client_credentials"})
        grant = self.grants.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if grant is None or grant.challenge != challenge:
            return web.json_response({"error": "bad_verification_code"})
        if grant.redirect_uri != form["redirect_uri"]:
            return web.json_response({"error": "redirect_uri_mismatch"})
        token = f"ghu_{secrets.token_hex(18)}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "token_type": "bearer", "scope": ""})

    async def user(self, request: web.Request) -> web.Response:
        if request.path in self.answers:
            return self.answers[request.path]()
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return web.json_response({"message": "Bad credentials"}, status=401)
        return web.json_response(self.person)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser ended at."""

    status: int
    url: URL
    headers: Mapping[str, str]
    html: str

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.html)
        return found[1] if found else ""


class Browser:
    """Keeps cookies and follows redirects."""

    def __init__(self) -> None:
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, url: str | URL, *, follow: bool = True) -> Shown:
        async with self.session.get(url, allow_redirects=follow) as answer:
            return Shown(answer.status, answer.url, answer.headers, await answer.text())

    async def confirm(self, page: Shown, token: str | None = None) -> Shown:
        form = {"token": page.token if token is None else token}
        async with self.session.post(page.url, data=form) as answer:
            return Shown(answer.status, answer.url, answer.headers, await answer.text())


@dataclass(slots=True)
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Heddle:
    """Heddle's pages, what they store, and the GitHub behind them."""

    github: SmallGitHub
    accounts: Accounts
    link: AccountLink
    clock: Clock
    browser: Browser
    other_browser: Browser
    public_url: str = ""

    async def begin(self) -> str:
        """A fresh link for Ada."""
        return self.link.address(await self.accounts.ticket(ADA, NAME))

    async def callback(self, browser: Browser) -> str:
        """A started flow's way back from GitHub, not yet gone."""
        to_github = await browser.get(await self.begin(), follow=False)
        back = await browser.get(to_github.headers["Location"], follow=False)
        return back.headers["Location"]


@pytest.fixture
async def heddle(tmp_path: Path) -> AsyncIterator[Heddle]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    clock, github = Clock(), SmallGitHub()
    accounts = Accounts(database, clock)
    runner = await github.start()
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    pages = Pages(lambda: place.public_url)
    link = AccountLink(
        pages=pages,
        tickets=accounts,
        session=session,
        client_id=CLIENT_ID,
        client_secret=SECRET,
        server_url=f"{github.url}/",
        api_url=f"{github.url}/api/v3/",
    )
    place = Heddle(github, accounts, link, clock, Browser(), Browser())
    server = WebServer(host="127.0.0.1", port=0, health=lambda: asyncio.sleep(0))
    place.public_url = await server.start([*pages.routes(), *link.routes()])
    yield place
    await server.close()
    for open_session in (session, place.browser.session, place.other_browser.session):
        await open_session.close()
    await runner.cleanup()
    await database.close()


def is_page(shown: Shown, status: int, *texts: str) -> None:
    """A whole page of Heddle's with this status, these texts and every security header."""
    assert shown.status == status, shown.html
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "unsafe" not in shown.headers["Content-Security-Policy"]
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert shown.headers["Cache-Control"] == "no-store"
    assert "<style" not in shown.html
    assert "<script" not in shown.html
    assert "style=" not in shown.html
    for text in texts:
        assert text in shown.html


async def test_ticket_leads_to_a_linked_account(heddle: Heddle) -> None:
    asking = await heddle.browser.get(await heddle.begin())
    is_page(asking, 200, "<bdi>ada</bdi>", "Ada &lt;b&gt;Lovelace&lt;/b&gt;", "Only do this if")
    assert not asking.url.query  # neither the ticket nor the code stays in the address bar
    assert await heddle.accounts.account(ADA) is None
    linked = await heddle.browser.confirm(asking)
    is_page(linked, 200, "Linked. Go back to Slack.", "Ada &lt;b&gt;Lovelace")
    assert await heddle.accounts.account(ADA) == Account(2**33, "ada")
    is_page(await heddle.browser.get(linked.url), 200, "Linked.")  # as often as it is reloaded


async def test_github_is_asked_as_its_docs_say(heddle: Heddle) -> None:
    await heddle.browser.get(await heddle.begin())
    await heddle.browser.get(await heddle.begin())
    first, second = heddle.github.asked
    assert first["redirect_uri"] == f"{heddle.public_url}/link/github/callback"
    assert len(first["code_challenge"]) == 43
    assert "scope" not in first  # an App's permissions are its own
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


async def test_cookie_is_kept_from_scripts_other_sites_and_readers(heddle: Heddle) -> None:
    link = await heddle.begin()
    shown = await heddle.browser.get(link, follow=False)
    assert shown.status == 303
    assert shown.headers["Cache-Control"] == "no-store"
    cookie = shown.headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/link/github", "Max-Age=600"):
        assert attribute in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback
    state = URL(shown.headers["Location"]).query["state"]
    assert state not in cookie
    assert URL(link).query["ticket"] not in shown.headers["Location"]


async def test_public_address_decides_over_the_one_that_was_asked(heddle: Heddle) -> None:
    link, heddle.public_url = await heddle.begin(), "https://example.org/heddle"
    shown = await heddle.browser.get(link, follow=False)
    assert "Secure" in shown.headers["Set-Cookie"]
    assert "Path=/heddle/link/github" in shown.headers["Set-Cookie"]
    back = URL(shown.headers["Location"]).query["redirect_uri"]
    assert back == "https://example.org/heddle/link/github/callback"
    assert heddle.link.address("t") == "https://example.org/heddle/link/github?ticket=t"
    is_page(await heddle.browser.get(link.partition("?")[0]), 410, 'href="/heddle/static/')


async def test_used_ticket_is_told_and_changes_nothing(heddle: Heddle) -> None:
    link = await heddle.begin()
    asking = await heddle.browser.get(link)
    await heddle.browser.confirm(asking)
    heddle.github.person = {"id": 666, "login": "mallory"}
    is_page(await heddle.other_browser.get(link), 410, "Ask Heddle again in Slack")
    is_page(await heddle.browser.confirm(asking), 403)
    assert await heddle.accounts.account(ADA) == Account(2**33, "ada")


async def test_ticket_that_two_browsers_confirm_is_used_once(heddle: Heddle) -> None:
    link = await heddle.begin()
    asking = await heddle.browser.get(link)
    heddle.github.person = {"id": 666, "login": "mallory"}
    asking_too = await heddle.other_browser.get(link)
    is_page(await heddle.browser.confirm(asking), 200)
    is_page(await heddle.other_browser.confirm(asking_too), 410)
    assert await heddle.accounts.account(ADA) == Account(2**33, "ada")


async def test_ticket_can_expire_at_every_step(heddle: Heddle) -> None:
    link = await heddle.begin()
    asking = await heddle.browser.get(link)
    heddle.clock.now += 600
    is_page(await heddle.browser.get(link), 410, "doesn’t work any more")
    is_page(await heddle.browser.get(asking.url), 410)
    is_page(await heddle.browser.confirm(asking), 410)
    assert await heddle.accounts.account(ADA) is None


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=forged", "?ticket=%FF%00", "?ticket=a&ticket=b"])
async def test_forged_ticket_never_reaches_github(heddle: Heddle, query: str) -> None:
    await heddle.begin()
    shown = await heddle.browser.get(f"{heddle.public_url}/link/github{query}")
    is_page(shown, 410, "Ask Heddle again in Slack")
    assert "Set-Cookie" not in shown.headers
    assert heddle.github.asked == []


async def test_callback_in_another_browser_stores_nothing(heddle: Heddle) -> None:
    back = await heddle.callback(heddle.browser)
    shown = await heddle.other_browser.get(back)
    is_page(shown, 403, "Open the link in Slack again")
    assert "Set-Cookie" not in shown.headers
    assert len(heddle.github.grants) == 1  # the code was not even traded
    is_page(await heddle.browser.get(back), 200, "<bdi>ada</bdi>")  # the right browser still can


async def test_callback_of_somebody_elses_flow_is_refused(heddle: Heddle) -> None:
    """Mallory sends Ada's browser, which has a flow of its own, back with Mallory's code."""
    of_mallory = URL(await heddle.callback(heddle.other_browser))
    of_ada = URL(await heddle.callback(heddle.browser))
    is_page(await heddle.browser.get(of_mallory), 403)
    mixed = of_ada.update_query(code=of_mallory.query["code"])
    is_page(await heddle.browser.get(mixed), 400, "bad_verification_code")  # the challenge is another one
    for state in ("", "é", of_ada.query["state"][:-1]):
        is_page(await heddle.browser.get(of_ada.update_query(state=state)), 403)
    assert await heddle.accounts.account(ADA) is None


async def test_callback_works_once(heddle: Heddle) -> None:
    back = await heddle.callback(heddle.browser)
    is_page(await heddle.browser.get(back), 200)
    is_page(await heddle.browser.get(back), 403)


async def test_no_step_can_be_left_out(heddle: Heddle) -> None:
    start = f"{heddle.public_url}/link/github"
    for path in ("callback?code=c&state=s", "confirm", "linked"):
        is_page(await heddle.browser.get(f"{start}/{path}"), 403, "Open the link in Slack again")
    await heddle.browser.get(await heddle.begin(), follow=False)  # a cookie of the first step
    for path in ("confirm", "linked"):
        is_page(await heddle.browser.get(f"{start}/{path}"), 403)
    confirm = Shown(0, URL(f"{start}/confirm"), {}, "")
    is_page(await heddle.browser.confirm(confirm, token="forged"), 403)
    assert await heddle.accounts.account(ADA) is None


@pytest.mark.parametrize("token", ["", "forged", "é"])
async def test_form_of_another_site_links_nothing(heddle: Heddle, token: str) -> None:
    asking = await heddle.browser.get(await heddle.begin())
    is_page(await heddle.browser.confirm(asking, token), 403)
    is_page(await heddle.other_browser.confirm(asking), 403)
    assert await heddle.accounts.account(ADA) is None
    is_page(await heddle.browser.confirm(asking), 200)  # and the person's own still does


@pytest.mark.parametrize("cookie", [b"", b"forged", b"gAAAAABo" + b"A" * 100, b"\xc3\xa9", b"\xff\xfe"])
async def test_forged_cookie_is_none(heddle: Heddle, cookie: bytes) -> None:
    port = URL(heddle.public_url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  # a client would refuse to send some
    head = b"GET /link/github/confirm HTTP/1.1\r\nHost: heddle\r\nConnection: close\r\nCookie: "
    writer.write(head + COOKIE.encode() + b"=" + cookie + b"\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
    writer.close()
    await writer.wait_closed()


async def test_denied_authorisation_is_readable(heddle: Heddle) -> None:
    back = URL(await heddle.callback(heddle.browser))
    denied = back.with_query(error="access_denied", error_description="<b>no</b>", state=back.query["state"])
    for browser in (heddle.browser, heddle.other_browser):
        shown = await browser.get(denied)
        is_page(shown, 403, "Nothing was linked", "open the link in Slack again")
        assert "<b>no" not in shown.html
    assert await heddle.accounts.account(ADA) is None


@pytest.mark.parametrize(
    ("error", "said"), [("application_suspended", "“application_suspended”"), ("<b>x</b>", "“error”")]
)
async def test_refusal_on_the_way_back_is_named_but_not_repeated(
    heddle: Heddle, error: str, said: str
) -> None:
    back = URL(await heddle.callback(heddle.browser))
    wrong = back.with_query(error=error, state=back.query["state"])
    is_page(await heddle.browser.get(wrong), 400, said)
    is_page(await heddle.other_browser.get(wrong), 403)  # nobody puts words there from outside


def broken(**answer: object) -> Callable[[], web.Response]:
    return lambda: web.json_response(answer, status=int(str(answer.pop("status", 200))))


TRADE, USER = "/login/oauth/access_token", "/api/v3/user"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (TRADE, broken(status=500)),
        (TRADE, broken(status=404)),
        (TRADE, broken()),
        (TRADE, broken(access_token=7)),
        (TRADE, lambda: web.Response(text="<html>unicorn</html>", content_type="text/html")),
        (TRADE, lambda: web.json_response(["x"])),
        (TRADE, lambda: web.Response(status=307, headers={"Location": "/login/oauth/access_token"})),
        (USER, broken(status=401)),
        (USER, broken(id="7", login="ada")),
        (USER, broken(login="ada")),
        (USER, lambda: web.Response(text="")),
    ],
)
async def test_github_that_makes_no_sense_is_told(
    heddle: Heddle, path: str, answer: Callable[[], web.Response]
) -> None:
    heddle.github.answers[path] = answer
    is_page(await heddle.browser.get(await heddle.begin()), 502, "GitHub didn’t answer")
    assert await heddle.accounts.account(ADA) is None
    heddle.github.answers.clear()
    is_page(await heddle.browser.get(await heddle.begin()), 200, "<bdi>ada</bdi>")


async def test_wrong_secret_is_named(heddle: Heddle) -> None:
    heddle.github.answers[TRADE] = broken(error="incorrect_client_credentials")
    is_page(await heddle.browser.get(await heddle.begin()), 400, "“incorrect_client_credentials”")


async def test_github_that_is_away_is_told(heddle: Heddle) -> None:
    back = await heddle.callback(heddle.browser)
    heddle.link._accounts._server_url = "http://127.0.0.1:9"  # nothing listens there
    is_page(await heddle.browser.get(back), 502, "Open the link in Slack again")


async def test_token_is_used_once_and_in_no_answer(
    heddle: Heddle, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = await heddle.browser.get(await heddle.begin())
    linked = await heddle.browser.confirm(asking)
    heddle.github.answers[USER] = broken(status=401)
    failed = await heddle.browser.get(await heddle.begin())
    assert failed.status == 502
    printed = capsys.readouterr()
    assert len(heddle.github.tokens) == 2
    for token in (*heddle.github.tokens, SECRET):
        assert token not in asking.html + linked.html + failed.html + str(asking.headers)
        assert token not in printed.out + printed.err


async def test_static_files_are_served_and_nothing_else(heddle: Heddle) -> None:
    style = await heddle.browser.get(f"{heddle.public_url}/static/pages.css")
    assert (style.status, style.headers["Content-Type"].partition(";")[0]) == (200, "text/css")
    assert style.headers["X-Content-Type-Options"] == "nosniff"
    icon = await heddle.browser.get(f"{heddle.public_url}/static/heddle.svg")
    assert (icon.status, icon.headers["Content-Type"]) == (200, "image/svg+xml")
    for name in ("..%2Fpages.py", "nothing.css", "..", "%2E%2E%2Ftemplates%2Fbase.html"):
        shown = await heddle.browser.get(URL(f"{heddle.public_url}/static/{name}", encoded=True))
        assert shown.status == 404
