"""`heddle gc`: what may go, what stays and why; and the clean-up itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

import sqlalchemy as sa
import typer
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cleaning import build_cleaner, retention_of
from bot.github.access import AccountAccess
from bot.github.client import GitHubClient
from bot.github.forge import GitHubForge
from bot.github.sign_in import access_for
from bot.github.threads import Threads
from bot.printable import printable
from bot.schema import MIGRATIONS
from bot.settings import Settings
from orchestrator.cleaning.keeping import kept
from orchestrator.cleaning.lock import DataLock, DataTaken
from orchestrator.cleaning.plan import plan, told_size
from orchestrator.cleaning.removals import Kept, Kind, Removal
from orchestrator.database import Database
from orchestrator.mirrors import Mirrors

WIDE = 10_000  # columns where there is no screen: lines that programs read are never folded
NO_DATABASE = (
    "There is no database at {place} yet, so nobody can tell what is in use. Nothing was looked at or removed; start "
    "`heddle serve` once."
)
OTHER_VERSION = (
    "The database is of another version of Heddle than this command. Nothing was looked at or removed; start "
    "`heddle serve` of this version once."
)
NO_ANSWER = "Clean-up is not possible now: {error}. What is not listed as removed is still there."
NO_CODE_HOST = (
    "GitHub is not configured here: refs there, and the rows of closed workspaces, were left alone."
)
LEFT_A_MARK = "Heddle is running: it cleans up by itself within a minute, and its log says what went."
FAILED = "{count} could not be removed and stay for the next time; the log above says why."
MAY_GO, WENT, STAYS = "May go", "Removed", "Stays"
NOTHING = "nothing"
TOTAL = "{what}: {count}, {size} in all."


class CleaningRefused(Exception):
    """Nothing can be cleaned up, and nothing was; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the command has to tell. done: whether it is gone already. marked: the running Heddle does it."""

    removals: list[Removal]
    kept: list[Kept]
    notes: tuple[str, ...]
    done: bool
    errors: int = 0
    marked: bool = False


async def clean(settings: Settings, *, dry_run: bool) -> Outcome:
    """Do what the command says. Raises CleaningRefused."""
    database_file = sa.make_url(settings.database).database or ""
    if settings.database.startswith("sqlite") and not await asyncio.to_thread(os.path.exists, database_file):
        raise CleaningRefused(NO_DATABASE.format(place=database_file))
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await _same_version(database)
        cleaner = build_cleaner(settings, database, _mirrors(settings))
        notes = () if settings.github else (NO_CODE_HOST,)
        try:
            if dry_run:
                holdings = await cleaner.holdings(thorough=True)
                removals = plan(holdings, time.time(), retention_of(settings))
                return Outcome(removals, kept(holdings, removals), (*holdings.notes, *notes), done=False)
            lock = DataLock(settings.heddle_data_dir.absolute())
            if lock.held():
                await cleaner.request()
                return Outcome([], [], (LEFT_A_MARK,), done=False, marked=True)
            async with lock.taken():
                gone = await cleaner.clean(thorough=True)
            return Outcome(gone, [], (*cleaner.notes, *notes), done=True, errors=cleaner.errors)
        except DataTaken as error:
            raise CleaningRefused(str(error)) from error
        except (sa.exc.DBAPIError, OSError) as error:
            raise CleaningRefused(NO_ANSWER.format(error=_first_line(error))) from error


def show(outcome: Outcome, *, as_json: bool) -> None:
    """Print it to standard output."""
    if as_json:
        typer.echo(json.dumps(asdict(outcome), indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    if not outcome.marked:
        _show_table(console, WENT if outcome.done else MAY_GO, outcome.removals)
    if outcome.kept:
        _show_table(console, STAYS, outcome.kept)
    for note in outcome.notes:
        console.print(Text(printable(note)))
    if outcome.errors:
        console.print(FAILED.format(count=outcome.errors))


def _show_table(console: Console, title: str, things: Sequence[Removal | Kept]) -> None:
    if things:
        table = Table("kind", "what", "why", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("how much", justify="right")
        for thing in things:
            kind = thing.kind.value if isinstance(thing, Removal) else thing.what
            count = f"{thing.count} " if isinstance(thing, Removal) and thing.kind is Kind.ROWS else ""
            cells = (kind, f"{count}{thing.name}", thing.reason, told_size(thing.size) if thing.size else "")
            table.add_row(*(Text(printable(cell)) for cell in cells))
        console.print(table)
    size = told_size(sum(thing.size for thing in things))
    count = (
        str(sum(thing.count if isinstance(thing, Removal) else 1 for thing in things)) if things else NOTHING
    )
    console.print(TOTAL.format(what=title, count=count, size=size), highlight=False)
    console.print()


async def _same_version(database: Database) -> None:
    """Raise CleaningRefused unless the database has the tables that this code knows."""

    def revision(connection: sa.Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    try:
        async with database.engine.connect() as connection:
            found = await connection.run_sync(revision)
    except (sa.exc.DBAPIError, OSError) as error:
        raise CleaningRefused(NO_ANSWER.format(error=_first_line(error))) from error
    if found != ScriptDirectory(str(MIGRATIONS)).get_current_head():
        raise CleaningRefused(OTHER_VERSION)


def _mirrors(settings: Settings) -> Mirrors:
    threads = Threads()
    # Without GitHub nobody asks with it: Mirrors only needs something to hold.
    access = (
        access_for(settings, threads)
        if settings.github
        else AccountAccess("", settings.github_api_url, threads)
    )
    forge = GitHubForge(
        GitHubClient(access, settings.github_api_url, threads), server_url=settings.github_server_url
    )
    return Mirrors(settings.heddle_data_dir.absolute() / "mirrors", forge)


def _first_line(error: Exception) -> str:
    told = str(getattr(error, "orig", None) or error).strip()
    return told.splitlines()[0] if told else type(error).__name__
