"""Who may come in: a session, and the right to command in the workspace's conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from orchestrator.workspaces import Workspace
from web.people import Admission, Session
from web.sessions import Sessions

SIGN_IN = "You aren’t signed in. Load the page again to sign in."
UNKNOWN = "There is no such workspace."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may open, see and close this workspace."""

    session: Session
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class Barred:
    """Somebody who may not: 401 without a session, 403 without the right, 404 where there is no such workspace."""

    status: int
    text: str


class Gate:
    """Decides for each request anew. `workspace`: by its id, None when there is none."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        admission: Admission,
        workspace: Callable[[str], Awaitable[Workspace | None]],
    ) -> None:
        self._sessions = sessions
        self._admission = admission
        self._workspace = workspace

    async def visitor(self, request: web.Request) -> Visitor | Barred:
        """Who asks for `/code/{workspace}/…`. Without a session nobody learns which ids there are."""
        workspace_id = request.match_info["workspace"]
        session = await self._sessions.session(request)
        if session is None or session.workspace_id not in (None, workspace_id):
            return Barred(401, SIGN_IN)
        workspace = await self._workspace(workspace_id)
        if workspace is None:
            return Barred(404, UNKNOWN)
        return await self._admitted(session, workspace)

    async def still(self, session_hash: str, workspace_id: str) -> bool:
        """Whether a session that was let in before may stay."""
        session = await self._sessions.by_hash(session_hash)
        workspace = await self._workspace(workspace_id)
        if session is None or workspace is None:
            return False
        return isinstance(await self._admitted(session, workspace), Visitor)

    async def _admitted(self, session: Session, workspace: Workspace) -> Visitor | Barred:
        refusal = await self._admission.admits(session.person, workspace, workspace.conversation_id)
        return Barred(403, refusal.text) if refusal is not None else Visitor(session, workspace)
