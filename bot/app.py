"""The composition root: it alone builds things and hands them to each other."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.accounts import Accounts
from bot.admission import ConversationAdmission
from bot.answers import Answers
from bot.conversations import Conversations
from bot.github.access import GIT, Access, Account, AppAccess
from bot.github.client import GitHubClient
from bot.github.deliveries import Terms
from bot.github.edge import WEBHOOK_PATH, GitHubEdge
from bot.github.forge import GitHubForge
from bot.github.host import GitHubHost
from bot.github.redelivery import Redelivery
from bot.github.rights import GitHubRights
from bot.github.sign_in import access_for
from bot.github.sign_in import sign_in as sign_in_to_github
from bot.github.threads import Threads
from bot.handling import Handling
from bot.messages import Messages
from bot.openings import OpeningReports
from bot.platform import Platform
from bot.post_records import PostRecords
from bot.reports import Reports
from bot.rights import Introduction
from bot.schema import migrate
from bot.settings import Settings, SettingsError
from bot.site import EntryLinks, build_site
from bot.slack.edge import EVENTS_PATH, SlackEdge
from bot.slack.introduction import LinkingTickets, SlackIntroduction
from bot.slack.members import SlackMembers
from bot.slack.platform import Slack
from bot.slack.private import PrivateNotes
from bot.slack.sign_in import Bot, client_for, connect
from bot.slack.sign_in import sign_in as sign_in_to_slack
from bot.starting import Starting
from bot.workspaces import Workspaces
from orchestrator.containers import Engine, Limits
from orchestrator.database import Database
from orchestrator.durability import Durability, Underway
from orchestrator.gateway.credentials import CredentialKind, ModelCredential
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.interactive import Interactive, InteractiveOptions
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.publishing import BranchPublisher
from orchestrator.records import Records
from orchestrator.redaction import Redactor
from orchestrator.runs import RunOptions, Runs
from web.account_link import START, AccountLink
from web.code.code import PREFIX as CODE
from web.pages import Pages
from web.server import Handler, Route, WebServer
from web.terminals.splices import Splices

SWEEP_SECONDS = 60
UNKNOWN_NAME = "heddle"

log = structlog.get_logger(__name__)


class Upstream:
    """Where the gateway's requests go, and with which credentials."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self.git_server = settings.github_server_url.rstrip("/")
        self.model_url = settings.anthropic_base_url.rstrip("/")
        self._access = access
        if settings.anthropic_api_key is not None:
            self._model = ModelCredential(
                CredentialKind.API_KEY, settings.anthropic_api_key.get_secret_value()
            )
        elif settings.claude_code_oauth_token is not None:
            self._model = ModelCredential(
                CredentialKind.OAUTH_TOKEN, settings.claude_code_oauth_token.get_secret_value()
            )
        else:
            raise SettingsError("there is no credential for the model")

    async def git_token(self, repository: str) -> str | None:
        return await self._access.token(repository, GIT)

    def model_headers(self, incoming: Mapping[str, str]) -> Mapping[str, str]:
        return self._model.headers(incoming)


async def serve(settings: Settings, redactor: Redactor, ready: Callable[[str], None]) -> None:
    """Run Heddle until SIGTERM or SIGINT. `ready` is told the address once everything answers.

    Raises SettingsError when a platform refuses its credential, OSError when the port is taken.
    """
    settings.require_serving()
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await migrate(database)
        # aiohttp limits itself to 100 connections unless told otherwise.
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
            )
        )

        threads = Threads()
        access = access_for(settings, threads)
        account = await sign_in_to_github(access) if settings.conversations_on_github else None
        client = GitHubClient(access, settings.github_api_url, threads)
        forge = GitHubForge(client, server_url=settings.github_server_url)
        engine = Engine(settings.docker_host)
        stack.push_async_callback(engine.close)
        data = settings.heddle_data_dir.absolute()
        mirrors, lanes = Mirrors(data / "mirrors", forge), Lanes(settings.heddle_max_runs)
        gateway = Gateway(
            sockets=settings.sockets_dir,
            upstream=Upstream(settings, access),
            publisher=BranchPublisher(database=database, mirrors=mirrors, forge=forge, redact=redactor),
        )
        stack.push_async_callback(gateway.aclose)
        server = WebServer(host=settings.host, port=settings.port, health=engine.ping)
        stack.push_async_callback(server.close)
        pages = Pages(lambda: settings.public_url or server.address)
        splices = Splices()
        links = EntryLinks(database, pages, splices.revoke_session)

        def workspace_url(workspace_id: str) -> str:
            return pages.address(f"{CODE}/{workspace_id}")

        conversations = Conversations(database)
        records = Records(database)
        accounts = Accounts(database)
        apps = frozenset(settings.heddle_github_apps)
        rights = GitHubRights(client, accounts if settings.heddle_require_github_link else None, apps=apps)
        host = GitHubHost(
            client,
            conversations=conversations,
            records=PostRecords(database),
            rights=rights,
            session=session,
            server_url=settings.github_server_url,
            name=account.name if account is not None else UNKNOWN_NAME,
        )
        platforms: dict[str, Platform] = {"github": host.platform}

        async def page_of_run(run_id: str) -> str:
            # Where nobody can sign in, only a private link in the thread leads to the page.
            return workspace_url((await records.run(run_id)).workspace.id) if settings.sign_ins else ""

        reports = Reports(
            conversations=conversations,
            platforms=platforms,
            code_host=host,
            redact=redactor,
            page=page_of_run,
        )
        stack.push_async_callback(reports.close)
        underway = Underway()
        durability = Durability(settings.database, underway)
        openings = Openings(database, settings.heddle_max_open)
        options = _run_options(settings)
        runs = Runs(
            records=records,
            engine=engine,
            mirrors=mirrors,
            gateway=gateway,
            forge=forge,
            watcher=reports,
            redact=redactor,
            options=options,
            underway=underway,
            openings=openings,
            lanes=lanes,
        )
        introduction: Introduction | None = None
        slack = client_for(settings, session) if settings.slack else None
        bot = await sign_in_to_slack(slack) if slack is not None else Bot("", "")
        if slack is not None:
            platform = platforms["slack"] = Slack(slack, database, bot.user)
            if settings.account_links:
                introduction = SlackIntroduction(
                    platform,
                    PrivateNotes(slack),
                    accounts,
                    lambda ticket: pages.address(f"{START}?ticket={ticket}"),
                )
        answers = Answers(platforms=platforms, rights=rights, introduction=introduction, redact=redactor)
        interactive = Interactive(
            database=database,
            records=records,
            openings=openings,
            engine=engine,
            mirrors=mirrors,
            gateway=gateway,
            forge=forge,
            lanes=lanes,
            watcher=OpeningReports(conversations=conversations, answers=answers, workspace_url=workspace_url),
            revoke=splices.revoke_workspace,
            redact=redactor,
            options=_interactive_options(settings, options),
            underway=underway,
        )
        starting = Starting(
            conversations=conversations,
            records=records,
            runs=runs,
            platforms=platforms,
            places=host.places,
            default_repository=settings.heddle_repository,
            attachments=options.attachments,
        )
        workspaces = Workspaces(
            interactive=interactive,
            openings=openings.live,
            conversations=conversations,
            records=records,
            runs=runs,
            starting=starting,
            answers=answers,
            workspace_url=workspace_url,
            sign_in=bool(settings.sign_ins),
            entry=links.address,
        )
        handling = Handling(
            conversations=conversations,
            records=records,
            runs=runs,
            starting=starting,
            workspaces=workspaces,
            answers=answers,
            repositories=forge.repositories,
            subject=host.subject,
            server_url=settings.github_server_url,
        )
        messages = Messages(conversations=conversations, platforms=platforms, handling=handling)
        stack.push_async_callback(messages.close)

        async def opener(workspace_id: str) -> str:
            newest = await openings.newest(workspace_id)
            return newest.opener if newest is not None else ""

        site = build_site(
            settings,
            pages=pages,
            database=database,
            session=session,
            slack_team=bot.team,
            admission=ConversationAdmission(
                conversations=conversations,
                accounts=accounts,
                writers=rights,
                members=SlackMembers(slack) if slack is not None else None,
                must_link=settings.heddle_require_github_link,
                can_link=settings.account_links,
                opener=opener,
            ),
            records=records,
            interactive=interactive,
            splices=splices,
            links=links,
        )
        stack.push_async_callback(site.code.close)
        routes: list[Route] = [*pages.routes(), *site.routes]
        if settings.account_links:
            assert settings.github_client_id is not None
            assert settings.github_client_secret is not None
            link = AccountLink(
                pages=pages,
                tickets=LinkingTickets(accounts, messages.release),
                session=session,
                client_id=settings.github_client_id,
                client_secret=settings.github_client_secret.get_secret_value(),
                server_url=settings.github_server_url,
                api_url=settings.github_api_url,
            )
            routes += link.routes()
        if account is not None:
            routes.append(
                Route("POST", WEBHOOK_PATH, _github_edge(settings, account, messages, conversations))
            )
        edge: SlackEdge | None = None
        if slack is not None:
            secret = settings.slack_signing_secret
            edge = SlackEdge(
                slack,
                messages.receive,
                bot_user_id=bot.user,
                signing_secret=secret.get_secret_value() if secret and not settings.slack_app_token else None,
            )
            stack.push_async_callback(edge.close)
            if settings.slack_app_token is None:
                routes.append(Route("POST", EVENTS_PATH, edge.http))

        stack.push_async_callback(durability.close)
        stack.push_async_callback(interactive.aclose)
        durability.launch()
        await interactive.recover()
        await messages.recover()
        scheduler = AsyncIOScheduler()
        _every(scheduler, SWEEP_SECONDS, messages.recover)
        _every(scheduler, SWEEP_SECONDS, host.settle)
        _every(scheduler, SWEEP_SECONDS, site.code.review)
        if account is not None and isinstance(access, AppAccess):
            _every(scheduler, SWEEP_SECONDS, Redelivery(access, conversations.delivered, time.time).recover)
        address = await server.start(routes)
        scheduler.start()  # after the server: what is asked for again comes at once
        stack.callback(scheduler.shutdown, wait=False)
        if edge is not None and settings.slack_app_token is not None:
            await connect(edge, settings.slack_app_token.get_secret_value())
        ready(settings.public_url or address)
        await _until_signalled()
        log.info("stopping; runs go on and are taken up at the next start")


def _github_edge(
    settings: Settings, account: Account, messages: Messages, conversations: Conversations
) -> Handler:
    assert settings.github_webhook_secret is not None  # somebody has signed in because of it
    terms = Terms(
        names=frozenset({account.name.lower()}),
        login=account.login,
        app_id=settings.github_app_id if account.is_app else None,
        apps=frozenset(settings.heddle_github_apps),
        label=settings.heddle_github_label or "",
        assignee=settings.heddle_github_assignee or account.login,
        autofix=settings.heddle_autofix,
    )
    secret = settings.github_webhook_secret.get_secret_value()
    return GitHubEdge(messages.receive, conversations.record, secret=secret, terms=terms).http


def _every(scheduler: AsyncIOScheduler, seconds: int, job: Callable[[], Awaitable[None]]) -> None:
    """Do a job now and at every interval, one at a time."""
    scheduler.add_job(
        job,
        "interval",
        seconds=seconds,
        next_run_time=datetime.now(UTC),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )


def _run_options(settings: Settings) -> RunOptions:
    environment = {}
    if settings.heddle_model_retries is not None:
        environment["CLAUDE_CODE_MAX_RETRIES"] = str(settings.heddle_model_retries)
    data = settings.heddle_data_dir.absolute()
    return RunOptions(
        deployment=settings.heddle_deployment,
        image=settings.heddle_image,
        at_once=settings.heddle_max_runs,
        limits=Limits(settings.heddle_memory, settings.heddle_cpus, settings.heddle_pids),
        seconds=settings.heddle_run_minutes * 60,
        environment=environment,
        logs=data / "logs",
        attachments=data / "attachments",
    )


def _interactive_options(settings: Settings, runs: RunOptions) -> InteractiveOptions:
    return InteractiveOptions(
        deployment=runs.deployment,
        image=runs.image,
        limits=runs.limits,
        environment=runs.environment,
        attachments=runs.attachments,
        sockets=settings.sockets_dir,
        max_open=settings.heddle_max_open,
    )


async def _until_signalled() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
