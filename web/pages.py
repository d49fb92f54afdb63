"""Pages for browsers: templates, the files that they refer to, and the headers that every page is sent with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from yarl import URL

from web.assets import PREFIX as STATIC
from web.assets import Assets
from web.server import Route

HERE = Path(__file__).parent

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# xterm.js writes styles of its own. Not every browser takes 'self' for the WebSockets of the same host.
TERMINAL_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' {sockets}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Pages:
    """Renders templates. `public_url` says how browsers reach Heddle, once that is known.

    Raises AssetsMissing when the browser's packages are not there.
    """

    def __init__(self, public_url: Callable[[], str], assets: Assets | None = None) -> None:
        self._public_url = public_url
        self._assets = assets if assets is not None else Assets()
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
        return [Route("GET", f"{STATIC}/{{name:.+}}", self._assets.serve)]

    def address(self, path: str) -> str:
        """The whole address of one of Heddle's paths, as browsers see it."""
        return self._public_url().rstrip("/") + path

    def path(self, path: str) -> str:
        """One of Heddle's paths, below the path that a proxy may have put in front.

        A file's (`/static/…`) becomes that of its present version. Raises LookupError when there is no such file.
        """
        if path.startswith(f"{STATIC}/"):
            path = self._assets.path(path)
        return URL(self.address(path), encoded=True).raw_path

    def show(
        self, template: str, *, status: int = 200, terminal: bool = False, **values: object
    ) -> web.Response:
        """A page from `web/templates`. terminal: it may run Heddle's scripts and reach Heddle, its WebSockets too."""
        text = self._environment.get_template(template).render(values)
        headers = HEADERS
        if terminal:
            # Under `no-referrer` browsers send `Origin: null` with forms, which is nobody's page.
            headers = {
                **HEADERS,
                "Content-Security-Policy": terminal_policy(self.address("/")),
                "Referrer-Policy": "same-origin",
            }
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def terminal_policy(public_address: str) -> str:
    """The policy of a page with terminals, for browsers that reach Heddle at this address."""
    origin = URL(public_address).origin()
    sockets = origin.with_scheme("wss" if origin.scheme == "https" else "ws")
    return TERMINAL_POLICY.format(sockets=str(sockets).rstrip("/"))
