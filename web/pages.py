"""Pages for browsers: templates, their stylesheet, and the headers that every page is sent with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from yarl import URL

from web.server import Route

HERE = Path(__file__).parent
STATIC = "/static"

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
STATIC_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


class Pages:
    """Renders templates. `public_url` says how browsers reach Heddle, once that is known."""

    def __init__(self, public_url: Callable[[], str]) -> None:
        self._public_url = public_url
        self._files = {file.name: file for file in (HERE / "static").iterdir()}
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["path"] = self.path

    def routes(self) -> list[Route]:
        """What the templates refer to."""
        return [Route("GET", f"{STATIC}/{{name}}", self._static)]

    def address(self, path: str) -> str:
        """The whole address of one of Heddle's paths, as browsers see it."""
        return self._public_url().rstrip("/") + path

    def path(self, path: str) -> str:
        """One of Heddle's paths, below the path that a proxy may have put in front."""
        return URL(self.address(path), encoded=True).raw_path

    def show(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """A page from `web/templates`."""
        text = self._environment.get_template(template).render(values)
        return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return web.FileResponse(file, headers=STATIC_HEADERS)
