"""The way in through a real browser, with the stand-ins of Slack and GitHub asking the person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

from orchestrator.database import Base, Database
from playground.github.server import GitHubStandIn
from playground.slack.server import SlackStandIn
from web.entries import Entries
from web.github_account import GitHubAccounts
from web.pages import Pages
from web.people import Person
from web.server import Route, WebServer
from web.sessions import Sessions
from web.sign_in.github import GitHubWay
from web.sign_in.link import EntryLink
from web.sign_in.pages import SignIn
from web.sign_in.slack import SlackWay
from web.sign_in.way import Way

pytestmark = pytest.mark.e2e

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WORKSPACE = "0123456789ab"
CODE = f"/code/{WORKSPACE}"
FORBIDDEN = (
    "It belongs to a conversation in the Slack channel #heddle-demo. Ask Grace, who opened it, to invite you."
)


@dataclass(slots=True)
class Place:
    """Heddle's pages, and what they lead to. `/code/…` says who is there, `/forbidden` is what strangers see."""

    address: str
    slack: SlackStandIn
    github: GitHubStandIn
    pages: Pages
    sessions: Sessions
    entries: Entries
    link: EntryLink
    revoked: list[str]

    async def code(self, request: web.Request) -> web.Response:
        session = await self.sessions.session(request)
        if session is None:
            where = f"/sign-in?next={request.path}"
            return web.Response(status=303, headers={"Location": where})
        return self.pages.show("problem.html", title=session.person.name, text=session.person.id)

    async def forbidden(self, _request: web.Request) -> web.Response:
        return self.pages.show("forbidden.html", status=403, text=FORBIDDEN)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    revoked: list[str] = []
    pages = Pages(lambda: made.address)
    sessions, entries = Sessions(database, pages=pages, revoked=revoked.append), Entries(database)
    link = EntryLink(pages=pages, sessions=sessions, entries=entries)
    async with (
        SlackStandIn() as slack,
        GitHubStandIn(root=tmp_path / "github") as github,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):
        made = Place("", slack, github, pages, sessions, entries, link, revoked)
        ways: list[Way] = [
            SlackWay(
                session=client,
                client_id=slack.client_id,
                client_secret=slack.client_secret,
                api_url=slack.api_url,
                team=slack.team_id,
            ),
            GitHubWay(
                GitHubAccounts(
                    session=client,
                    client_id=github.collaboration.client_id,
                    client_secret=github.collaboration.client_secret,
                    server_url=github.url,
                    api_url=github.api_url,
                )
            ),
        ]
        sign_in = SignIn(pages=pages, sessions=sessions, database=database, ways=ways)
        server = WebServer(host="127.0.0.1", port=0, health=lambda: asyncio.sleep(0))
        routes = [*pages.routes(), *sign_in.routes(), *link.routes()]
        routes += [Route("GET", "/code/{workspace}", made.code), Route("GET", "/forbidden", made.forbidden)]
        made.address = await server.start(routes)
        yield made
        await server.close()
    await database.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page as narrow as a phone; any error in it or blocked content fails the test."""
    complaints: list[str] = []
    page = await browser.new_page(viewport={"width": 360, "height": 640})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    # A browser notes every page that comes with an error status.
    assert [
        complaint for complaint in complaints if "the server responded with a status of" not in complaint
    ] == []


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def test_slack_leads_to_the_workspace_and_signing_out_out_of_it(place: Place, page: Page) -> None:
    await page.goto(place.address + CODE)
    await expect(page.get_by_role("heading")).to_have_text("Sign in to Heddle")
    assert await fits(page)
    await page.get_by_role("link", name="Sign in with Slack").click()
    await expect(page.get_by_role("heading")).to_contain_text("Sign in to Heddle with Weavers")
    assert await fits(page)
    await page.get_by_role("button", name="Grace Lindqvist").click()
    await expect(page.get_by_role("heading")).to_have_text("Grace Lindqvist")
    assert page.url == place.address + CODE
    await page.goto(f"{place.address}/sign-in")
    await expect(page.get_by_role("heading")).to_have_text("You are signed in")
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading")).to_have_text("Sign in to Heddle")
    assert len(place.revoked) == 1
    await page.goto(place.address + CODE)
    await expect(page.get_by_role("heading")).to_have_text("Sign in to Heddle")


async def test_github_leads_to_the_workspace(place: Place, page: Page) -> None:
    await page.goto(place.address + CODE)
    await page.get_by_role("link", name="Sign in with GitHub").click()
    await page.get_by_role("button", name="Authorize").click()
    await expect(page.get_by_role("heading")).to_have_text(place.github.user.login)
    await expect(page.locator("main")).to_contain_text(f"github:{place.github.user.id}")
    assert page.url == place.address + CODE


async def test_person_can_say_no_and_try_again(place: Place, page: Page) -> None:
    await page.goto(place.address + CODE)
    await page.get_by_role("link", name="Sign in with Slack").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading")).to_have_text("You aren’t signed in")
    await page.get_by_role("link", name="Sign in with Slack").click()
    await page.get_by_role("button", name="Ada Park").click()
    await expect(page.get_by_role("heading")).to_have_text("Ada Park")


async def test_link_opens_by_its_button_once(place: Place, page: Page) -> None:
    link = place.link.address(await place.entries.create(Person("slack:T1:U1", "W" * 120), WORKSPACE))
    await page.goto(link)
    await page.reload()
    assert await fits(page)
    await page.get_by_role("button", name="Open the workspace").click()
    await expect(page.locator("main")).to_contain_text("slack:T1:U1")
    assert page.url == place.address + CODE
    await page.goto(link)
    await expect(page.get_by_role("heading")).to_have_text("This link doesn’t work any more")


async def test_other_site_can_not_sign_out_or_use_a_link_up(place: Place, page: Page) -> None:
    """Even its own visitor's button, which a browser would send with the cookie of a laxer site."""
    ticket = await place.entries.create(Person("slack:T1:U1", "Ada"), WORKSPACE)
    await page.goto(place.address + CODE)
    await page.get_by_role("link", name="Sign in with Slack").click()
    await page.get_by_role("button", name="Ada Park").click()
    for path, name, value in (("/sign-out", "next", ""), ("/sign-in/link", "ticket", ticket)):
        await page.goto("about:blank")
        await page.set_content(
            f'<form method="post" action="{place.address}{path}">'
            f'<input name="{name}" value="{value}"><button>Win</button></form>'
        )
        await page.get_by_role("button", name="Win").click()
        await expect(page.get_by_role("heading")).to_have_text("That didn’t come from this page")
    assert place.revoked == []
    assert await place.entries.claim(ticket) is not None
    await page.goto(place.address + CODE)
    await expect(page.get_by_role("heading")).to_have_text("Ada Park")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_pages_are_styled_in_both_themes(place: Place, page: Page, theme: str) -> None:
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    ticket = await place.entries.create(Person("slack:T1:U1", "Ada Park"), WORKSPACE)
    for path in ("/sign-in", "/sign-out", f"/sign-in/link?ticket={ticket}", "/sign-in/link", "/forbidden"):
        await page.goto(place.address + path)
        colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colour == ("rgb(19, 17, 24)" if theme == "dark" else "rgb(246, 245, 248)")
        assert await fits(page)
