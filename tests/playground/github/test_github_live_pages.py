"""The App's deliveries, and pages that learn of changes by themselves, over real HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession, web

from playground.github.server import GitHubStandIn
from tests.playground.github.browsing import EVIL, WIDGETS, api, open_pull, order, page, send

ISSUE = f"/{WIDGETS}/issues/1"
PULL = f"/{WIDGETS}/pull/1"


@pytest.fixture
async def browser(stand_in: GitHubStandIn) -> AsyncIterator[ClientSession]:
    async with ClientSession(stand_in.url) as session:
        yield session


class Receiver:
    """A webhook's other end: answers 500 once, then 202."""

    def __init__(self) -> None:
        self.guids: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        self.guids.append(request.headers["X-GitHub-Delivery"])
        if len(self.guids) == 1:
            return web.Response(status=500, text="<script>alert(1)</script>")
        return web.json_response({"taken": True}, status=202)


@pytest.fixture
async def receiver(stand_in: GitHubStandIn) -> AsyncIterator[Receiver]:
    receiver, application = Receiver(), web.Application()
    application.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.webhook_url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def test_deliveries_and_redelivering(
    stand_in: GitHubStandIn, browser: ClientSession, receiver: Receiver
) -> None:
    advanced = "/settings/apps/heddle/advanced"
    assert advanced in await page(browser, "/")
    stand_in.open_issue(WIDGETS, "It squeaks", EVIL)
    stand_in.comment(WIDGETS, 1, "/claude oil it")
    await stand_in.wait_for(lambda: len(stand_in.deliveries) == 2)
    failed, _ = stand_in.deliveries
    text = await page(browser, advanced)
    order(text, "issue_comment.created", "issues.opened", failed.guid, "500 Invalid HTTP Response: 500")
    text = await page(browser, f"{advanced}/{failed.id}")
    order(text, "X-Hub-Signature-256", "&#34;action&#34;: &#34;opened&#34;", "&lt;script&gt;alert(1)")
    where, text = await send(browser, stand_in.url, f"{advanced}/{failed.id}/redeliver")
    again = stand_in.deliveries[-1]
    assert where == f"{advanced}/{again.id}"
    assert (again.redelivery, again.guid, again.status_code) == (True, failed.guid, 202)
    assert receiver.guids[-1] == failed.guid
    order(text, "redelivery", "202 OK", "Attempts", "&#34;taken&#34;: true")
    assert '<span class="tag">redelivery</span>' in await page(browser, advanced)
    stand_in.webhook_url = None
    await send(browser, stand_in.url, f"{advanced}/{failed.id}/redeliver", 409)
    await send(browser, stand_in.url, f"{advanced}/1/redeliver", 404)


def revision_of(text: str) -> int:
    found = re.search(r'data-live="[^"]+" data-revision="(\d+)"', text)
    assert found is not None
    return int(found[1])


async def next_revision(browser: ClientSession, path: str, after: int) -> int:
    """What the stream says first."""
    async with browser.get(path, params={"after": str(after)}) as response:
        assert response.content_type == "text/event-stream"
        async for line in response.content:
            if line.startswith(b"data: "):
                return int(line.removeprefix(b"data: "))
    raise AssertionError("The stream ended.")


async def test_the_stream_tells_of_every_kind_of_change(
    stand_in: GitHubStandIn, browser: ClientSession, receiver: Receiver
) -> None:
    await open_pull(stand_in)
    comment = stand_in.comment(WIDGETS, 1, "Hello")
    head = stand_in.pull_requests(WIDGETS)[0].head_sha

    async def push() -> None:
        await stand_in.commit(WIDGETS, {"more": "x"}, branch="topic")

    async def check() -> None:
        stand_in.add_check_run(WIDGETS, head, "tests")

    async def switch() -> None:
        await send(browser, stand_in.url, "/_/viewer", new="mallory")

    acts: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: api(stand_in, "issues/1/comments", {"body": "x"}),
        lambda: api(stand_in, f"issues/comments/{comment.id}", {"body": "y"}, "PATCH"),
        lambda: api(stand_in, f"issues/comments/{comment.id}/reactions", {"content": "eyes"}),
        lambda: api(stand_in, "pulls/1", {"title": "z"}, "PATCH"),
        check,
        push,
        switch,
    )
    for act in acts:
        seen = revision_of(await page(browser, PULL))
        waiting = asyncio.create_task(next_revision(browser, f"{ISSUE}/live", seen))
        await act()
        async with asyncio.timeout(10):
            told = await waiting
        assert told > seen
        # And whoever has not heard of it is told at once.
        assert await next_revision(browser, f"{ISSUE}/live", seen) >= told
    seen = revision_of(await page(browser, "/settings/apps/heddle/advanced"))
    stand_in.comment(WIDGETS, 1, "One more")
    assert await next_revision(browser, "/settings/apps/heddle/advanced/live", seen) > seen


async def test_what_happens_elsewhere_tells_nobody(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    stand_in.open_issue(WIDGETS, "One")
    seen = revision_of(await page(browser, ISSUE))
    stand_in.open_issue(WIDGETS, "Two")
    stand_in.comment(WIDGETS, 2, "x")
    assert revision_of(await page(browser, ISSUE)) == seen


async def test_streams_end_in_order_when_the_stand_in_stops(stand_in: GitHubStandIn) -> None:
    stand_in.open_issue(WIDGETS, "One")
    async with ClientSession(stand_in.url) as browser:
        seen = revision_of(await page(browser, ISSUE))
        async with browser.get(f"{ISSUE}/live", params={"after": str(seen)}) as response:
            assert (await response.content.readline()).startswith(b"retry")
            await stand_in.__aexit__(None, None, None)
            # A connection that is cut instead raises ClientPayloadError.
            assert await response.content.read() == b"\n"


async def test_streams_end_when_the_stand_in_goes_down(stand_in: GitHubStandIn) -> None:
    stand_in.open_issue(WIDGETS, "One")
    async with ClientSession(stand_in.url) as browser:
        seen = revision_of(await page(browser, ISSUE))
        async with browser.get(f"{ISSUE}/live", params={"after": str(seen)}) as response:
            assert (await response.content.readline()).startswith(b"retry")
            await stand_in.go_down()
            await stand_in.wait_for(lambda: any(call.path.endswith("/live") for call in stand_in.calls))


async def test_a_stream_without_a_reader_ends(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    stand_in.open_issue(WIDGETS, "One")
    seen = revision_of(await page(browser, ISSUE))
    response = await browser.get(f"{ISSUE}/live", params={"after": str(seen)})
    response.close()
    await stand_in.wait_for(lambda: any(call.path.endswith("/live") for call in stand_in.calls))
