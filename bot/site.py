"""The browsers' side of a deployment, put together: who signs in, who may come in, the pages and their terminals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from bot.settings import Settings
from orchestrator.database import Database
from orchestrator.interactive.interactive import Interactive
from orchestrator.records import Records
from web.code.api import WATCH
from web.code.code import Code
from web.code.gate import Gate
from web.entries import Entries
from web.github_account import GitHubAccounts
from web.pages import Pages
from web.people import Admission, Person
from web.server import Route
from web.sessions import Sessions
from web.sign_in.github import GitHubWay
from web.sign_in.link import EntryLink
from web.sign_in.pages import SignIn
from web.sign_in.slack import SlackWay
from web.sign_in.way import Way
from web.terminals.splices import Splices
from web.watches import Watches


@dataclass(frozen=True, slots=True)
class Site:
    """What `bot/app.py` needs of it."""

    code: Code
    routes: list[Route]


class EntryLinks:
    """Links that let one person into one workspace, once."""

    def __init__(self, database: Database, pages: Pages, revoked: Callable[[str], None]) -> None:
        self._entries = Entries(database)
        self.sessions = Sessions(database, pages=pages, revoked=revoked)
        self._link = EntryLink(pages=pages, sessions=self.sessions, entries=self._entries)
        self.routes = self._link.routes()

    async def address(self, person: str, name: str, workspace_id: str) -> str:
        """A new link for a person: `slack:<team>:<user>`, and the name that they go by."""
        return self._link.address(await self._entries.create(Person(person, name), workspace_id))


def build_site(
    settings: Settings,
    *,
    pages: Pages,
    database: Database,
    session: aiohttp.ClientSession,
    slack_team: str,
    admission: Admission,
    records: Records,
    interactive: Interactive,
    splices: Splices,
    links: EntryLinks,
) -> Site:
    """slack_team: the one whose people may sign in, empty without Slack."""
    sign_in = SignIn(
        pages=pages,
        sessions=links.sessions,
        database=database,
        ways=_ways(settings, session, slack_team),
    )
    code = Code(
        pages=pages,
        gate=Gate(sessions=links.sessions, admission=admission, workspace=records.workspace),
        interactive=interactive,
        splices=splices,
        watches=Watches(database, revoked=lambda token: splices.revoke_session(WATCH + token)),
        sign_in=sign_in,
        run=records.run_in,
    )
    return Site(code, [*sign_in.routes(), *links.routes, *code.routes()])


def _ways(settings: Settings, session: aiohttp.ClientSession, slack_team: str) -> list[Way]:
    ways: list[Way] = []
    if "slack" in settings.sign_ins:
        assert settings.slack_client_id is not None
        assert settings.slack_client_secret is not None
        ways.append(
            SlackWay(
                session=session,
                client_id=settings.slack_client_id,
                client_secret=settings.slack_client_secret.get_secret_value(),
                api_url=settings.slack_api_url,
                team=slack_team,
            )
        )
    if "github" in settings.sign_ins:
        assert settings.github_client_id is not None
        assert settings.github_client_secret is not None
        accounts = GitHubAccounts(
            session=session,
            client_id=settings.github_client_id,
            client_secret=settings.github_client_secret.get_secret_value(),
            server_url=settings.github_server_url,
            api_url=settings.github_api_url,
        )
        ways.append(GitHubWay(accounts))
    return ways
