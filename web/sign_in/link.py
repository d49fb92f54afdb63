"""The page behind a link that lets one person into one workspace, once."""

from __future__ import annotations

import structlog
from aiohttp import web

from web.entries import Entries
from web.origins import same_origin
from web.pages import HEADERS, Pages
from web.server import Route
from web.sessions import Sessions
from web.sign_in import texts
from web.sign_in.pages import with_form

LINK = "/sign-in/link"

log = structlog.get_logger(__name__)


class EntryLink:
    """Shows whom a link is for; only the button there uses it up, because previewers of chats follow links too."""

    def __init__(self, *, pages: Pages, sessions: Sessions, entries: Entries) -> None:
        self._pages = pages
        self._sessions = sessions
        self._entries = entries

    def routes(self) -> list[Route]:
        return [Route("GET", LINK, self._show), Route("POST", LINK, self._enter)]

    def address(self, ticket: str) -> str:
        """Where a person with this ticket begins."""
        return f"{self._pages.address(LINK)}?ticket={ticket}"

    async def _show(self, request: web.Request) -> web.Response:
        ticket = request.query.get("ticket", "")
        entry = await self._entries.claim(ticket)
        if entry is None:
            return self._problem(texts.VOID)
        return with_form(self._pages.show("sign_in_link.html", name=entry.person.name, ticket=ticket))

    async def _enter(self, request: web.Request) -> web.Response:
        if not same_origin(request, self._pages.address("/")):
            return self._problem(texts.OTHER_ORIGIN)
        ticket = (await request.post()).get("ticket", "")
        entry = await self._entries.use(ticket) if isinstance(ticket, str) else None
        if entry is None:
            return self._problem(texts.VOID)
        where = self._pages.path(f"/code/{entry.workspace_id}")
        response = web.Response(status=303, headers={**HEADERS, "Location": where})
        await self._sessions.begin(request, response, entry.person, entry.workspace_id)
        log.info("let in by a link", person=entry.person.id, workspace=entry.workspace_id)
        return response

    def _problem(self, problem: texts.Problem) -> web.Response:
        return self._pages.show(
            "sign_in_problem.html", status=problem.status, title=problem.title, text=problem.text, ways=[]
        )
