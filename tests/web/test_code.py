"""The address of a workspace."""

from __future__ import annotations

import asyncio

import aiohttp

from web.code import TITLE, Code
from web.pages import Pages
from web.server import WebServer


async def test_address_says_what_is_there() -> None:
    server = WebServer(host="127.0.0.1", port=0, health=lambda: asyncio.sleep(0))
    pages = Pages(lambda: server.address)
    code = Code(pages)
    await server.start([*pages.routes(), *code.routes()])
    try:
        async with aiohttp.ClientSession() as session, session.get(code.address("1a2b3c")) as answer:
            assert answer.status == 501
            assert TITLE in await answer.text()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    finally:
        await server.close()
