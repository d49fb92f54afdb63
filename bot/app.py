"""The composition root: it alone builds things and hands them to each other."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.accounts import Accounts
from bot.admission import ConversationAdmission
from bot.answers import Answers
from bot.conversations import Conversations
from bot.endings import Endings
from bot.figures import metrics
from bot.github.access import Account, AppAccess
from bot.github.client import GitHubClient
from bot.github.deliveries import Terms
from bot.github.edge import WEBHOOK_PATH, GitHubEdge
from bot.github.endings import EndedSubjects
from bot.github.forge import GitHubForge
from bot.github.host import GitHubHost
from bot.github.redelivery import Redelivery
from bot.github.rights import GitHubRights
from bot.github.sign_in import access_for
from bot.github.sign_in import sign_in as sign_in_to_github
from bot.github.threads import Threads
from bot.handling import Handling
from bot.machines import interactive_options, run_options
from bot.messages import Messages
from bot.openings import OpeningReports
from bot.platform import Platform
from bot.post_records import PostRecords
from bot.recovering import RecoveryReports
from bot.reports import Reports
from bot.restored import settle
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
from bot.upkeep import SWEEP_SECONDS, Upkeep, every
from bot.upstream import Upstream
from bot.workspaces import Workspaces
from orchestrator.cleaning.lock import HANDOVER_SECONDS, DataLock, DataTaken
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.database import Database
from orchestrator.durability import Durability, forget, leave_within
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.interactive import Interactive
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.persistence import persist
from orchestrator.publishing import BranchPublisher
from orchestrator.records import Records
from orchestrator.redaction import Redactor
from orchestrator.runs import Runs
from orchestrator.underway import Underway
from web.account_link import START, AccountLink
from web.code.code import PREFIX as CODE
from web.pages import Pages
from web.server import Handler, Route, WebServer
from web.terminals.splices import Splices

LEAVE_SECONDS = 9.0  # after SIGTERM; what is not closed by then is taken up like after a SIGKILL
ENDED_SECONDS = 3600  # between two looks for ends of conversations whose delivery was missed
UNKNOWN_NAME = "heddle"

log = structlog.get_logger(__name__)


async def serve(settings: Settings, redactor: Redactor, ready: Callable[[str], None]) -> None:
    """Run Heddle until SIGTERM or SIGINT. `ready` is told the address once everything answers.

    Raises SettingsError when a platform refuses its credential, OSError when the port is taken.
    """
    settings.require_serving()
    async with AsyncExitStack() as stack:
        try:
            lock = DataLock(settings.heddle_data_dir.absolute())
            await stack.enter_async_context(lock.taken(patience=HANDOVER_SECONDS))
        except DataTaken as error:
            raise SettingsError(str(error)) from error
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

        conversations, endings = Conversations(database), Endings(database)
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

        async def address_of(conversation_id: str) -> str:
            found = await conversations.linked(conversation_id)
            return found[0].address if found else ""

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
        options = run_options(settings)
        upkeep = Upkeep(
            settings,
            database=database,
            engine=engine,
            mirrors=mirrors,
            forge=forge,
            openings=openings,
            lanes=lanes,
            forget=forget,
        )
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
            history=upkeep.history,
            disk=upkeep.disk.check,
            address_of=address_of,
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
            history=upkeep.history,
            watcher=OpeningReports(
                conversations=conversations,
                answers=answers,
                workspace_url=workspace_url,
                rescue_days=settings.heddle_keep_rescues_days,
            ),
            watching=splices.connected,
            revoke=splices.revoke_workspace,
            redact=redactor,
            before_rest=upkeep.checkpoints.before_rest,
            forget=upkeep.checkpoints.forget,
            disk=upkeep.disk.check,
            address_of=address_of,
            options=interactive_options(settings, options),
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
            history=upkeep.history,
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
        routes += metrics(settings, database, upkeep, lambda: splices.count).routes()
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
                Route("POST", WEBHOOK_PATH, _github_edge(settings, account, messages, conversations, endings))
            )
        edge: SlackEdge | None = None
        if slack is not None:
            secret = settings.slack_signing_secret
            edge = SlackEdge(
                slack,
                messages.receive,
                endings.note,
                bot_user_id=bot.user,
                signing_secret=secret.get_secret_value() if secret and not settings.slack_app_token else None,
            )
            stack.push_async_callback(edge.close)
            if settings.slack_app_token is None:
                routes.append(Route("POST", EVENTS_PATH, edge.http))

        async def settled() -> None:
            await settle(database, upkeep.history, openings, upkeep.held)

        stack.push_async_callback(durability.close)
        stack.push_async_callback(interactive.aclose)
        stack.push_async_callback(upkeep.aclose)
        await persist("a return to a backup", settled, on=(EngineUnavailable,))
        durability.launch()
        await upkeep.start(
            gateway=gateway,
            interactive=interactive,
            runs=runs,
            ended=endings,
            watcher=RecoveryReports(
                database=database,
                conversations=conversations,
                answers=answers,
                workspace_url=workspace_url,
                sign_in=bool(settings.sign_ins),
                rescue_days=settings.heddle_keep_rescues_days,
            ),
        )
        await interactive.recover()
        await messages.recover()
        scheduler = AsyncIOScheduler()
        upkeep.schedule(scheduler)
        every(scheduler, SWEEP_SECONDS, messages.recover)
        every(scheduler, SWEEP_SECONDS, host.settle)
        every(scheduler, SWEEP_SECONDS, site.code.review)
        if account is not None:
            every(scheduler, ENDED_SECONDS, EndedSubjects(client, endings).look)
        if account is not None and isinstance(access, AppAccess):
            every(scheduler, SWEEP_SECONDS, Redelivery(access, conversations.delivered, time.time).recover)
        address = await server.start(routes)
        scheduler.start()  # after the server: what is asked for again comes at once
        stack.callback(scheduler.shutdown, wait=False)
        if edge is not None and settings.slack_app_token is not None:
            await connect(edge, settings.slack_app_token.get_secret_value())
        ready(settings.public_url or address)
        await _until_signalled()
        log.info("stopping; runs go on and are taken up at the next start")
        leave_within(LEAVE_SECONDS)


def _github_edge(
    settings: Settings, account: Account, messages: Messages, conversations: Conversations, endings: Endings
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
    return GitHubEdge(messages.receive, conversations.record, endings.note, secret=secret, terms=terms).http


async def _until_signalled() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
