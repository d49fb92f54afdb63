"""Terminals in a real browser, in front of a real ttyd and tmux: typing, tabs, outages, floods, history."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from orchestrator.interactive.opening import OpeningState, Progress
from tests.web.code_page.backend import WATCH, Backend
from tests.web.code_page.conftest import Visiting, until

pytestmark = pytest.mark.e2e

LINES = 150_000  # more than a terminal's history has


async def test_a_shell_keeps_everything_through_a_reload(visit: Visiting) -> None:
    there = await visit()
    await there.shell()
    await there.run("export X=kept; echo grüße-日本-$((40+2))")
    await there.shows("^grüße-日本-42")
    await there.page.reload()
    await expect(there.page.get_by_role("tab", name="Shell 1")).to_have_attribute("aria-selected", "true")
    await there.connected()
    await there.shows("^grüße-日本-42")
    await there.run("echo x=$X")
    await there.shows("^x=kept")


async def test_tabs_are_added_renamed_moved_and_closed(visit: Visiting, backend: Backend) -> None:
    there = await visit()
    page = there.page
    titles = page.locator("[role=tab] .title")
    await page.get_by_role("button", name="Shell", exact=True).click()
    await expect(titles).to_have_text(["Claude Code", "Shell 1", "Shell 2"])
    await there.connected()
    await page.get_by_role("tab", name="Shell 2").press("F2")
    await page.get_by_role("textbox", name="Name of this tab").fill("Build")
    await page.keyboard.press("Enter")
    await expect(titles).to_have_text(["Claude Code", "Shell 1", "Build"])
    await page.get_by_role("tab", name="Build").press("Control+Shift+ArrowLeft")
    await expect(titles).to_have_text(["Claude Code", "Build", "Shell 1"])
    await until(
        lambda: asyncio.sleep(0, [t.title for t in backend.terminals] == ["Claude Code", "Build", "Shell 1"])
    )

    box, other = (
        await page.get_by_role("tab", name="Build").bounding_box(),
        await page.get_by_role("tab", name="Shell 1").bounding_box(),
    )
    assert box is not None
    assert other is not None
    await page.mouse.move(box["x"] + 20, box["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(other["x"] + other["width"], other["y"] + 10, steps=6)
    await page.mouse.up()
    await until(
        lambda: asyncio.sleep(0, [t.title for t in backend.terminals] == ["Claude Code", "Shell 1", "Build"])
    )

    await page.keyboard.press("Alt+1")
    await expect(page.get_by_role("tab", name="Claude Code")).to_have_attribute("aria-selected", "true")
    await page.get_by_role("tab", name="Claude Code").press("ArrowRight")
    await expect(page.get_by_role("tab", name="Shell 1")).to_be_focused()
    await page.get_by_role("tab", name="Build").click()
    await there.connected()
    await there.run("exit")
    await expect(titles).to_have_text(["Claude Code", "Shell 1"])
    await until(lambda: asyncio.sleep(0, backend.asked["DELETE /terminals/shell-2"] == 1))


async def test_an_outage_is_told_takes_no_keys_and_ends_by_itself_after_one_wake(
    visit: Visiting, backend: Backend
) -> None:
    there = await visit()
    await there.shell()
    await there.run("echo be''fore")
    await there.shows("^before")
    woken = backend.asked["POST /wake"]
    backend.dead = True
    await backend.cut()
    banner = there.page.locator(".panel:not([hidden]) .banner")
    await expect(banner).to_contain_text("Disconnected")
    await expect(banner).to_contain_text(re.compile(r"Trying again in \d+ s\."))
    await there.page.keyboard.type("lost")
    await expect(banner).to_contain_text("Keys typed now reach nobody.")
    await until(lambda: asyncio.sleep(0, backend.asked["POST /wake"] > woken))
    failed = backend.asked["POST /wake"]
    backend.dead = False
    await there.page.get_by_role("button", name="Reconnect now").click()
    await there.connected()
    await expect(banner).to_be_hidden()
    assert backend.asked["POST /wake"] == failed + 1
    await there.run("echo af''ter")
    await there.shows("^after")
    assert "lost" not in await there.text()


async def test_a_terminal_that_refuses_is_tried_again_without_another_wake(
    visit: Visiting, backend: Backend
) -> None:
    there = await visit()
    await there.shell()
    woken = backend.asked["POST /wake"]
    backend.refusals = 3
    await backend.cut()
    await until(lambda: asyncio.sleep(0, backend.refusals == 0))
    await there.connected()
    assert backend.asked["POST /wake"] == woken + 1


async def test_a_connection_that_went_dead_without_a_word_is_noticed(
    visit: Visiting, backend: Backend
) -> None:
    there = await visit()
    await there.shell()
    await there.page.context.set_offline(True)
    await expect(there.page.locator(".panel:not([hidden]) .banner")).to_contain_text("Disconnected")
    await there.page.context.set_offline(False)
    await there.connected()


async def test_who_is_signed_out_is_told_so(visit: Visiting, backend: Backend) -> None:
    there = await visit()
    await there.connected()
    backend.signed_in = False
    await backend.cut()
    await expect(there.page.get_by_role("link", name="Sign in again")).to_be_visible()


async def test_a_workspace_that_was_closed_meanwhile_is_told(visit: Visiting, backend: Backend) -> None:
    there = await visit()
    await there.connected()
    backend.progress = Progress(OpeningState.CLOSED)
    await backend.cut()
    await expect(there.page.get_by_role("heading", name="This workspace is closed")).to_be_visible()


async def test_a_flood_leaves_the_page_responsive_and_all_of_it_can_be_searched(visit: Visiting) -> None:
    there = await visit()
    page = there.page
    await there.shell()
    await there.run(f"seq -f 'numbered %.0f ü' 1 {LINES}; echo the''end")
    await page.evaluate(
        "() => { window.longest = 0; let last = performance.now(); (function turn() { const now = performance.now();"
        " window.longest = Math.max(window.longest, now - last); last = now; setTimeout(turn) })() }"
    )
    await there.shows("^theend", 120)
    assert f"numbered {LINES} ü" in await there.text()
    assert await page.evaluate("window.longest") < 1500, "milliseconds without an answer"

    await page.reload()
    await there.connected()
    await page.keyboard.press("Control+Shift+F")
    history = page.locator(".history")
    await expect(history).to_have_attribute("data-loaded", "yes", timeout=30_000)
    lines = int((await history.locator(".lines").inner_text()).split()[0].replace(",", ""))
    assert lines >= 50_000
    await page.keyboard.type(f"numbered {LINES - 49_877} ü")
    await expect(history.locator(".matches")).to_have_text("1 of 1")
    rows = history.locator(".xterm-rows")
    await until(lambda: _shows_in_order(rows, LINES - 49_877))
    await history.get_by_role("button", name="Regular expression").click()
    await page.get_by_role("searchbox").fill(f"numbered {LINES // 100 - 1}[0-9]{{2}} ü")
    await expect(history.locator(".matches")).to_have_text("100 of 100")
    await history.get_by_role("button", name="Previous match").click()
    await expect(history.locator(".matches")).to_have_text("99 of 100")
    await page.keyboard.press("Escape")
    await expect(history).to_have_count(0)
    await there.run("echo ba''ck")
    await there.shows("^back")


async def _shows_in_order(rows: object, wanted: int) -> bool:
    text = await rows.inner_text()  # type: ignore[attr-defined]
    numbers = [int(number) for number in re.findall(r"numbered (\d+)", text.replace("\xa0", " "))]
    return wanted in numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_watcher_sees_and_cannot_type(visit: Visiting) -> None:
    writer = await visit()
    await writer.shell()
    watcher = await visit(WATCH)
    await watcher.page.get_by_role("tab", name="Shell 1").click()
    await expect(watcher.page.locator("#connection-text")).to_have_text("Watching")
    await watcher.page.locator(".panel:not([hidden]) .screen").click()
    await watcher.run("echo in''truder")
    await writer.run("echo se''en")
    await watcher.shows("^seen")
    assert "truder" not in await writer.text()
    for name in ("Commit", "Close Session", "Shell", "Share to watch"):
        await expect(watcher.page.get_by_role("button", name=name, exact=True)).to_have_count(0)
