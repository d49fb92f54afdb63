"""A link that lets one person into one workspace, once."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.sign_in.scene import OTHER, WORKSPACE, Browser, Place, Shown, is_page
from web.people import Person

ADA = Person("slack:T1:U1", "Ada <b>Park</b>")
GRACE = Person("slack:T1:U2", "Grace")


async def press(browser: Browser, ticket: str, *, follow: bool = True) -> Shown:
    return await browser.post("/sign-in/link", {"ticket": ticket}, follow=follow)


async def test_link_shows_whom_it_is_for_and_the_button_opens(place: Place) -> None:
    ticket, browser = await place.entries.create(ADA, WORKSPACE), place.browser()
    for _ in range(3):  # as often as previewers look at it
        shown = await browser.get(place.link.address(ticket))
        is_page(shown, 200, "Ada &lt;b&gt;Park", f'name="ticket" value="{ticket}"')
        assert shown.cookies == []
        assert shown.headers["Referrer-Policy"] == "same-origin"  # or a browser sends `Origin: null`
    opened = await press(browser, ticket, follow=False)
    assert (opened.status, opened.headers["Location"]) == (303, f"/code/{WORKSPACE}")
    who = await browser.who(WORKSPACE)
    assert who is not None
    assert (who["id"], who["name"], who["workspace"]) == (ADA.id, ADA.name, WORKSPACE)


async def test_session_of_a_link_is_for_its_workspace_alone(place: Place) -> None:
    browser = place.browser()
    await press(browser, await place.entries.create(ADA, WORKSPACE))
    assert await browser.who(OTHER) is None
    is_page(await browser.get(f"/sign-in?next=/code/{OTHER}"), 200, "Sign in to Heddle")


async def test_links_to_several_workspaces_work_in_one_browser(place: Place) -> None:
    browser = place.browser()
    await press(browser, await place.entries.create(ADA, WORKSPACE))
    first = await browser.who(WORKSPACE)
    await press(browser, await place.entries.create(ADA, OTHER))
    assert await browser.who(WORKSPACE) == first
    assert await browser.who(OTHER) is not None
    assert place.revoked == []
    await press(browser, await place.entries.create(ADA, WORKSPACE))  # the same one again: the older one ends
    assert first is not None
    assert place.revoked == [first["hash"]]
    await browser.post("/sign-out", {})
    assert await browser.who(WORKSPACE) is None
    assert await browser.who(OTHER) is None
    assert len(place.revoked) == 3


async def test_link_takes_nothing_from_somebody_who_is_signed_in(place: Place) -> None:
    browser = place.browser()
    await browser.sign_in("github")
    before = await browser.who(OTHER)
    await press(browser, await place.entries.create(Person(f"github:{2**33}", "ada"), WORKSPACE))
    assert before is not None
    assert await browser.who(OTHER) == before
    assert await browser.who(WORKSPACE) == before
    assert place.revoked == []


async def test_somebody_elses_link_ends_what_the_browser_had(place: Place) -> None:
    browser = place.browser()
    await press(browser, await place.entries.create(ADA, WORKSPACE))
    await press(browser, await place.entries.create(GRACE, OTHER))
    assert await browser.who(WORKSPACE) is None
    who = await browser.who(OTHER)
    assert who is not None
    assert who["id"] == GRACE.id


async def test_many_links_keep_the_cookie_short(place: Place) -> None:
    browser = place.browser()
    workspaces = [f"{number:012x}" for number in range(20)]
    for workspace in workspaces:
        await press(browser, await place.entries.create(ADA, workspace))
        place.clock.now += 1
    known = [await browser.who(workspace) is not None for workspace in workspaces]
    assert known == [False] * 4 + [True] * 16
    assert len(place.revoked) == 4
    (cookie,) = browser.session.cookie_jar
    assert len(cookie.value) < 1_500


async def test_link_works_once(place: Place) -> None:
    ticket = await place.entries.create(ADA, WORKSPACE)
    await press(place.browser(), ticket)
    thief = place.browser()
    is_page(await thief.get(place.link.address(ticket)), 404, "doesn’t work any more")
    is_page(await press(thief, ticket), 404, "Open workspace")
    assert await thief.who() is None


async def test_of_two_who_press_at_once_one_gets_in(place: Place) -> None:
    ticket = await place.entries.create(ADA, WORKSPACE)
    browsers = [place.browser() for _ in range(8)]
    shown = await asyncio.gather(*(press(browser, ticket, follow=False) for browser in browsers))
    assert sorted(page.status for page in shown) == [303] + [404] * 7


async def test_link_expires_after_ten_minutes(place: Place) -> None:
    ticket, browser = await place.entries.create(ADA, WORKSPACE), place.browser()
    place.clock.now += 599
    is_page(await browser.get(place.link.address(ticket)), 200)
    place.clock.now += 1
    is_page(await browser.get(place.link.address(ticket)), 404)
    is_page(await press(browser, ticket), 404)
    assert await browser.who() is None


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=guessed", "?ticket=%FF%00", "?ticket=a&ticket=b"])
async def test_guessed_link_leads_nowhere(place: Place, query: str) -> None:
    await place.entries.create(ADA, WORKSPACE)
    browser = place.browser()
    is_page(await browser.get(f"/sign-in/link{query}"), 404)
    for form in ({}, {"ticket": ""}, {"ticket": "guessed"}, {"ticket": "\x00é"}):
        is_page(await browser.post("/sign-in/link", form), 404)
    assert await browser.who() is None


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_other_sites_use_no_link_up(place: Place, origin: str | None) -> None:
    ticket, browser = await place.entries.create(ADA, WORKSPACE), place.browser()
    is_page(await browser.post("/sign-in/link", {"ticket": ticket}, origin=origin), 403)
    assert await browser.who() is None
    assert await place.entries.claim(ticket) is not None


async def test_only_a_hash_is_stored_and_expired_links_go(place: Place) -> None:
    ticket = await place.entries.create(ADA, WORKSPACE)
    content = (place.path / "heddle.db").read_bytes() + (place.path / "heddle.db-wal").read_bytes()
    assert ticket.encode() not in content
    place.clock.now += 601
    await place.entries.create(GRACE, OTHER)
    async with place.database.engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT person FROM entries")
        assert [row[0] for row in found] == [GRACE.id]
