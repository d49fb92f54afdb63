"""From a ticket to "Linked" in a real browser, with the GitHub stand-in asking the person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, async_playwright, expect

from bot.accounts import Account, Accounts
from orchestrator.database import Base, Database
from playground.github.server import GitHubStandIn
from web.account_link import AccountLink
from web.pages import Pages
from web.server import WebServer

pytestmark = pytest.mark.e2e

ADA = "slack:T1:U1"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True, slots=True)
class Place:
    """Heddle's pages, and the GitHub that they lead to."""

    github: GitHubStandIn
    accounts: Accounts
    link: AccountLink


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    address = ""
    accounts, pages = Accounts(database), Pages(lambda: address)
    async with (
        GitHubStandIn(root=tmp_path / "github") as github,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        link = AccountLink(
            pages=pages,
            tickets=accounts,
            session=session,
            client_id=github.collaboration.client_id,
            client_secret=github.collaboration.client_secret,
            server_url=github.url,
            api_url=github.api_url,
        )
        server = WebServer(host="127.0.0.1", port=0, health=lambda: asyncio.sleep(0))
        address = await server.start([*pages.routes(), *link.routes()])
        yield Place(github, accounts, link)
        await server.close()
    await database.close()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page as narrow as a phone; any error in it or blocked content fails the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = await browser.new_page(viewport={"width": 360, "height": 640})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()
    # A browser notes every page that comes with an error status.
    assert [
        complaint for complaint in complaints if "the server responded with a status of" not in complaint
    ] == []


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def test_ticket_leads_to_linked(place: Place, page: Page) -> None:
    link = place.link.address(await place.accounts.ticket(ADA, "Ada Lovelace"))
    await page.goto(link)
    await page.get_by_role("button", name="Authorize").click()
    await expect(page.get_by_role("heading")).to_have_text("Link your accounts")
    await expect(page.locator("main")).to_contain_text("Ada Lovelace")
    assert await fits(page)
    await page.reload()
    await page.get_by_role("button", name="Link ada").click()
    await expect(page.get_by_role("heading")).to_have_text("Linked. Go back to Slack.")
    await page.reload()
    await expect(page.get_by_role("heading")).to_have_text("Linked. Go back to Slack.")
    account = await place.accounts.account(ADA)
    assert account == Account(place.github.user.id, "ada")
    await page.goto(link)
    await expect(page.get_by_role("heading")).to_have_text("This link doesn’t work any more")


async def test_person_can_say_no_and_come_back(place: Place, page: Page) -> None:
    link = place.link.address(await place.accounts.ticket(ADA, "Ada Lovelace"))
    await page.goto(link)
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading")).to_have_text("Nothing was linked")
    assert await place.accounts.account(ADA) is None
    await page.goto(link)
    await page.get_by_role("button", name="Authorize").click()
    await page.get_by_role("button", name="Link ada").click()
    await expect(page.get_by_role("heading")).to_have_text("Linked. Go back to Slack.")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_page_is_styled_and_fits_long_names(place: Place, page: Page, theme: str) -> None:
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    await page.goto(place.link.address(await place.accounts.ticket(ADA, "W" * 200)))
    await page.get_by_role("button", name="Authorize").click()
    await expect(page.get_by_role("heading")).to_have_text("Link your accounts")
    assert await fits(page)
    colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == ("rgb(19, 17, 24)" if theme == "dark" else "rgb(246, 245, 248)")
