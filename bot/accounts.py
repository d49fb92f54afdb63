"""The GitHub accounts that people have linked, and the tickets with which they link them."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

import sqlalchemy as sa

from bot.tables import AccountRow, TicketRow
from orchestrator.database import Database
from web.account_link import Account as Account
from web.account_link import Claim as Claim

TICKET_SECONDS = 600


class Accounts:
    """Who is who on GitHub, in `database`. A person is an address: `slack:T…:U…`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def account(self, person: str) -> Account | None:
        """The account that this person has linked."""
        async with self._database.read() as session:
            row = await session.get(AccountRow, person)
            return Account(row.github_id, row.login) if row is not None else None

    async def ticket(self, person: str, name: str) -> str:
        """A ticket for this person, who goes by `name`. It is good once, for ten minutes, and voids older ones."""
        ticket, now = secrets.token_urlsafe(32), self._clock()
        async with self._database.write() as session:
            await session.execute(
                sa.delete(TicketRow).where(sa.or_(TicketRow.person == person, TicketRow.expires_at <= now))
            )
            session.add(
                TicketRow(
                    hash=_hash(ticket), person=person, name=name, expires_at=now + TICKET_SECONDS, used=False
                )
            )
        return ticket

    async def claim(self, ticket: str) -> Claim | None:
        """Whom a ticket was made for; None when it is unknown, used or expired. Uses nothing up."""
        async with self._database.read() as session:
            row = await session.scalar(sa.select(TicketRow).where(*self._valid(ticket)))
            return Claim(row.person, row.name) if row is not None else None

    async def use(self, ticket: str, account: Account) -> bool:
        """Use a ticket up and link its person with the account; False when it can't be used any more.

        The account replaces one that the person had linked before.
        """
        async with self._database.write() as session:
            person = await session.scalar(
                sa.update(TicketRow).where(*self._valid(ticket)).values(used=True).returning(TicketRow.person)
            )
            if person is None:
                return False
            await session.merge(
                AccountRow(person=person, github_id=account.id, login=account.login, linked_at=self._clock())
            )
            return True

    async def forget(self, person: str) -> None:
        """Forget this person's account, and void their tickets."""
        async with self._database.write() as session:
            await session.execute(sa.delete(AccountRow).where(AccountRow.person == person))
            await session.execute(sa.delete(TicketRow).where(TicketRow.person == person))

    def _valid(self, ticket: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            TicketRow.hash == _hash(ticket),
            TicketRow.used.is_(False),
            TicketRow.expires_at > self._clock(),
        )


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
