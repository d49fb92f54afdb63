"""The HTTP server: health now, and whatever routes a platform adds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY_BYTES = 25 * 1024 * 1024  # what the largest platform sends at most
CLOSING_SECONDS = 3.0  # that requests under way get when the server stops


@dataclass(frozen=True, slots=True)
class Route:
    """An address that another package serves."""

    method: str
    path: str
    handler: Handler


class WebServer:
    """Serves on one address. `health` raises when Heddle can't do its work."""

    def __init__(self, *, host: str, port: int, health: Callable[[], Awaitable[None]]) -> None:
        self._host = host
        self._port = port
        self._health = health
        self._runner: web.AppRunner | None = None

    async def start(self, routes: Sequence[Route] = ()) -> str:
        """Listen; the address, with the port that was picked. Raises OSError when it is taken."""
        application = web.Application(client_max_size=BODY_BYTES)
        application.router.add_get("/healthz", self._healthz)
        for route in routes:
            application.router.add_route(route.method, route.path, route.handler)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSING_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._host, self._port = self._runner.addresses[0][:2]
        return self.address

    @property
    def address(self) -> str:
        """Where it listens; before `start`, where it is going to."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        try:
            await self._health()
        except Exception as error:  # whichever part it is, an operator wants to see its name
            return web.json_response({"ok": False, "error": type(error).__name__}, status=503)
        return web.json_response({"ok": True})
