"""The files of pages over HTTP: their addresses, caching, compression, and what is not served."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from web.assets import PACKAGES, VENDORED, Assets, AssetsMissing, accepts_gzip
from web.pages import Pages
from web.server import WebServer

MODULE = 'import { b } from "./b.js";\n' * 50


async def fine() -> None:
    return None


@asynccontextmanager
async def browsing(assets: Assets) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that says what it accepts itself, and shows what is sent."""
    server = WebServer(host="127.0.0.1", port=0, health=fine)
    address = await server.start(Pages(lambda: server.address, assets).routes())
    try:
        async with aiohttp.ClientSession(
            address, auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
        ) as browser:
            yield browser
    finally:
        await server.close()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "a.js").write_text(MODULE)
    (folder / "code" / "b.js").write_text("export const b = 1;\n")
    (folder / "pages.css").write_text("body { margin: 0 }\n")
    (folder / "notes.txt").write_text("not for browsers")
    (tmp_path / "secret.js").write_text("secret")
    return folder


@pytest.fixture
def assets(own: Path) -> Assets:
    return Assets(own, own, {})


async def test_a_version_is_kept_for_good_and_compressed(assets: Assets) -> None:
    path = assets.path("/static/code/a.js")
    assert re.fullmatch(r"/static/[0-9a-f]{16}/code/a\.js", path)
    async with browsing(assets) as browser:
        plain = await browser.get(path)
        packed = await browser.get(path, headers={"Accept-Encoding": "br, gzip"})
        assert (plain.status, await plain.text()) == (200, MODULE)
        assert gzip.decompress(await packed.read()) == MODULE.encode()
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert plain.headers["ETag"] != packed.headers["ETag"]
        for answer in (plain, packed):
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_relative_imports_stay_in_the_version(assets: Assets) -> None:
    path = URL(assets.path("/static/code/a.js")).join(URL("./b.js"))
    assert str(path) == assets.path("/static/code/b.js")


async def test_without_a_version_a_browser_asks_again_and_is_told_that_nothing_changed(
    assets: Assets,
) -> None:
    async with browsing(assets) as browser:
        first = await browser.get("/static/pages.css")
        assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache")
        assert first.headers["Content-Type"] == "text/css; charset=utf-8"
        again = await browser.get("/static/pages.css", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
        other = await browser.get("/static/pages.css", headers={"If-None-Match": '"other"'})
        assert other.status == 200


async def test_a_page_of_another_version_gets_what_is_here_once(assets: Assets) -> None:
    async with browsing(assets) as browser:
        answer = await browser.get("/static/0123456789abcdef/pages.css")
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize(
    "name",
    [
        "..%2Fsecret.js",
        "../secret.js",
        "%2E%2E/secret.js",
        "code/../../secret.js",
        "code/../pages.css",
        "code",
        "code/",
        "/pages.css",
        "notes.txt",
        "nothing.css",
        "pages.css%00",
        "%2Fetc%2Fpasswd",
        "0123456789abcdef/../../secret.js",
        "0123456789abcdef",
    ],
)
async def test_nothing_else_is_served(assets: Assets, name: str) -> None:
    server = WebServer(host="127.0.0.1", port=0, health=fine)
    address = URL(await server.start(Pages(lambda: server.address, assets).routes()))
    try:
        for start in ("/static/", f"/static/{assets.version}/"):
            # As bytes: clients would tidy the path up before they send it.
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(f"GET {start}{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 404")
            assert b"secret" not in answer
    finally:
        await server.close()


def test_every_change_makes_another_version(own: Path) -> None:
    versions = {Assets(own, own, {}).version, Assets(own, own, {}).version}
    assert len(versions) == 1
    (own / "code" / "b.js").write_text("export const b = 2;\n")
    versions.add(Assets(own, own, {}).version)
    (own / "code" / "b.js").rename(own / "code" / "c.js")
    versions.add(Assets(own, own, {}).version)
    assert len(versions) == 3


def test_a_file_that_is_not_there_is_an_error_where_it_is_named(assets: Assets) -> None:
    with pytest.raises(LookupError, match=r"code/nothing\.js"):
        assets.path("/static/code/nothing.js")


def test_missing_packages_are_named_with_what_to_do(own: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetsMissing, match=r"xterm\.mjs.*\./scripts/run"):
        Assets(own, tmp_path / "node_modules")


async def test_the_packages_are_served_without_their_source_maps() -> None:
    assets = Assets()
    async with browsing(assets) as browser:
        for name, file in VENDORED.items():
            answer = await browser.get(assets.path(f"/static/vendor/{name}"))
            body = await answer.read()
            assert answer.status == 200
            assert b"sourceMappingURL" not in body
            assert len(body) > 0.9 * (PACKAGES / file).stat().st_size
            for other in (f"{name}.map", name.replace("mjs", "js") if "mjs" in name else "xterm.js"):
                assert (await browser.get(f"/static/vendor/{other}")).status == 404


def test_the_packages_are_modules_that_import_nothing_by_name() -> None:
    """A bare name would need an import map, which the pages' policy does not allow."""
    for file in VENDORED.values():
        if file.endswith(".mjs"):
            text = (PACKAGES / file).read_text()
            assert re.search(r"\bexport\s*\{", text)
            assert not re.search(r"(?:\bfrom|\bimport)\s*[\"'][^./]", text)


def test_all_that_a_page_with_terminals_loads_is_small() -> None:
    assets = Assets()
    assert sum(len(asset.packed) for asset in assets._assets.values()) < 400_000


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        (["gzip, deflate, br, zstd"], True),
        (["br", "GZIP;q=0.5"], True),
        (["gzip;q=0"], False),
        (["gzip; q=0.000"], False),
        (["x-gzip"], False),
        (["identity"], False),
        ([], False),
    ],
)
def test_whether_gzip_is_accepted(headers: list[str], accepted: bool) -> None:
    assert accepts_gzip(headers) is accepted
