"""Images of issues: found in texts, and fetched from a real server that may misbehave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from bot.github.images import MOST_BYTES, MOST_IMAGES, ImageFetcher, ImageRef, image_addresses, with_files

SERVER = "https://github.com"
IDS = [f"0f9b6f1e-1234-4abc-9def-00000000000{digit}" for digit in range(9)]
ASSETS = f"{SERVER}/user-attachments/assets"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def addresses(text: str, html: str = "", server: str = SERVER) -> list[str]:
    return [ref.address for ref in image_addresses(text, html, server)]


def test_images_are_found_in_order_and_once() -> None:
    text = (
        f'![a]({ASSETS}/{IDS[2]} "t") <img alt="x" width=10 src="{ASSETS}/{IDS[1]}"> ![]({ASSETS}/{IDS[2]})\n\n'
        f"![b][ref]\n\n[ref]: {SERVER}/acme/widgets/assets/123/{IDS[0]}\n\n"
        f"![](https://user-images.githubusercontent.com/1/2-{IDS[3]}.png)"
    )
    assert addresses(text) == [
        f"{ASSETS}/{IDS[2]}",
        f"{ASSETS}/{IDS[1]}",
        f"{SERVER}/acme/widgets/assets/123/{IDS[0]}",
        f"https://user-images.githubusercontent.com/1/2-{IDS[3]}.png",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"![](https://evil.example/user-attachments/assets/{IDS[0]})",
        f"![](https://github.com.evil.example/user-attachments/assets/{IDS[0]})",
        f"![](https://github.com@evil.example/user-attachments/assets/{IDS[0]})",
        f"![](http://github.com/user-attachments/assets/{IDS[0]})",
        f"![](http://user-images.githubusercontent.com/{IDS[0]}.png)",
        f"![](https://raw.githubusercontent.com/{IDS[0]}.png)",
        f"![]({ASSETS}/../../settings)",
        f"![]({SERVER}/acme/widgets/raw/main/a.png)",
        f"[a link]({ASSETS}/{IDS[0]})",
        f"`![]({ASSETS}/{IDS[0]})`",
        f"```\n![]({ASSETS}/{IDS[0]})\n```",
        f"<!-- ![]({ASSETS}/{IDS[0]}) -->",
        "![](http://[)",
    ],
)
def test_other_addresses_are_not_taken(text: str) -> None:
    assert addresses(text) == []


def test_private_images_are_fetched_where_the_page_has_them() -> None:
    signed = f"https://private-user-images.githubusercontent.com/1/2-{IDS[0]}.png?jwt=abc&x=1"
    html = (
        f'<img src="{signed.replace("&", "&amp;")}"><img src="https://evil.example/{IDS[1]}.png?jwt=abc">'
        f'<img src="{ASSETS}/{IDS[1]}">'
    )
    text = f"![]({ASSETS}/{IDS[0]}) ![]({ASSETS}/{IDS[1]})"
    assert image_addresses(text, html, SERVER) == [
        ImageRef(f"{ASSETS}/{IDS[0]}", signed),
        ImageRef(f"{ASSETS}/{IDS[1]}", f"{ASSETS}/{IDS[1]}"),
    ]


def test_addresses_become_paths() -> None:
    files = {f"{ASSETS}/a": "/x/image-1.png", f"{ASSETS}/ab": "/x/image-2.png"}
    text = f"![]({ASSETS}/a) ![]({ASSETS}/ab) {ASSETS}/abc"
    assert with_files(text, files) == f"![](/x/image-1.png) ![](/x/image-2.png) {ASSETS}/abc"
    assert with_files(text, {}) == text


@dataclass
class Shop:
    """A server with images and traps."""

    url: str = ""
    other: str = ""
    asked: list[web.Request] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def show(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        kind = request.match_info["kind"]
        step, _, rest = kind.partition("-")
        if step == "hop" and rest != "0":
            raise web.HTTPFound(f"/hop-{int(rest) - 1}")
        match kind:
            case "elsewhere":
                raise web.HTTPFound(f"{self.other}/png")
            case "nowhere":
                raise web.HTTPFound("")
            case "gone":
                raise web.HTTPNotFound
            case "svg":
                return web.Response(body=b"<svg onload='x'/>", content_type="image/png")
            case "large":
                return web.Response(body=PNG + b"\0" * MOST_BYTES)
            case "largest":
                return web.Response(body=PNG.ljust(MOST_BYTES, b"\0"))
            case "hangs":
                await self.released.wait()
            case "trickles":
                answer = web.StreamResponse()
                await answer.prepare(request)
                await answer.write(PNG)
                await self.released.wait()
                return answer
            case "cut":
                answer = web.StreamResponse(headers={"Content-Length": "1000"})
                await answer.prepare(request)
                await answer.write(PNG)
                assert request.transport is not None
                request.transport.abort()
                return answer
        bodies = {"jpeg": b"\xff\xd8\xff\xe0", "gif": b"GIF89a", "webp": b"RIFF\0\0\0\0WEBPVP8 "}
        return web.Response(body=bodies.get(kind, PNG))

    def refs(self, *kinds: str) -> list[ImageRef]:
        return [ImageRef(kind, f"{self.url}/{kind}") for kind in kinds]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    servers = []
    for _ in range(2):
        application = web.Application()
        application.router.add_get("/{kind}", shop.show)
        servers.append(TestServer(application))
        await servers[-1].start_server()
    shop.url, shop.other = (str(server.make_url("/")).rstrip("/") for server in servers)
    yield shop
    shop.released.set()
    for server in servers:
        await server.close()


@pytest.fixture
async def fetcher(shop: Shop) -> AsyncIterator[ImageFetcher]:
    jar = CookieJar(unsafe=True)
    async with ClientSession(
        cookie_jar=jar, headers={"X-Token": "secret", "Authorization": "Bearer secret"}
    ) as session:
        jar.update_cookies({"session": "secret"})
        yield ImageFetcher(session, shop.url, seconds=5)


async def test_images_are_named_by_what_they_are(shop: Shop, fetcher: ImageFetcher) -> None:
    images = await fetcher.fetch(shop.refs("png", "jpeg", "svg", "gif", "webp", "largest"))
    assert {address: image.name for address, image in images.items()} == {
        "png": "image-1.png",
        "jpeg": "image-2.jpg",
        "gif": "image-3.gif",
        "webp": "image-4.webp",
        "largest": "image-5.png",
    }
    assert images["png"].content == PNG


@pytest.mark.parametrize("kind", ["svg", "large", "gone", "elsewhere", "nowhere", "hop-4", "cut"])
async def test_what_is_wrong_is_left_out(shop: Shop, fetcher: ImageFetcher, kind: str) -> None:
    images = await fetcher.fetch(shop.refs(kind, "png"))
    assert [(address, image.name) for address, image in images.items()] == [("png", "image-1.png")]


async def test_redirects_are_followed_on_the_server_only(shop: Shop, fetcher: ImageFetcher) -> None:
    assert list(await fetcher.fetch(shop.refs("hop-3"))) == ["hop-3"]
    shop.asked.clear()
    assert await fetcher.fetch(shop.refs("elsewhere")) == {}
    assert [request.path for request in shop.asked] == ["/elsewhere"]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "not an address",
        "http://[",
        "file:///etc/passwd",
        "https://amazonaws.com.evil.example/a",
    ],
)
async def test_other_places_are_not_asked(shop: Shop, fetcher: ImageFetcher, address: str) -> None:
    assert await fetcher.fetch([ImageRef("x", address)]) == {}
    assert shop.asked == []


@pytest.mark.parametrize("kind", ["hangs", "trickles"])
async def test_a_server_that_hangs_costs_limited_time_and_no_other_image(shop: Shop, kind: str) -> None:
    async with ClientSession() as session:
        begun = time.monotonic()
        images = await ImageFetcher(session, shop.url, seconds=0.5).fetch(shop.refs(kind, "png"))
    assert list(images) == ["png"]
    assert time.monotonic() - begun < 4


async def test_only_so_many_are_fetched(shop: Shop, fetcher: ImageFetcher) -> None:
    refs = [ImageRef(str(at), f"{shop.url}/png") for at in range(MOST_IMAGES + 3)]
    assert len(await fetcher.fetch(refs)) == MOST_IMAGES == len(shop.asked)


async def test_nothing_of_the_session_is_sent(shop: Shop, fetcher: ImageFetcher) -> None:
    await fetcher.fetch(shop.refs("png"))
    (request,) = shop.asked
    assert not {"Cookie", "Authorization", "X-Token"} & set(request.headers)
