"""Images that people post on GitHub: where they are, and fetching them as files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

import aiohttp
import structlog
from yarl import URL

from bot.github.sanitize import sanitized
from bot.markdown import code_spans

MOST_IMAGES = 10
MOST_BYTES = 10_000_000
SECONDS = 30.0  # for all of them together
REDIRECTS = 3
CHUNK = 64 * 1024

UPLOADS = frozenset({"user-images.githubusercontent.com", "private-user-images.githubusercontent.com"})
STORES = (".githubusercontent.com", ".amazonaws.com")

_TYPES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))
_ASSET = re.compile(r"/user-attachments/assets/[\w-]+|/[\w.-]+/[\w.-]+/assets/\d+/[\w-]+", re.ASCII)
_IMAGE = re.compile(r"!\[\]\(([^()\s]+)\)|<img src=\"([^\"]+)\"")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image in a text. `address`: as the text has it. `fetch`: where it can be fetched for a while."""

    address: str
    fetch: str


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    content: bytes


def image_addresses(text: str, html: str, server_url: str) -> list[ImageRef]:
    """The images that were uploaded to GitHub for a text, in its order, each once; `html`: the text as GitHub
    shows it, which says where private ones can be fetched."""
    sources = [source for source in _html_sources(html) if _is_upload(source, server_url)]
    signed = {
        found[-1].lower(): source
        for source in reversed(sources)
        if "jwt" in URL(source).query and (found := _UUID.findall(URL(source).path))
    }
    refs: dict[str, ImageRef] = {}
    for address in _sources(sanitized(text)):
        if address in refs or not _is_upload(address, server_url):
            continue
        found = _UUID.findall(URL(address).path)
        refs[address] = ImageRef(address, signed.get(found[-1].lower(), address) if found else address)
    return list(refs.values())


def with_files(text: str, files: Mapping[str, str]) -> str:
    """The text with addresses of images replaced by the paths of files."""
    if not files:
        return text
    longest_first = sorted(files, key=len, reverse=True)
    pattern = re.compile(rf"(?:{'|'.join(map(re.escape, longest_first))})(?![\w/-])")
    return pattern.sub(lambda match: files[match[0]], text)


class ImageFetcher:
    """Fetches images through the connections of `session`, and with nothing else of it: no cookies, no headers."""

    def __init__(self, session: aiohttp.ClientSession, server_url: str, *, seconds: float = SECONDS) -> None:
        self._session = session
        self._seconds = seconds
        self._server = URL(server_url)

    async def fetch(self, refs: Sequence[ImageRef]) -> dict[str, Image]:
        """The images by address. What can't be fetched, or is none, is left out."""
        contents: list[tuple[str, bytes] | None] = [None] * min(len(refs), MOST_IMAGES)

        async def take(session: aiohttp.ClientSession, at: int, ref: ImageRef) -> None:
            contents[at] = await self._fetch(session, ref)

        bare = aiohttp.ClientSession(
            connector=self._session.connector, connector_owner=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        try:
            async with asyncio.timeout(self._seconds), bare, asyncio.TaskGroup() as group:
                for at, ref in enumerate(refs[:MOST_IMAGES]):
                    group.create_task(take(bare, at, ref))
        except TimeoutError:
            log.warning("images took too long", seconds=self._seconds, missing=contents.count(None))
        images: dict[str, Image] = {}
        for ref, found in zip(refs, contents, strict=False):
            if found is not None:
                images[ref.address] = Image(f"image-{len(images) + 1}.{found[0]}", found[1])
        return images

    async def _fetch(self, session: aiohttp.ClientSession, ref: ImageRef) -> tuple[str, bytes] | None:
        """An image's type and content. The address is logged as the text has it: the other one is a secret."""
        try:
            content = await self._content(session, URL(ref.fetch, encoded=True))
        except (aiohttp.ClientError, _Refused, TimeoutError, OSError, ValueError) as error:
            log.warning("image not fetched", address=ref.address, error=_said(error))
            return None
        kind = _kind(content)
        if kind is None:
            log.warning("image not fetched", address=ref.address, error="not an image")
            return None
        return kind, content

    async def _content(self, session: aiohttp.ClientSession, url: URL) -> bytes:
        for _ in range(REDIRECTS + 1):
            if not self._may_ask(url):
                raise _Refused(f"{url.host} is no place for images")
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status in {301, 302, 303, 307, 308}:
                    url = url.join(URL(answer.headers.get("Location", ""), encoded=True))
                    continue
                if answer.status != 200:
                    raise _Refused(f"HTTP {answer.status}")
                return await _limited(answer)
        raise _Refused("too many redirects")

    def _may_ask(self, url: URL) -> bool:
        if url.user is not None or url.password is not None:
            return False
        if url.origin() == self._server.origin():
            return True
        return url.scheme == "https" and url.port == 443 and (url.host or "").endswith(STORES)


class _Refused(Exception):
    """An image that is not fetched, and why."""


async def _limited(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > MOST_BYTES:
            raise _Refused("too large")
    return bytes(content)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, _Refused) else type(error).__name__


def _kind(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((kind for start, kind in _TYPES if content.startswith(start)), None)


def _is_upload(address: str, server_url: str) -> bool:
    try:
        url, server = URL(address), URL(server_url)
        if not url.absolute or url.user is not None or ".." in address:
            return False
        if url.origin() == server.origin():
            path = url.path.removeprefix(server.path.rstrip("/"))
            return _ASSET.fullmatch(path) is not None
        return url.scheme == "https" and url.port == 443 and url.host in UPLOADS
    except ValueError:
        return False


def _sources(text: str) -> Iterator[str]:
    """The addresses of a sanitized text's images, in its order."""
    position = 0
    for start, end in (*code_spans(text), (len(text), len(text))):
        for found in _IMAGE.finditer(text, position, start):
            yield found[1] or found[2]
        position = end


def _html_sources(html: str) -> list[str]:
    parser = _Sources()
    parser.feed(html)
    parser.close()
    return parser.found


class _Sources(HTMLParser):
    """Collects the addresses of images."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        source = dict(attrs).get("src") if tag == "img" else None
        if source:
            self.found.append(source)
