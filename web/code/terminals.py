"""The way from a browser's terminal to the workspace's: who may, then bytes."""

from __future__ import annotations

import re

import structlog
from aiohttp import web

from orchestrator.interactive.interactive import Interactive, NotOpen
from orchestrator.interactive.opening import is_terminal
from web.code import answers
from web.terminals.splices import Splices

NO_TERMINAL = "There is no such terminal."
NOT_OPEN = "The workspace isn’t open."
ASLEEP = "The workspace doesn’t answer."
BAD_CONNECTION = "There is nothing but a connection with an id of 16 to 64 letters, digits, - and _."

_CONNECTION = re.compile(r"[A-Za-z0-9_-]{16,64}")

log = structlog.get_logger(__name__)


class Terminals:
    """Opens terminals for people who were let in."""

    def __init__(self, interactive: Interactive, splices: Splices) -> None:
        self._interactive = interactive
        self._splices = splices

    async def upgrade(
        self, request: web.Request, workspace_id: str, *, session: str, asked_at: float, writable: bool
    ) -> web.StreamResponse:
        """Connect a WebSocket with the terminal that the path names.

        session: by which it can be revoked. asked_at: the loop's time before it was asked who this is.
        """
        name, connection = request.match_info["terminal"], request.query.get("connection", "")
        if not is_terminal(name):
            return answers.refusal(404, NO_TERMINAL)
        # What the page doesn't send is somebody's attempt to reach ttyd's own arguments.
        alone = list(request.query.items()) == [("connection", connection)]
        if not alone or not _CONNECTION.fullmatch(connection):
            return answers.refusal(404, BAD_CONNECTION)
        try:
            upstream = await self._interactive.connect(workspace_id, writable=writable)
        except NotOpen:
            return answers.refusal(409, NOT_OPEN)
        except OSError as error:
            log.info("a terminal does not answer", workspace=workspace_id, error=repr(error))
            return answers.refusal(503, ASLEEP)
        return await self._splices.splice(
            request,
            upstream,
            target=f"/ws?arg={name}",
            workspace_id=workspace_id,
            session=session,
            connection=connection,
            asked_at=asked_at,
        )
