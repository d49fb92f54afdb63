"""The routes of `/code/{id}` and `/watch/{token}`: each request passes the gate, then does one thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from orchestrator.interactive.interactive import Interactive
from orchestrator.interactive.opening import Opening
from orchestrator.workspaces import Run, Workspace
from web.code import answers
from web.code.api import WATCH, Action, Api, Asked
from web.code.events import Events
from web.code.gate import Barred, Gate, Visitor
from web.code.terminals import Terminals
from web.origins import same_origin
from web.pages import Pages
from web.server import Route
from web.sign_in.pages import SignIn
from web.terminals.splices import Splices
from web.watches import Watches

PREFIX = "/code"
OTHER_ORIGIN = "This request doesn’t come from Heddle’s own page."
MISSING_TITLE = "There is nothing here"
MISSING_TEXT = (
    "This workspace doesn’t exist, or not any more. Go back to the conversation that you come from and ask Heddle "
    "for a workspace there."
)
UNWATCHABLE_TITLE = "There is nothing to watch"
UNWATCHABLE_TEXT = "The workspace that this link showed was closed, or the link was taken back. Ask whoever sent it for a new one."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Code:
    """The pages of workspaces. `run`: the run that has a workspace now, if any."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: Gate,
        interactive: Interactive,
        splices: Splices,
        watches: Watches,
        sign_in: SignIn,
        run: Callable[[str], Awaitable[Run | None]],
    ) -> None:
        self._pages = pages
        self._sign_in = sign_in
        self._gate = gate
        self._interactive = interactive
        self._splices = splices
        self._watches = watches
        self._run = run
        self._events = Events(interactive)
        self._terminals = Terminals(interactive, splices)
        self._api = Api(interactive=interactive, splices=splices, watches=watches, pages=pages)

    def routes(self) -> list[Route]:
        workspace, watch = f"{PREFIX}/{{workspace}}", f"{WATCH}/{{token}}"
        return [
            Route("GET", workspace, self._page),
            Route("GET", f"{workspace}/events", self._asked(self._stream)),
            Route("GET", f"{workspace}/terminals/{{terminal}}", self._asked(self._upgrade, own=True)),
            *(
                Route(method, f"{workspace}/{path}", self._asked(self._api.told(action), own=method != "GET"))
                for method, path, action in self._api.actions()
            ),
            Route("GET", watch, self._watch_page),
            Route("GET", f"{watch}/events", self._watch_stream),
            Route("GET", f"{watch}/terminals/{{terminal}}", self._watch_upgrade),
        ]

    def address(self, workspace_id: str) -> str:
        """The whole address of a workspace."""
        return self._pages.address(f"{PREFIX}/{workspace_id}")

    async def review(self) -> None:
        """Cut the terminals of people who may no longer be there."""
        for session, workspace_id in self._splices.visitors():
            if session.startswith(WATCH):
                may = await self._watches.opening(session.removeprefix(WATCH)) is not None
            else:
                may = await self._gate.still(session, workspace_id)
            if not may:
                self._splices.revoke_session(session)

    async def close(self) -> None:
        """End what pages hold open, so that the server can stop."""
        await self._events.close()
        await self._splices.close()

    # People who were let in

    def _asked(self, action: Action, *, own: bool = False) -> Handler:
        """own: only Heddle's own page may ask for it, because it changes something or opens a terminal."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if own and not same_origin(request, self._pages.address("/")):
                return answers.refusal(403, OTHER_ORIGIN)
            at = asyncio.get_running_loop().time()
            visitor = await self._gate.visitor(request)
            if isinstance(visitor, Barred):
                return answers.refusal(visitor.status, visitor.text)
            return await action(Asked(request, visitor, at))

        return handle

    async def _page(self, request: web.Request) -> web.StreamResponse:
        visitor = await self._gate.visitor(request)
        if isinstance(visitor, Visitor):
            return await self._show(visitor.workspace, base=request.path, person=visitor.session.person.name)
        match visitor.status:
            case 401:
                return self._sign_in.offer(self._pages.path(request.path), status=401)
            case 404:
                return self._pages.show("problem.html", status=404, title=MISSING_TITLE, text=MISSING_TEXT)
            case _:
                return self._pages.show(
                    "forbidden.html", status=403, text=visitor.text, here=self._pages.path(request.path)
                )

    async def _stream(self, asked: Asked) -> web.StreamResponse:
        session, workspace_id = asked.visitor.session.hash, asked.workspace_id
        return await self._events.stream(
            asked.request, workspace_id, lambda: self._gate.still(session, workspace_id)
        )

    async def _upgrade(self, asked: Asked) -> web.StreamResponse:
        session = asked.visitor.session.hash
        return await self._terminals.upgrade(
            asked.request, asked.workspace_id, session=session, asked_at=asked.at, writable=True
        )

    async def _show(
        self, workspace: Workspace, *, base: str, person: str, readonly: bool = False
    ) -> web.Response:
        newest = await self._interactive.newest(workspace.id)
        run = await self._run(workspace.id)
        link = newest.link if newest is not None else run.link if run is not None else ""
        opener = newest.opener if newest is not None else ""
        return self._pages.show(
            "code.html",
            terminal=True,
            workspace={
                "id": workspace.id,
                "repository": workspace.repository,
                "branch": workspace.branch,
                # Who only watches learns of no conversation and no people.
                "link": "" if readonly else link,
                "opener": "" if readonly else opener,
            },
            state=newest.state.value if newest is not None else "none",
            run={"link": run.link} if run is not None and not readonly else None,
            person=person,
            readonly=readonly,
            base=self._pages.path(base),
            terminals=answers.terminals(await self._interactive.terminals(workspace.id)),
        )

    # People who only watch

    async def _watched(self, request: web.Request) -> Opening | None:
        opening_id = await self._watches.opening(self._watches.hash(request.match_info["token"]))
        if opening_id is None:
            return None
        opening = await self._interactive.opening(opening_id)
        return opening if opening.state.live else None

    async def _watch_page(self, request: web.Request) -> web.StreamResponse:
        opening = await self._watched(request)
        if opening is None:
            return self._pages.show(
                "problem.html", status=404, title=UNWATCHABLE_TITLE, text=UNWATCHABLE_TEXT
            )
        return await self._show(opening.workspace, base=request.path, person="", readonly=True)

    async def _watch_stream(self, request: web.Request) -> web.StreamResponse:
        opening = await self._watched(request)
        if opening is None:
            return answers.refusal(404, UNWATCHABLE_TEXT)

        async def may_stay() -> bool:
            return await self._watched(request) is not None

        return await self._events.stream(request, opening.workspace.id, may_stay, readonly=True)

    async def _watch_upgrade(self, request: web.Request) -> web.StreamResponse:
        if not same_origin(request, self._pages.address("/")):
            return answers.refusal(403, OTHER_ORIGIN)
        at = asyncio.get_running_loop().time()
        opening = await self._watched(request)
        if opening is None:
            return answers.refusal(404, UNWATCHABLE_TEXT)
        session = WATCH + self._watches.hash(request.match_info["token"])
        return await self._terminals.upgrade(
            request, opening.workspace.id, session=session, asked_at=at, writable=False
        )
