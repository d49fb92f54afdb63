"""Where the workspace is, on its page: in the line at the bottom, over its terminals, and as a history."""

from __future__ import annotations

import asyncio
import time

import pytest
from playwright.async_api import expect

from orchestrator.recovery.history import Move
from orchestrator.recovery.states import WorkspaceState
from tests.images.interactive.rooms import Room
from tests.web.code_page.backend import WATCH, Backend, runs
from tests.web.code_page.conftest import Visiting

pytestmark = pytest.mark.e2e

Place = tuple[WorkspaceState, list[Move]]


def place(state: WorkspaceState, reason: str, seconds: float = 0.0) -> Place:
    """Where a workspace came from running, some time ago."""
    return state, [Move(time.time() - seconds, WorkspaceState.RUNNING, state, reason), *runs()[1]]


def paused() -> Place:
    return place(WorkspaceState.PAUSED, "idle for 30 minutes", 200)


async def test_history_says_when_whence_and_why(visit: Visiting, backend: Backend) -> None:
    backend.place = paused()
    there = await visit()
    await there.connected()
    page = there.page
    state = page.get_by_role("button", name="Paused: idle for 30 minutes. Show its history")
    await state.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="History")
    rows = dialog.get_by_role("listitem")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(0)).to_contain_text("Paused: idle for 30 minutes. Before that: Running.")
    await expect(rows.nth(0).locator("time")).to_contain_text("3 minutes ago, ")
    await expect(rows.nth(2)).to_contain_text("Ada Lovelace opens it")
    await expect(rows.nth(2).locator("time")).to_contain_text("1 hour ago, ")
    await backend.tell(place=(WorkspaceState.RUNNING, [Move(time.time(), *_WOKEN), *paused()[1]]))
    await expect(rows).to_have_count(4)
    await expect(rows.nth(0).locator("time")).to_contain_text("just now, ")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Running. Show its history")).to_be_focused()


_WOKEN = (WorkspaceState.PAUSED, WorkspaceState.RUNNING, "somebody visits it")


async def test_paused_container_is_noticed_without_a_key(
    visit: Visiting, backend: Backend, room: Room
) -> None:
    there = await visit()
    await there.shell()
    asked = backend.asked["POST /wake"]
    await backend.tell(place=paused())
    async with asyncio.timeout(2):
        while backend.asked["POST /wake"] == asked:
            await asyncio.sleep(0.02)
    await expect(there.page.locator("#live")).to_have_text("Paused: idle for 30 minutes.")
    await there.run("echo still he''re")
    await there.shows("^still here")


async def test_recovery_is_said_instead_of_an_outage(visit: Visiting, backend: Backend, room: Room) -> None:
    there = await visit()
    await there.connected()
    banner = there.page.locator(".panel:not([hidden]) .banner")
    backend.awake = False
    await backend.tell(place=place(WorkspaceState.RECOVERING, "its container had died"))
    await backend.cut_terminals()
    await expect(banner).to_contain_text("Recovering: its container had died")
    await expect(banner.get_by_role("button", name="Close workspace")).to_be_hidden()
    await expect(there.page.locator("#state-text")).to_have_text("Recovering: its container had died")
    await backend.tell(place=place(WorkspaceState.FAILED, "the image is not there"))
    await expect(banner).to_contain_text("Can’t be recovered: the image is not there")
    await expect(banner.get_by_role("button", name="Try again now")).to_be_visible(timeout=10_000)
    await banner.get_by_role("button", name="Close workspace").click()
    await expect(there.page.get_by_role("dialog", name="Close this workspace?")).to_be_visible()
    await there.page.keyboard.press("Escape")
    # The news that it runs again is worth a try at once.
    backend.awake = True
    await backend.tell(place=runs())
    await there.connected()
    await expect(banner).to_be_hidden()


async def test_who_watches_sees_the_state_alone(visit: Visiting, backend: Backend, room: Room) -> None:
    backend.place = paused()
    there = await visit(WATCH)
    await expect(there.page.locator("#state-text")).to_have_text("Paused")
    await expect(there.page.locator("button#state")).to_have_count(0)
    assert backend.asked["POST /wake"] == 0


@pytest.mark.parametrize(("width", "height"), [(360, 640), (3840, 2160)])
async def test_history_fits(visit: Visiting, backend: Backend, width: int, height: int) -> None:
    reason = "the workspace’s container ended before its terminals were ready " * 3
    backend.place = place(WorkspaceState.RECOVERING, reason)
    there = await visit(viewport={"width": width, "height": height})
    await there.connected()
    page = there.page
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.locator("#state").click()
    box = await page.get_by_role("dialog", name="History").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert await page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.getElementById('moves'))")
