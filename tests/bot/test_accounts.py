"""Linked accounts and the tickets with which they are linked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.accounts import TICKET_SECONDS, Account, Accounts, Claim
from bot.tables import TicketRow
from orchestrator.database import Base, Database

ADA = "slack:T1:U1"
GRACE = "slack:T1:U2"
ADA_ON_GITHUB = Account(2**40, "ada")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    return Accounts(database, clock)


async def test_ticket_links_its_person(accounts: Accounts) -> None:
    assert await accounts.account(ADA) is None
    ticket = await accounts.ticket(ADA, "Ada Lovelace")
    assert await accounts.claim(ticket) == Claim(ADA, "Ada Lovelace")
    assert await accounts.claim(ticket) is not None  # looking uses nothing up
    assert await accounts.use(ticket, ADA_ON_GITHUB)
    assert await accounts.account(ADA) == ADA_ON_GITHUB
    assert await accounts.account(GRACE) is None


async def test_ticket_is_good_once(accounts: Accounts) -> None:
    ticket = await accounts.ticket(ADA, "Ada")
    uses = await asyncio.gather(*(accounts.use(ticket, Account(n, f"login-{n}")) for n in range(1, 9)))
    assert uses.count(True) == 1
    assert await accounts.account(ADA) == Account(uses.index(True) + 1, f"login-{uses.index(True) + 1}")
    assert await accounts.claim(ticket) is None


async def test_ticket_is_good_for_ten_minutes(accounts: Accounts, clock: Clock) -> None:
    ticket = await accounts.ticket(ADA, "Ada")
    clock.now += TICKET_SECONDS - 1
    assert await accounts.claim(ticket) is not None
    clock.now += 1
    assert await accounts.claim(ticket) is None
    assert not await accounts.use(ticket, ADA_ON_GITHUB)
    assert await accounts.account(ADA) is None


async def test_new_ticket_voids_older_ones_of_the_same_person(accounts: Accounts) -> None:
    old, of_grace = await accounts.ticket(ADA, "Ada"), await accounts.ticket(GRACE, "Grace")
    new = await accounts.ticket(ADA, "Ada")
    assert old != new
    assert await accounts.claim(old) is None
    assert not await accounts.use(old, ADA_ON_GITHUB)
    assert await accounts.claim(new) is not None
    assert await accounts.claim(of_grace) is not None


@pytest.mark.parametrize("ticket", ["", "nonsense", "é\udcff", "a" * 100_000])
async def test_forged_ticket_is_nobodys(accounts: Accounts, ticket: str) -> None:
    await accounts.ticket(ADA, "Ada")
    assert await accounts.claim(ticket) is None
    assert not await accounts.use(ticket, ADA_ON_GITHUB)


async def test_another_account_replaces_the_first(accounts: Accounts) -> None:
    for account in (ADA_ON_GITHUB, Account(7, "ada-at-work")):
        assert await accounts.use(await accounts.ticket(ADA, "Ada"), account)
        assert await accounts.account(ADA) == account


async def test_forgotten_account_is_gone_with_its_tickets(accounts: Accounts) -> None:
    await accounts.use(await accounts.ticket(GRACE, "Grace"), Account(7, "grace"))
    await accounts.use(await accounts.ticket(ADA, "Ada"), ADA_ON_GITHUB)
    ticket = await accounts.ticket(ADA, "Ada")
    await accounts.forget(ADA)
    await accounts.forget("slack:T1:U9")
    assert await accounts.account(ADA) is None
    assert not await accounts.use(ticket, ADA_ON_GITHUB)
    assert await accounts.account(GRACE) == Account(7, "grace")


async def test_database_holds_no_ticket_and_no_old_ones(
    accounts: Accounts, clock: Clock, database: Database
) -> None:
    ticket = await accounts.ticket(ADA, "Ada")
    async with database.read() as session:
        (row,) = (await session.scalars(sa.select(TicketRow))).all()
        assert ticket not in (row.hash, row.name, row.person)
    clock.now += TICKET_SECONDS
    await accounts.ticket(GRACE, "Grace")
    async with database.read() as session:
        assert [row.person for row in await session.scalars(sa.select(TicketRow))] == [GRACE]
