"""The page in a real browser, with a real bolt app answering."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest
from playwright.async_api import Page, async_playwright, expect
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from playground.slack.server import SlackStandIn

pytestmark = pytest.mark.e2e

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BUTTON = {
    "type": "actions",
    "elements": [{"type": "button", "action_id": "merge", "text": {"type": "plain_text", "text": "Merge"}}],
}


class Connect(Protocol):
    def __call__(self, app: AsyncApp) -> AbstractAsyncContextManager[AsyncSocketModeHandler]: ...


@pytest.fixture
async def page(slack: SlackStandIn) -> AsyncIterator[Page]:
    """An open page; anything on its console or any error in it fails the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(slack.url)
        await expect(page.locator("#title")).to_have_text("#heddle-demo")
        yield page
        await browser.close()
    assert complaints == []


async def test_a_conversation_in_the_browser(
    slack: SlackStandIn, client: AsyncWebClient, app: AsyncApp, connect: Connect, page: Page
) -> None:
    @app.event("app_mention")
    async def mentioned(event: dict[str, str]) -> None:
        posted = await client.chat_postMessage(
            channel=event["channel"], thread_ts=event["ts"], text="Working on it"
        )
        await slack.wait_for(lambda: edit_now, timeout=20)
        await client.chat_update(
            channel=event["channel"],
            ts=posted["ts"],
            text="Done",
            blocks=[{"type": "markdown", "text": "**Done**\n- [x] tests\n- [ ] docs"}, BUTTON],
        )

    @app.event("message")
    async def message() -> None:
        """Acknowledged, no more."""

    @app.action("merge")
    async def merge(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond(text="Merged.", blocks=[], replace_original=True)

    edit_now: list[bool] = []
    async with connect(app):
        box = page.get_by_label("Message", exact=True).and_(page.locator("textarea"))
        await box.press_sequentially("@hed")
        await expect(page.get_by_role("option")).to_have_text(re.compile("@heddle"))
        await box.press("Tab")
        await box.press_sequentially("fix <this>")
        await box.press("Shift+Enter")
        await box.press_sequentially("please")
        await box.press("Enter")
        timeline, thread = page.locator("#timeline"), page.locator("#thread")
        await expect(timeline.locator(".message .mention")).to_have_text("@heddle")
        await expect(timeline.locator(".block.text")).to_have_text("@heddle fix <this>please")
        await expect(box).to_have_value("")
        await timeline.get_by_role("button", name=re.compile("1 reply")).click()
        reply = thread.locator(".message").nth(1)
        await expect(reply.locator(".body")).to_have_text(re.compile("Working on it"))
        await expect(reply.locator(".tag")).to_have_text("BOT")
        await reply.evaluate("node => (node.kept = true)")
        edit_now.append(True)
        await slack.post("grace", "general", "anything wakes who waits")
        await expect(reply.locator("strong")).to_have_text("Done")
        assert await reply.evaluate("node => node.kept")  # edited in place, not made anew
        await expect(reply.locator(".edited")).to_be_visible()
        await expect(reply.locator("input[type=checkbox]")).to_have_count(2)
        await expect(page.locator(".unread .label")).to_have_text("general")
        await reply.get_by_role("button", name="Merge").click()
        await expect(reply.locator(".body")).to_have_text(re.compile("Merged."))
        await thread.locator("textarea").fill("thanks")
        await thread.locator("textarea").press("Enter")
        await expect(thread.locator(".message")).to_have_count(3)
        await expect(timeline.get_by_role("button", name=re.compile("2 replies"))).to_be_visible()
    (parent,) = slack.messages("heddle-demo")
    assert parent.text == f"<@{slack.bot_user_id}> fix &lt;this&gt;\nplease"
    assert page.url.endswith(f"/{parent.ts}")


async def test_links_reactions_and_staying_at_the_end(slack: SlackStandIn, page: Page) -> None:
    for number in range(60):
        await slack.post("grace", "general", f"message {number}")
    ts = await slack.post("grace", "general", "the parent")
    reply = await slack.post("linus", "general", "the reply", thread_ts=ts)
    await page.goto(f"{slack.url}#general/{reply}")
    await expect(page.locator("#thread .message.lit")).to_have_text(re.compile("the reply"))
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_hidden()
    timeline = page.locator("#timeline")
    await expect(timeline.locator(".message").last).to_be_in_viewport()
    await slack.react("linus", "general", ts, "eyes")
    await timeline.locator(".reaction").click()
    await expect(timeline.locator(".reaction.mine span")).to_have_text("2")
    await slack.post("grace", "general", "one more")
    await expect(timeline.get_by_text("one more")).to_be_in_viewport()
    await timeline.evaluate("node => { node.scrollTop = 0 }")
    await slack.post("grace", "general", "further down")
    await expect(page.locator("#newer")).to_be_visible()
    await page.locator("#newer").click()
    await expect(timeline.get_by_text("further down")).to_be_in_viewport()
    await slack.delete("general", slack.messages("general")[-1].ts)
    await expect(timeline.get_by_text("further down")).to_have_count(0)


async def test_a_narrow_screen(slack: SlackStandIn, client: AsyncWebClient, page: Page) -> None:
    code = "```\n" + "x" * 400 + "\n```"
    wide = [{"type": "markdown", "text": f"{code}\n\n{'y' * 400}\n\n|a|b|\n|-|-|\n|{'z' * 200}|2|"}]
    await client.chat_postMessage(channel="heddle-demo", text="wide", blocks=wide)
    await page.set_viewport_size({"width": 360, "height": 700})
    await expect(page.locator("#timeline .message")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await page.locator("#timeline").evaluate("node => node.scrollWidth <= node.clientWidth")
    await page.get_by_role("button", name="Channels").click()
    await page.get_by_role("link", name="general", exact=False).first.click()
    await expect(page.locator("#title")).to_have_text("#general")
