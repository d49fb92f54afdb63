"""The composition root: it alone builds things and hands them to each other."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.conversations import Conversations
from bot.github.access import Access, AccountAccess, AppAccess
from bot.github.forge import GitHubForge
from bot.messages import TRANSIENT, Messages
from bot.platform import Platform
from bot.reports import Reports
from bot.schema import migrate
from bot.settings import Settings, SettingsError
from bot.slack.edge import EVENTS_PATH, SlackEdge
from bot.slack.platform import Slack
from orchestrator.containers import Engine, Limits
from orchestrator.database import Database
from orchestrator.durability import Durability, Underway
from orchestrator.gateway.credentials import CredentialKind, ModelCredential
from orchestrator.gateway.server import Gateway
from orchestrator.mirrors import Mirrors
from orchestrator.persistence import persist
from orchestrator.records import Records
from orchestrator.redaction import Redactor
from orchestrator.runs import RunOptions, Runs
from web.server import Route, WebServer

SWEEP_SECONDS = 60
RATE_LIMIT_TRIES = 10
SLACK_REFUSES = "{variable} is wrong: Slack refuses it ({error})."

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
        return await self._access.git_token(repository)

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

        access = _access(settings)
        forge = GitHubForge(access, api_url=settings.github_api_url, server_url=settings.github_server_url)
        engine = Engine(settings.docker_host)
        stack.push_async_callback(engine.close)
        gateway = Gateway(sockets=settings.sockets_dir, upstream=Upstream(settings, access))
        stack.push_async_callback(gateway.aclose)
        conversations = Conversations(database)
        records = Records(database)
        platforms: dict[str, Platform] = {}
        reports = Reports(conversations=conversations, platforms=platforms, redact=redactor)
        stack.push_async_callback(reports.close)
        data = settings.heddle_data_dir.absolute()
        underway = Underway()
        durability = Durability(settings.database, underway)
        runs = Runs(
            records=records,
            engine=engine,
            mirrors=Mirrors(data / "mirrors", forge),
            gateway=gateway,
            forge=forge,
            watcher=reports,
            redact=redactor,
            options=_run_options(settings),
            underway=underway,
        )
        messages = Messages(
            conversations=conversations,
            records=records,
            runs=runs,
            platforms=platforms,
            repositories=forge.repositories,
            default_repository=settings.heddle_repository,
            server_url=settings.github_server_url,
            redact=redactor,
        )
        stack.push_async_callback(messages.close)

        routes: list[Route] = []
        edge: SlackEdge | None = None
        if settings.slack:
            client = await _slack_client(settings, stack)
            bot_user_id = await _sign_in(client)
            platforms["slack"] = Slack(client, database, bot_user_id)
            secret = settings.slack_signing_secret
            edge = SlackEdge(
                client,
                messages.receive,
                bot_user_id=bot_user_id,
                signing_secret=secret.get_secret_value() if secret and not settings.slack_app_token else None,
            )
            stack.push_async_callback(edge.close)
            if settings.slack_app_token is None:
                routes.append(Route("POST", EVENTS_PATH, edge.http))

        stack.push_async_callback(durability.close)
        durability.launch()
        await messages.recover()
        scheduler = AsyncIOScheduler()
        scheduler.add_job(
            messages.recover, "interval", seconds=SWEEP_SECONDS, misfire_grace_time=None, coalesce=True
        )
        scheduler.start()
        stack.callback(scheduler.shutdown, wait=False)
        server = WebServer(host=settings.host, port=settings.port, health=engine.ping)
        stack.push_async_callback(server.close)
        address = await server.start(routes)
        if edge is not None and settings.slack_app_token is not None:
            await _connect(edge, settings.slack_app_token.get_secret_value())
        ready(settings.public_url or address)
        await _until_signalled()
        log.info("stopping; runs go on and are taken up at the next start")


def _access(settings: Settings) -> Access:
    if settings.github_app_id is not None and settings.github_app_private_key is not None:
        key = settings.github_app_private_key.get_secret_value()
        return AppAccess(settings.github_app_id, key, settings.github_api_url.rstrip("/"))
    assert settings.gh_token is not None  # require_serving has seen to it
    return AccountAccess(settings.gh_token.get_secret_value())


def _run_options(settings: Settings) -> RunOptions:
    environment = {}
    if settings.heddle_model_retries is not None:
        environment["CLAUDE_CODE_MAX_RETRIES"] = str(settings.heddle_model_retries)
    return RunOptions(
        deployment=settings.heddle_deployment,
        image=settings.heddle_image,
        at_once=settings.heddle_max_runs,
        limits=Limits(settings.heddle_memory, settings.heddle_cpus, settings.heddle_pids),
        seconds=settings.heddle_run_minutes * 60,
        environment=environment,
        logs=settings.heddle_data_dir.absolute() / "logs",
    )


async def _slack_client(settings: Settings, stack: AsyncExitStack) -> AsyncWebClient:
    assert settings.slack_bot_token is not None
    # aiohttp limits itself to 100 connections unless told otherwise.
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trust_env=True)
    )
    return AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url.rstrip("/") + "/",
        session=session,
        retry_handlers=[
            AsyncConnectionErrorRetryHandler(max_retry_count=2),
            AsyncServerErrorRetryHandler(max_retry_count=2),
            AsyncRateLimitErrorRetryHandler(max_retry_count=RATE_LIMIT_TRIES),
        ],
    )


async def _sign_in(client: AsyncWebClient) -> str:
    """The bot's user id, as soon as Slack answers."""
    found = ""

    async def ask() -> None:
        nonlocal found
        found = str((await client.auth_test())["user_id"])

    try:
        await persist("signing in to Slack", ask, on=(aiohttp.ClientError, TimeoutError, OSError))
    except SlackApiError as error:
        said = error.response.get("error")
        raise SettingsError(SLACK_REFUSES.format(variable="SLACK_BOT_TOKEN", error=said)) from None
    return found


async def _connect(edge: SlackEdge, app_token: str) -> None:
    try:
        await persist(
            "connecting to Slack",
            lambda: edge.connect(app_token),
            on=tuple(kind for kind in TRANSIENT if not issubclass(SlackApiError, kind)),
        )
    except SlackApiError as error:
        said = error.response.get("error")
        raise SettingsError(SLACK_REFUSES.format(variable="SLACK_APP_TOKEN", error=said)) from None


async def _until_signalled() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
