"""Sessions: which person is at which browser, by a cookie that can be taken back at any moment."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from aiohttp import web

from orchestrator.database import Database
from web.pages import Pages
from web.people import Person, Session
from web.sealed import Seal
from web.tables import SessionRow

COOKIE = "heddle_session"
LONGEST_SECONDS = 30 * 86_400
IDLE_SECONDS = 7 * 86_400
RENEW_SECONDS = 3_600  # how much later a session must end by being used, for that to be written down
MOST = (
    16  # sessions in one browser: one for each link that its person has used, so that the cookie stays short
)

_IDS = "ids"


class Sessions:
    """The sessions in `database`.

    The cookie holds random ids, of which only hashes are stored. A browser has one session for everything that its
    person may open, or several, each for the one workspace to which a link has led. Nothing is remembered in between:
    a session that has ended, wherever in the deployment, has ended. revoked: told the hash of each that ends before its
    time.
    """

    def __init__(
        self,
        database: Database,
        *,
        pages: Pages,
        revoked: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._pages = pages
        self._revoked = revoked
        self._clock = clock
        self._seal = Seal(database, "sessions")

    async def session(self, request: web.Request) -> Session | None:
        """Who asks: the session for the workspace that the path names, else the one for everything."""
        workspace_id = request.match_info.get("workspace")
        rows = await self._rows(await self._hashes(request))
        fitting = [row for row in rows if row.workspace_id in (None, workspace_id)]
        if not fitting:
            return None
        row = min(fitting, key=lambda row: row.workspace_id is not None)
        await self._renew(row)
        return _session(row)

    async def by_hash(self, session_hash: str) -> Session | None:
        """A session that was there before, if it still is. This doesn't count as using it."""
        rows = await self._rows([session_hash])
        return _session(rows[0]) if rows else None

    async def begin(
        self, request: web.Request, response: web.Response, person: Person, workspace_id: str | None = None
    ) -> Session:
        """Give the browser that asks a new session, and put its cookie into the response.

        workspace_id: the only one that it is for. Then what the same person has there for other workspaces stays; all else
        that the browser had ends.
        """
        identity, now = secrets.token_urlsafe(32), self._clock()
        former = await self._ids(request)
        rows = {row.hash: row for row in await self._rows([_hash(given) for given in former])}
        kept = [
            given
            for given in former
            if workspace_id is not None
            and (row := rows.get(_hash(given))) is not None
            and row.person == person.id
            and row.workspace_id != workspace_id
        ][-(MOST - 1) :]
        row = SessionRow(
            hash=_hash(identity),
            person=person.id,
            name=person.name,
            login=person.login,
            workspace_id=workspace_id,
            created_at=now,
            expires_at=now + IDLE_SECONDS,
        )
        async with self._database.write() as session:
            await session.execute(sa.delete(SessionRow).where(SessionRow.expires_at <= now))
            session.add(row)
        await self._end([_hash(given) for given in former if given not in kept])
        response.set_cookie(
            self._cookie,
            await self._seal.close({_IDS: [*kept, identity]}),
            max_age=LONGEST_SECONDS,
            path=self._pages.path("/"),
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )
        return _session(row)

    async def end(self, session_hash: str) -> None:
        """End a session; its terminals are cut before this returns."""
        await self._end([session_hash])

    async def sign_out(self, request: web.Request, response: web.Response) -> None:
        """End everything that the browser that asks has, and take its cookie away."""
        await self._end(await self._hashes(request))
        response.del_cookie(
            self._cookie, path=self._pages.path("/"), httponly=True, samesite="Lax", secure=self._secure
        )

    @property
    def _cookie(self) -> str:
        """The cookie's name. With the prefix, browsers take it from no neighbouring host, where they can know."""
        return f"__Host-{COOKIE}" if self._secure and self._pages.path("/") == "/" else COOKIE

    @property
    def _secure(self) -> bool:
        return self._pages.address("/").startswith("https:")

    async def _end(self, hashes: Sequence[str]) -> None:
        if not hashes:
            return
        async with self._database.write() as session:
            await session.execute(sa.delete(SessionRow).where(SessionRow.hash.in_(hashes)))
        for session_hash in hashes:
            self._revoked(session_hash)

    async def _renew(self, row: SessionRow) -> None:
        later = min(row.created_at + LONGEST_SECONDS, self._clock() + IDLE_SECONDS)
        if later - row.expires_at < RENEW_SECONDS:
            return
        async with self._database.write() as session:
            # Only if it is still there: nothing brings an ended session back.
            await session.execute(
                sa.update(SessionRow).where(SessionRow.hash == row.hash).values(expires_at=later)
            )

    async def _rows(self, hashes: Sequence[str]) -> list[SessionRow]:
        """The sessions among these that have not ended, the newest last."""
        if not hashes:
            return []
        async with self._database.read() as session:
            found = await session.scalars(
                sa.select(SessionRow)
                .where(SessionRow.hash.in_(hashes), SessionRow.expires_at > self._clock())
                .order_by(SessionRow.created_at)
            )
            return list(found)

    async def _hashes(self, request: web.Request) -> list[str]:
        return [_hash(identity) for identity in await self._ids(request)]

    async def _ids(self, request: web.Request) -> list[str]:
        """What the cookie holds, oldest first; nothing when Heddle has not written it."""
        cookie = request.cookies.get(self._cookie)
        values = await self._seal.open(cookie, seconds=LONGEST_SECONDS) if cookie else None
        return list(values[_IDS]) if values is not None else []


def _session(row: SessionRow) -> Session:
    return Session(row.hash, Person(row.person, row.name, row.login), row.workspace_id)


def _hash(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()
