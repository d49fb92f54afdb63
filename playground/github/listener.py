"""The door of the stand-in: one address for API, git and pages, its faults, and the log of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from playground.github.access import TokenKind
from playground.github.api.endpoints import REQUEST_TOKEN, add_routes
from playground.github.api.hooks import WEBHOOKS
from playground.github.calls import Call
from playground.github.faults import Fault, take
from playground.github.git_http import GitHttp
from playground.github.graphql import GraphQL
from playground.github.hooks import write_hooks
from playground.github.hub import Hub
from playground.github.oauth import OAuth
from playground.github.pages.site import Site
from playground.github.webhooks import Webhooks

MAX_REQUEST = 4 * 1024 * 1024
"""Bytes that the body of an API call or a form may have; git's bodies are streamed and have no bound."""


class Listener:
    """Listens at one address, which it keeps while it goes down and comes up again; the webhook goes on meanwhile."""

    def __init__(self, hub: Hub, webhooks: Webhooks, *, host: str, port: int) -> None:
        self._hub = hub
        self._webhooks = webhooks
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        hooks = self._hub.root / "hooks"
        await asyncio.to_thread(write_hooks, hooks)
        application = web.Application(client_max_size=MAX_REQUEST, middlewares=[self._middleware])
        application[WEBHOOKS] = self._webhooks
        add_routes(self._hub, application)
        GitHttp(self._hub, str(hooks)).add_routes(application)
        GraphQL(self._hub).add_routes(application)
        OAuth(self._hub).add_routes(application)
        self._hub.attachments.add_routes(application)
        Site(self._hub).add_routes(application)
        # git's bodies may be gzip'd, and git itself unpacks them.
        self._runner = web.AppRunner(application, access_log=None, auto_decompress=False, shutdown_timeout=1)
        await self._runner.setup()
        await self.come_up()
        await self._webhooks.start()

    async def close(self) -> None:
        await self._webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = self._site = None

    async def go_down(self) -> None:
        """Refuse connections, and cut those that are open, until `come_up`."""
        if self._site is None or self._runner is None:
            return
        await self._site.stop()
        self._site = None
        server = self._runner.server
        for connection in list(server.connections) if server is not None else []:
            if connection.transport is not None:
                connection.transport.abort()

    async def come_up(self) -> None:
        """Listen again, at the same address."""
        if self._site is not None or self._runner is None:
            return
        self._site = web.TCPSite(self._runner, self._host, self._port)
        await self._site.start()
        self._port = int(self._runner.addresses[0][1])
        self._hub.url = f"http://{self._host}:{self._port}"

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Every request passes here: faults first, then the log of calls."""
        hub, started, status = self._hub, time.monotonic(), 500
        try:
            fault, hub.faults = take(hub.faults, request.method, request.path)
            response = await handler(request) if fault is None else _faulty(request, fault)
            status = response.status
            return response
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            seconds = time.monotonic() - started
            token = request.get(REQUEST_TOKEN, TokenKind.NONE)
            hub.calls.append(Call(request.method, request.path, request.query_string, status, seconds, token))
            hub.changes.notify()


def _faulty(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault.status == 0:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if isinstance(fault.body, str):
        return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
    return web.json_response(dict(fault.body), status=fault.status, headers=fault.headers)
