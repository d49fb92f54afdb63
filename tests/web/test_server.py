"""Health over HTTP."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from web.server import Route, WebServer


async def fine() -> None:
    return None


async def broken() -> None:
    raise ConnectionRefusedError("secret detail")


@pytest.mark.parametrize(("health", "status"), [(fine, 200), (broken, 503)])
async def test_health(health: object, status: int) -> None:
    server = WebServer(host="127.0.0.1", port=0, health=broken if health is broken else fine)
    address = await server.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/healthz") as answer:
            assert answer.status == status
            assert "secret detail" not in await answer.text()
    finally:
        await server.close()


async def test_other_packages_add_routes() -> None:
    async def greet(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    server = WebServer(host="127.0.0.1", port=0, health=fine)
    address = await server.start([Route("POST", "/greet", greet)])
    try:
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{address}/greet") as answer:
                assert await answer.text() == "hello"
            async with session.get(f"{address}/greet") as answer:
                assert answer.status == 405
            async with session.get(f"{address}/elsewhere") as answer:
                assert answer.status == 404
    finally:
        await server.close()
