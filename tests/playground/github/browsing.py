"""Reading and using the pages of the GitHub stand-in over plain HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from aiohttp import ClientSession

from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"
EVIL = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3)) "
    '<a href="java\tscript:alert(4)">y</a> <svg onload=alert(5)></svg> "><b onclick=alert(6)>'
)
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "path", "circle", "rect"})
ADDRESSES = frozenset({"href", "src", "action", "formaction", "data", "xlink:href"})
SCHEMES = frozenset({"http", "https", "mailto"})
OWN_SCRIPTS = frozenset({"/_/page.js", "/_/review.js"})


def scheme(address: str) -> str:
    """The scheme that a browser sees in an address, which it cleans first."""
    seen = re.sub(r"[\t\n\r]", "", address).lstrip("".join(map(chr, range(33))))
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", seen)
    return found[1].lower() if found else ""


@dataclass
class Dangers(HTMLParser):
    """Everything in a page that could run, or that does not come from its templates."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"iframe", "object", "embed", "base", "math", "style", "video", "audio"}:
            self.found.append(f"<{tag}>")
        if tag == "script" and values.get("src") not in OWN_SCRIPTS:
            self.found.append("<script>")
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "srcdoc", "http-equiv"}:
                self.found.append(f"{tag} {name}")
            if name in ADDRESSES and scheme(value or "") not in {"", *SCHEMES}:
                self.found.append(f"{tag} {name}={value}")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.found.append(f"unbalanced </{tag}>")


def dangers(html: str) -> list[str]:
    reader = Dangers()
    reader.feed(html)
    reader.close()
    return reader.found


async def page(browser: ClientSession, path: str) -> str:
    """A page, which must be there and have nothing in it that could run but its own modules."""
    async with browser.get(path) as response:
        text = await response.text()
        assert response.status == 200, text
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert dangers(text) == []
        return text


async def send(
    browser: ClientSession, origin: str, path: str, /, status: int = 200, **fields: str | list[str]
) -> tuple[str, str]:
    """Send a form as the page would; the address where that led, and the page there."""
    data = [
        (name, value)
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    headers = {"Origin": origin, "Referer": f"{origin}/acme/widgets"}
    async with browser.post(path, data=data, headers=headers) as response:
        text = await response.text()
        assert response.status == status, text
        where = response.real_url
        return where.path + (f"#{where.fragment}" if where.fragment else ""), text


async def open_pull(stand_in: GitHubStandIn) -> None:
    lines = "".join(f"line {number}\n" for number in range(1, 9))
    await stand_in.commit(WIDGETS, {"new.txt": lines}, branch="topic", message="Add lines")
    await stand_in.open_pull_request(WIDGETS, "Lines", "Eight of them.", head="topic")


async def api(stand_in: GitHubStandIn, path: str, body: dict[str, str], method: str = "POST") -> None:
    headers = {"Authorization": f"token {stand_in.token}"}
    async with (
        ClientSession() as session,
        session.request(
            method, f"{stand_in.api_url}/repos/{WIDGETS}/{path}", json=body, headers=headers
        ) as response,
    ):
        assert response.status in {200, 201}, await response.text()


def order(text: str, *parts: str) -> None:
    """All parts are in the text, in this order."""
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
