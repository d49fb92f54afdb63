"""All terminals' connections: begun for those who were let in, cut when they may no longer be there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from typing import Literal

import structlog
from aiohttp import web

from web.terminals import upgrade
from web.terminals.handover import Handed, take
from web.terminals.naps import Naps
from web.terminals.splice import Answer, Splice, shrink

MOST = 100
"""Connections to the terminals of one workspace."""

SECONDS = 10.0
"""How long ttyd may take to answer; in a paused container it never does."""

REMEMBERED = 60.0
"""Seconds for which a revocation also meets those who asked before it; nobody may take longer to be let in."""

TOO_MANY = "This workspace has too many terminals open at once. Close some of its pages."
REVOKED = "This terminal may not be opened any more."
CLOSING = "Heddle is stopping. Try again in a moment."
SILENT = "The terminal doesn’t answer. Try again in a moment."

_CLOSE = 2.0  # seconds for connections to be closed at the end; what is cut is closed in a turn of the loop

log = structlog.get_logger(__name__)


class Splices:
    """The connections of this process. `most`: how many one workspace may have."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._running: dict[
            tuple[str, str], Splice
        ] = {}  # by session and connection id, those that begin included
        self._workspaces = Counter[str]()  # how many of them each has
        self._unclosed: set[Splice] = (
            set()
        )  # they, and those that have ended but whose ends are not closed yet
        self._empty = asyncio.Event()
        self._revoked: dict[tuple[str, str], float] = {}
        self._naps = Naps()
        self._closed = False

    async def splice(
        self,
        request: web.Request,
        upstream: socket.socket,
        *,
        target: str,
        workspace_id: str,
        session: str,
        connection: str,
        asked_at: float | None = None,
    ) -> web.StreamResponse:
        """Open ttyd's `target` (`/ws?arg=claude`) for a browser that may have it; the handler returns the response.

        `upstream` is connected with ttyd and doesn't block; it is used up. `session` and `connection` name this
        connection: another one of the same names is ended. `asked_at`: the loop's time when the caller began to ask
        who this is, so that a revocation since then counts. Raises ValueError for a `target` that isn't plain.

        Once ttyd has agreed the connection is out of aiohttp's hands. Until then refusals are ordinary responses:
        400 and 426 for what is no upgrade, 403 after a revocation, 429 above `most`, 502 where ttyd doesn't answer
        as it should, 503 while Heddle stops.
        """
        asked_at = asyncio.get_running_loop().time() if asked_at is None else asked_at
        try:
            wanted = upgrade.read(request.method, request.version[:2], request.headers)
            head = wanted.head(target)
            splice = self._begin(workspace_id, session, connection, asked_at)
        except upgrade.BadUpgrade as bad:
            upstream.close()
            return _refusal(bad.status, bad.text)
        except BaseException:
            upstream.close()
            raise
        try:
            return await self._join(splice, request, upstream, wanted, head)
        except (OSError, upgrade.BadAnswer) as error:
            if splice.over:
                return _refusal(503, CLOSING) if self._closed else _refusal(403, REVOKED)
            log.info("a terminal doesn't answer", workspace=workspace_id, error=repr(error))
            return _refusal(502, SILENT)
        finally:
            if not splice.started:
                splice.abort()
                self._gone(splice)

    def hold(self, connection: str, session: str) -> bool:
        """Read no more from ttyd for this connection, until `release` or its end; False if there is none."""
        return self._hold(connection, session, True)

    def release(self, connection: str, session: str) -> bool:
        """Go on reading; False if there is no such connection."""
        return self._hold(connection, session, False)

    def visitors(self) -> set[tuple[str, str]]:
        """Session and workspace id of every connection."""
        return {(splice.session, splice.workspace_id) for splice in self._running.values()}

    def connected(self, workspace_id: str) -> int:
        """How many connections there are to the terminals of a workspace."""
        return self._workspaces[workspace_id]

    @property
    def count(self) -> int:
        """How many connections there are in all."""
        return len(self._running)

    def revoke_session(self, session: str) -> None:
        """Cut all connections of a session at once, and those for which it is being asked who they are."""
        self._revoke("session", session)

    def revoke_workspace(self, workspace_id: str) -> None:
        """Cut all connections to a workspace's terminals at once, and those for which it is being asked."""
        self._revoke("workspace", workspace_id)

    async def close(self) -> None:
        """Cut everything and let nothing begin any more; returns when all sockets are closed."""
        self._closed = True
        for splice in list(self._unclosed):
            splice.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE):
                while self._unclosed:
                    self._empty.clear()
                    await self._empty.wait()
        self._naps.close()

    def _begin(self, workspace_id: str, session: str, connection: str, asked_at: float) -> Splice:
        """Raises BadUpgrade."""
        if self._closed:
            raise upgrade.BadUpgrade(503, CLOSING)
        now = asyncio.get_running_loop().time()
        revoked = (self._revoked.get(("session", session)), self._revoked.get(("workspace", workspace_id)))
        if asked_at < now - REMEMBERED or any(at is not None and at >= asked_at for at in revoked):
            raise upgrade.BadUpgrade(403, REVOKED)
        name = (session, connection)
        before = self._running.get(name)
        if before is not None:
            before.abort()
        if self._workspaces[workspace_id] >= self._most:
            raise upgrade.BadUpgrade(429, TOO_MANY)
        splice = Splice(
            session=session,
            workspace_id=workspace_id,
            connection=connection,
            ended=self._ended,
            gone=self._gone,
        )
        self._running[name] = splice
        self._workspaces[workspace_id] += 1
        self._unclosed.add(splice)
        return splice

    async def _join(
        self,
        splice: Splice,
        request: web.Request,
        upstream: socket.socket,
        wanted: upgrade.Upgrade,
        head: bytes,
    ) -> web.StreamResponse:
        """Raises OSError and BadAnswer."""
        loop = asyncio.get_running_loop()
        answer = Answer(loop)
        try:
            transport, _ = await loop.create_unix_connection(lambda: answer, sock=upstream)
        except BaseException:
            upstream.close()
            raise
        splice.open(transport)
        shrink(transport)
        transport.write(head)
        async with asyncio.timeout(SECONDS):
            theirs, rest = await answer.received()
        ours = wanted.answer(theirs)
        if splice.over:
            raise ConnectionAbortedError("revoked")
        # From here on nothing is awaited: what either end sends has one place to go at every moment.
        taken = take(request)
        if taken is None:
            raise ConnectionResetError("the browser has gone")
        browser, typed = taken
        splice.start(browser, typed=typed, shown=ours + rest, nap=self._naps.nap)
        return Handed()

    def _ended(self, splice: Splice) -> None:
        del self._running[splice.session, splice.connection]
        self._workspaces[splice.workspace_id] -= 1
        if not self._workspaces[splice.workspace_id]:
            del self._workspaces[splice.workspace_id]

    def _gone(self, splice: Splice) -> None:
        self._unclosed.discard(splice)
        if not self._unclosed:
            self._empty.set()

    def _hold(self, connection: str, session: str, held: bool) -> bool:
        splice = self._running.get((session, connection))
        if splice is not None:
            splice.hold(held)
        return splice is not None

    def _revoke(self, kind: Literal["session", "workspace"], name: str) -> None:
        now = asyncio.get_running_loop().time()
        self._revoked = {key: at for key, at in self._revoked.items() if at > now - REMEMBERED}
        self._revoked[kind, name] = now
        for splice in list(self._running.values()):
            if (splice.session if kind == "session" else splice.workspace_id) == name:
                splice.abort()


def _refusal(status: int, text: str) -> web.Response:
    headers = {"Sec-WebSocket-Version": upgrade.VERSION} if status == 426 else {}
    return web.json_response({"error": text}, status=status, headers={"Cache-Control": "no-store", **headers})
