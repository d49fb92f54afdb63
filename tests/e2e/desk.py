"""A person at a workspace's page: a real browser, what it shows, and what it complains about."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request, WebSocket, async_playwright, expect

from playground.slack.records import Message
from tests.e2e.scene import Scene

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
CHROMIUM = "/usr/bin/chromium"
WAY = 90.0  # seconds for whatever machines do; a busy one takes several times as long as an idle one
ADDRESS = re.compile(r"http[^\s|>)\"]+/code/[0-9a-f]+")
# Browsers log every refusal. The first visit of somebody who is not signed in is one, and so is the attempt to get
# terminals back that ended because the workspace was closed or handed over.
REFUSED = re.compile(r"Failed to load resource: .* status of (401 .*|409 .*/wake\))$")
# A page whose terminals have lost Heddle tries again, and browsers log each attempt.
UNREACHED = ("Failed to load resource: ", "WebSocket connection to ")
CLAUDE_PROMPT = re.compile("bypass permissions on")

SCREEN_READER = 'localStorage.setItem("heddle.screen-reader", "on")'


class Desk:
    """One browser of one person. Its terminals are read as a screen reader reads them: the rows that are on the screen.

    complaints: whatever the console says is wrong, a violated Content-Security-Policy included. strangers: hosts that
    were asked for something and are none of `hosts`.
    """

    def __init__(self, page: Page, hosts: Iterable[str]) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.strangers: set[str] = set()
        self._hosts = {urlsplit(host).netloc for host in hosts}
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("request", self._asked)
        page.on("websocket", self._connected)

    # The way in

    async def go(self, address: str) -> int:
        """Open an address; the answer's status."""
        answer = await self.page.goto(address)
        assert answer is not None
        return answer.status

    async def sign_in(self, way: str, person: str) -> None:
        """From the sign-in page to where it leads. way: "Slack" or "GitHub". person: what their button says."""
        await self.page.get_by_role("link", name=f"Sign in with {way}").click()
        await self.page.get_by_role("button", name=person).click()
        await self.page.wait_for_url("**/code/**")

    async def arrive(self, address: str, *, way: str = "Slack", person: str = "Ada Park") -> None:
        """By the link from the conversation, through the sign-in, to terminals that answer."""
        assert await self.go(address) == 401
        await self.sign_in(way, person)
        await self.connected()

    # What the page shows

    async def face(self, name: str, seconds: float = WAY) -> None:
        """Wait until the page shows one of its faces: `open`, `closed`, …"""
        await expect(self.page.locator("body")).to_have_attribute("data-face", name, timeout=seconds * 1000)

    async def connected(self, seconds: float = WAY) -> None:
        """Wait until the terminals are there and take keys."""
        await self.face("open", seconds)
        await self.says("Connected", seconds)
        await expect(self.page.locator(".panel:not([hidden]) .banner")).to_be_hidden()

    async def disconnected(self, seconds: float = WAY) -> None:
        """Wait until the page says that it has lost its terminals, in all three places."""
        await self.says(re.compile("^Disconnected"), seconds)
        await expect(self.page.locator(".panel:not([hidden]) .banner strong")).to_have_text("Disconnected")
        await expect(self.page).to_have_title(re.compile("^Disconnected"))

    async def says(self, text: str | re.Pattern[str], seconds: float = WAY) -> None:
        """Wait for the words about the connection in the line at the bottom."""
        await expect(self.page.locator("#connection-text")).to_have_text(text, timeout=seconds * 1000)

    async def text(self) -> str:
        """The rows of the terminal in front, as they are on the screen."""
        rows = await self._screen.locator(".xterm-accessibility-tree > *").all_inner_texts()
        return "\n".join(row.replace("\xa0", " ").rstrip() for row in rows).rstrip()

    async def shows(self, wanted: str | re.Pattern[str], seconds: float = WAY) -> str:
        """Wait until the terminal in front shows something; its text."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted
        text = ""
        try:
            async with asyncio.timeout(seconds):
                while not pattern.search(text := await self.text()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{pattern.pattern!r} is not on the screen:\n{text}") from None
        return text

    async def history(self) -> str:
        """Everything that the terminal in front has shown, as the page's search gets it."""
        name = await self.page.locator(".panel:not([hidden])").get_attribute("id")
        assert name is not None
        path = f"{urlsplit(self.page.url).path}/terminals/{name.removeprefix('panel-')}/history"
        answer = await self.page.evaluate("path => fetch(path).then(answer => answer.text())", path)
        return re.sub(r"\x1b\[[0-9;]*m", "", str(answer))

    @property
    def tabs(self) -> Locator:
        return self.page.get_by_role("tab")

    @property
    def dialog(self) -> Locator:
        """What the page asks before it closes the workspace."""
        return self.page.locator("#close-dialog")

    @property
    def _screen(self) -> Locator:
        return self.page.locator(".panel:not([hidden]) .terminal > .screen")

    # What the person does

    async def type(self, text: str) -> None:
        """Press the keys of a text in the terminal in front, whether or not it takes them."""
        await self._screen.locator("textarea").focus()
        await self.page.keyboard.type(text)

    async def run(self, command: str) -> None:
        """A line in a shell, with Enter."""
        await self.type(command)
        await self.page.keyboard.press("Enter")

    async def ask_claude(self, text: str) -> None:
        """Type a message to Claude Code and send it. An Enter that comes in one piece with text would be a line's end."""
        await self.shows(CLAUDE_PROMPT)
        await self.type(text)
        await self.shows(text)
        await self.page.keyboard.press("Enter")

    async def add_shell(self) -> None:
        """A new tab with a shell that shows its prompt."""
        await self.page.locator("#add").click()
        await self.connected()
        await self.shows("$")

    async def select(self, title: str) -> None:
        """Bring a tab to the front."""
        await self.page.get_by_role("tab", name=title).click()

    async def press(self, name: str) -> None:
        """A button of the page, by its name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    # What goes wrong

    def no_complaints(self, *, outages: bool = False) -> None:
        """Fails the test if something was wrong. outages: the terminals were lost on purpose."""
        noise = UNREACHED if outages else ()
        wrong = [text for text in self.complaints if not text.startswith(noise)]
        assert not wrong, wrong
        assert not self.strangers, self.strangers

    def _heard(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not REFUSED.match(text):
            self.complaints.append(text)

    def _asked(self, request: Request) -> None:
        self._meet(request.url)

    def _connected(self, socket: WebSocket) -> None:
        self._meet(socket.url)

    def _meet(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self._hosts:
            self.strangers.add(parts.netloc)


@asynccontextmanager
async def at_desk(scene: Scene, *, outages: bool = False) -> AsyncGenerator[Desk, None]:
    """A browser that knows nobody yet. At the end there must have been no complaint.

    outages: as in `Desk.no_complaints`.
    """
    assert scene.town.heddle is not None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1200, "height": 800})
        await page.add_init_script(SCREEN_READER)
        page.set_default_timeout(WAY * 1000)
        expect.set_options(timeout=WAY * 1000)
        desk = Desk(page, [scene.town.heddle.address, scene.slack.url, scene.github.url])
        yield desk
        desk.no_complaints(outages=outages)
        await browser.close()


def address_in(text: str) -> str:
    """The address of a workspace's page in what Heddle has said."""
    found = ADDRESS.search(text)
    assert found is not None, text
    return found[0]


async def said(scene: Scene, thread: str, text: str, seconds: float = WAY) -> Message:
    """Heddle's first post in a thread that shows a text."""

    def found() -> Message | None:
        return next((post for post in scene.replies(thread) if text in post.shown), None)

    post = await scene.until(found, seconds)
    assert post is not None
    return post
