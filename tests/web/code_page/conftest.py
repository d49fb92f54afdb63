from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.images.interactive.rooms import Room, make_room
from tests.web.code_page.backend import BASE, Backend

# Without WebGL the terminals' text is in the document, where it can be read; it is also the way that has to work anywhere.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-3d-apis",
    "--no-first-run",
    "--disable-background-networking",
]


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    async def text(self) -> str:
        """What the terminal in front shows."""
        rows = await self.page.locator(
            ".panel:not([hidden]) > .terminal > .screen .xterm-rows > div"
        ).all_inner_texts()
        return "\n".join(row.replace("\xa0", " ").rstrip() for row in rows)

    async def shows(self, pattern: str, seconds: float = 10) -> None:
        await until(lambda: self._matches(pattern), seconds, pattern)

    async def _matches(self, pattern: str) -> bool:
        return re.search(pattern, await self.text(), re.MULTILINE) is not None

    async def run(self, command: str) -> None:
        await self.page.keyboard.type(command)
        await self.page.keyboard.press("Enter")

    async def shell(self, title: str = "Shell 1") -> None:
        """Go to a shell and wait for its prompt."""
        await self.page.get_by_role("tab", name=title, exact=True).click()
        await self.connected()

    async def connected(self) -> None:
        await expect(self.page.locator("#connection-text")).to_have_text("Connected", timeout=10_000)


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 10, what: object = "") -> None:
    async with asyncio.timeout(seconds + 0.1):
        while not await holds():
            await asyncio.sleep(0.02)


Visiting = Callable[..., Awaitable[Visit]]


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    """A workspace's container, running."""
    made = make_room()
    try:
        made.place.gateway()
        made.start()
        asyncio.run(made.ready())
        yield made
    finally:
        made.place.close()


@pytest.fixture
async def backend(room: Room) -> AsyncIterator[Backend]:
    made = Backend(room)
    await made.start()
    yield made
    await made.close()
    await asyncio.to_thread(room.tries, "/opt/heddle/end", "shell-1")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
async def visit(backend: Backend, browser: Browser) -> AsyncIterator[Visiting]:
    """Opens the page like somebody new; what it does wrong makes the test fail at its end."""
    visits: list[Visit] = []

    async def open_page(path: str = BASE, *, storage: dict[str, str] | None = None, **options: Any) -> Visit:
        context = await browser.new_context(**{"viewport": {"width": 1000, "height": 600}, **options})
        await context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));"
        )
        if storage:
            await context.add_init_script(
                f"for (const [k, v] of Object.entries({json.dumps(storage)})) localStorage.setItem(k, v)"
            )
        page = await context.new_page()
        made = Visit(page, backend.address + path)
        page.on("pageerror", lambda error: made.wrong.append(str(error)))
        page.on(
            "console",
            lambda message: made.wrong.append(message.text) if "policy" in message.text.lower() else None,
        )
        page.on("request", lambda request: made.hosts.add(request.url.split("/")[2]))
        visits.append(made)
        await page.goto(made.address)
        return made

    yield open_page
    for made in visits:
        await made.page.context.close()
        assert made.wrong == []
        assert made.hosts == {made.address.split("/")[2]}, "another host was contacted"
