"""A person's browser without a screen: signs in to Heddle by the stand-ins' forms, and works in its terminals."""

from __future__ import annotations

import asyncio
import html
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from playground.bench.terminal_client import Way, by_port

SECONDS = 30.0  # for any one answer
PROTOCOL = "tty"
OWN = "the browser's own"
CODE = re.compile(r"http[^\s|>)\"\\]+/code/[0-9a-f]+")
"""A workspace's address, in whatever Heddle has posted."""

_FORM = re.compile(r'<form[^>]*action="([^"]+)"')
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_BUTTON = re.compile(r'<button name="user" value="([^"]+)">.*?@([^<\s]+)</button>')


class NotThere(Exception):
    """A page lacks what somebody wants to press; `str()` is the page."""


class TerminalEnded(Exception):
    """The connection is over; `str()` is what was shown last."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser got in the end. `at` is the address that it shows."""

    status: int
    at: URL
    text: str
    headers: Mapping[str, str]

    def json(self) -> dict[str, object]:
        value = json.loads(self.text)
        assert isinstance(value, dict)
        return value


class Visitor:
    """`async with Visitor(address) as ada`: a browser with its own cookies. `address` is Heddle's, without a path.

    Paths are Heddle's and are sent as they are written. Requests that browsers send with an Origin get Heddle's own.
    """

    def __init__(self, address: str) -> None:
        self._address = URL(address)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # The stand-ins are on an address without a name, which a jar refuses unless told.
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._browser.close()

    @property
    def _browser(self) -> aiohttp.ClientSession:
        assert self._session is not None, "inside `async with` only"
        return self._session

    @property
    def origin(self) -> str:
        return str(self._address.origin())

    @property
    def cookie(self) -> str:
        """The header that the browser sends with every request to Heddle; empty when it has no cookie."""
        return self._browser.cookie_jar.filter_cookies(self._address).output(header="", sep=";").strip()

    def moved(self, address: str) -> None:
        """Heddle has another address now, as after a start on another port; cookies don't care about ports."""
        self._address = URL(address)

    # Signing in

    async def sign_in_with_slack(self, name: str, path: str = "/sign-in") -> Page:
        """Open a page of Heddle's that wants to know who this is, as this member of the team; where that leads."""
        asked = await self._follow_link(await self.get(path), "/sign-in/slack")
        people = {login: user for user, login in _BUTTON.findall(asked.text)}
        if name not in people:
            raise NotThere(asked.text)
        return await self._submit(asked, {"user": people[name]})

    async def sign_in_with_github(self, login: str, path: str = "/sign-in") -> Page:
        """As `sign_in_with_slack`, with an account of the stand-in for GitHub, which is made where there is none."""
        asked = await self._follow_link(await self.get(path), "/sign-in/github")
        origin = asked.at.origin()
        await self._open("POST", origin / "_/viewer", data={"new": login}, headers={"Origin": str(origin)})
        return await self._submit(asked, {"answer": "yes"})

    async def enter(self, link: str) -> Page:
        """Follow a link that is for one person, and press its button; the page that says so when it is void."""
        page = await self._open("GET", URL(link, encoded=True))
        return await self._submit(page, {}) if page.status == 200 else page

    async def sign_out(self) -> None:
        await self.send("POST", "/sign-out")

    async def _follow_link(self, page: Page, path: str) -> Page:
        link = re.search(rf'href="([^"]*{re.escape(path)}[^"]*)"', page.text)
        if link is None:
            raise NotThere(page.text)
        return await self._open("GET", page.at.join(URL(html.unescape(link[1]), encoded=True)))

    async def _submit(self, page: Page, pressed: Mapping[str, str]) -> Page:
        form = _FORM.search(page.text)
        if form is None:
            raise NotThere(page.text)
        fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}
        target = page.at.join(URL(html.unescape(form[1]), encoded=True))
        return await self._open(
            "POST", target, data={**fields, **pressed}, headers={"Origin": str(page.at.origin())}
        )

    # Pages, and what they ask for

    async def get(self, path: str) -> Page:
        return await self._open("GET", self.address(path))

    async def send(self, method: str, path: str, body: object = None) -> Page:
        """POST, PATCH or DELETE, with JSON, as a page of Heddle's does."""
        data = None if body is None else json.dumps(body)
        return await self._open(method, self.address(path), data=data, headers={"Origin": self.origin})

    def address(self, path: str) -> URL:
        return URL(f"{self.origin}{path}", encoded=True)

    async def _open(
        self, method: str, address: URL, *, data: object = None, headers: Mapping[str, str] | None = None
    ) -> Page:
        async with self._browser.request(method, address, data=data, headers=headers) as answer:
            return Page(answer.status, answer.url, await answer.text(), dict(answer.headers))

    async def knock(
        self,
        method: str,
        target: str,
        *,
        upgrade: bool = False,
        cookie: str | None = OWN,
        origin: str | None = OWN,
    ) -> int:
        """The status of an answer to exactly this request line; nothing is tidied up, not even `..`.

        upgrade: it asks for a terminal. cookie, origin: instead of the browser's own, None for none.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._address.authority}"]
        for name, given, own in (("Cookie", cookie, self.cookie), ("Origin", origin, self.origin)):
            value = own if given == OWN else given
            lines += [f"{name}: {value}"] if value else []
        if upgrade:
            lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", f"Sec-WebSocket-Protocol: {PROTOCOL}"]
        else:
            lines += ["Connection: close", "Content-Length: 0"]
        assert self._address.host is not None
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(self._address.host, self._address.port)
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode())
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()

    async def events(self, base: str) -> AsyncIterator[tuple[str, object]]:
        """What a page is told, each with its name, until Heddle ends the stream. `base`: `/code/{id}`."""
        name = ""
        forever = aiohttp.ClientTimeout(total=None, sock_read=SECONDS)
        async with self._browser.get(self.address(f"{base}/events"), timeout=forever) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    # Terminals

    async def terminal(
        self, base: str, name: str = "claude", *, columns: int = 80, rows: int = 24
    ) -> Terminal:
        """Open a terminal of the workspace at `base`. Raises aiohttp.WSServerHandshakeError when it is refused."""
        connection = secrets.token_hex(12)
        opened = await self._browser.ws_connect(
            self.address(f"{base}/terminals/{name}?connection={connection}"),
            protocols=[PROTOCOL],
            origin=self.origin,
            max_msg_size=0,
        )
        await opened.send_bytes(json.dumps({"AuthToken": "", "columns": columns, "rows": rows}).encode())
        return Terminal(opened, connection)

    def way(self, base: str, *, connection: str = "", received: int | None = None) -> Way:
        """The same for a blocking reader, whose `program` is the terminal's name."""
        assert self._address.port is not None
        path = f"{base}/terminals/{{program}}?connection={connection or secrets.token_hex(12)}"
        headers = {"Origin": self.origin, "Host": self._address.authority, "Cookie": self.cookie}
        return Way(by_port(self._address.port, received=received), path, headers)


class Terminal:
    """An open terminal. connection: by which the page names it."""

    def __init__(self, opened: aiohttp.ClientWebSocketResponse, connection: str) -> None:
        self._opened = opened
        self._latest = b""
        self.connection = connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._opened.close()

    async def type(self, keys: str | bytes) -> None:
        await self._opened.send_bytes(b"0" + (keys.encode() if isinstance(keys, str) else keys))

    async def resize(self, columns: int, rows: int) -> None:
        await self._opened.send_bytes(b"1" + json.dumps({"columns": columns, "rows": rows}).encode())

    async def output(self) -> bytes:
        """The next piece. Raises TerminalEnded."""
        while True:
            message = await self._opened.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise TerminalEnded(self._latest.decode(errors="replace"))
            if message.data[:1] == b"0":
                self._latest = (self._latest + message.data[1:])[-4000:]
                return bytes(message.data[1:])

    async def until(self, text: str, seconds: float = SECONDS) -> str:
        """All output up to the piece that brings `text`. Raises TerminalEnded, TimeoutError with what came instead."""
        seen = b""
        try:
            async with asyncio.timeout(seconds):
                while text.encode() not in seen:
                    seen += await self.output()
        except TimeoutError:
            raise TimeoutError(f"no {text!r}, but {seen[-500:]!r}") from None
        return seen.decode(errors="replace")

    async def run(self, command: str, seconds: float = SECONDS) -> str:
        """Type a command into a shell and wait until it is done; what was shown meanwhile."""
        mark = secrets.token_hex(4)
        # The shell shows what is typed: only what it makes of it has the mark in one piece.
        await self.type(f"{command}; echo {mark[:4]}''{mark[4:]}\r")
        return await self.until(mark, seconds)

    async def ended(self, seconds: float = SECONDS) -> None:
        """Wait for Heddle to end the connection. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await self.output()
                except TerminalEnded:
                    return
