"""Links that let one person into one workspace, once: the way in where nobody can sign in."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from orchestrator.database import Database
from web.people import Person
from web.tables import EntryRow

SECONDS = 600


@dataclass(frozen=True, slots=True)
class Entry:
    """Whom a link lets in, and where."""

    person: Person
    workspace_id: str


class Entries:
    """The links in `database`, of which only hashes are stored."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def create(self, person: Person, workspace_id: str) -> str:
        """A ticket for this person: good for ten minutes, and once. Only the person may be sent it."""
        ticket, now = secrets.token_urlsafe(32), self._clock()
        async with self._database.write() as session:
            await session.execute(sa.delete(EntryRow).where(EntryRow.expires_at <= now))
            session.add(
                EntryRow(
                    hash=_hash(ticket),
                    person=person.id,
                    name=person.name,
                    workspace_id=workspace_id,
                    expires_at=now + SECONDS,
                )
            )
        return ticket

    async def claim(self, ticket: str) -> Entry | None:
        """What a ticket is for; None when it is unknown, used or expired. Uses nothing up."""
        async with self._database.read() as session:
            row = await session.scalar(sa.select(EntryRow).where(*self._valid(ticket)))
            return _entry(row) if row is not None else None

    async def use(self, ticket: str) -> Entry | None:
        """Use a ticket up; None when it can't be used any more. Of two who try, one gets it."""
        async with self._database.write() as session:
            row = await session.scalar(sa.delete(EntryRow).where(*self._valid(ticket)).returning(EntryRow))
            return _entry(row) if row is not None else None

    def _valid(self, ticket: str) -> tuple[sa.ColumnElement[bool], ...]:
        return EntryRow.hash == _hash(ticket), EntryRow.expires_at > self._clock()


def _entry(row: EntryRow) -> Entry:
    return Entry(Person(row.person, row.name), row.workspace_id)


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
