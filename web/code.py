"""The address of a workspace: it says what is there so far, and nothing about any workspace."""

from __future__ import annotations

from aiohttp import web

from web.pages import Pages
from web.server import Route

PREFIX = "/code"
TITLE = "This page is still to come"
TEXT = (
    "A terminal with Claude Code will be here. Until then Claude works by itself: ask Heddle in the conversation "
    "that you come from. The work so far is on the branch that the report there links."
)


class Code:
    """Serves the addresses of workspaces."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("GET", f"{PREFIX}/{{workspace}}", self._show)]

    def address(self, workspace_id: str) -> str:
        """The whole address of a workspace."""
        return self._pages.address(f"{PREFIX}/{workspace_id}")

    async def _show(self, _request: web.Request) -> web.Response:
        return self._pages.show("problem.html", status=501, title=TITLE, text=TEXT)
