"""Calls that wait hold up nobody else, and signing in, against the GitHub stand-in."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Github
from structlog.testing import capture_logs

from bot.github.access import CHECKS, CONVERSATION, Account, AppAccess
from bot.github.client import GitHubClient
from bot.github.sign_in import access_for, sign_in
from bot.settings import SettingsError, load
from orchestrator.forge import ForgeError, ForgeUnavailable
from playground.github.app import make_key_pair
from tests.bot.github.hosting import REPOSITORY, Hosting, hosting

SLOW = "acme/slow"
WAITING = min(32, (os.cpu_count() or 1) + 4) + 8  # calls: more than asyncio's own executor has threads
RETRY_AFTER = 3
NOT_A_KEY = "-----BEGIN RSA PRIVATE KEY-----\nbm8ga2V5\n-----END RSA PRIVATE KEY-----\n"
NOT_A_TOKEN = "ghp_" + "x" * 36


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Hosting]:
    async with hosting(tmp_path) as running:
        await running.github.create_repository(SLOW, files={"a": "a"})
        for repository in (REPOSITORY, SLOW):
            running.github.open_issue(repository, f"About {repository}")
        yield running


async def title(client: GitHubClient, repository: str) -> str:
    def ask(github: Github) -> str:
        return str(github.get_repo(repository).get_issue(1).title)

    return await client.call(repository, CONVERSATION, ask)


def limited(there: Hosting, ending: str) -> int:
    """How many requests with such a path have met a rate limit."""
    return len([call for call in there.github.calls if call.status == 403 and call.path.endswith(ending)])


async def test_waiting_for_one_repository_delays_no_other(there: Hosting) -> None:
    client = await there.app()
    for repository in (REPOSITORY, SLOW):  # so that only the calls themselves are looked at
        await title(client, repository)
    there.github.limit_rate(
        retry_after=RETRY_AFTER, times=WAITING, path_pattern=f"/api/v3/repos/{SLOW}/issues/*"
    )
    slow = [asyncio.create_task(title(client, SLOW)) for _ in range(WAITING)]
    await there.github.wait_for(lambda: limited(there, "/issues/1") == WAITING)
    assert await title(client, REPOSITORY) == f"About {REPOSITORY}"
    assert not any(task.done() for task in slow)
    assert await asyncio.gather(*slow) == [f"About {SLOW}"] * WAITING


@dataclass(frozen=True, slots=True)
class Lag:
    """A way to GitHub's API, on which requests about `acme/slow…` are held until `over`."""

    api_url: str
    held: list[str]
    over: asyncio.Event


@asynccontextmanager
async def lagging(there: Hosting) -> AsyncIterator[Lag]:
    held: list[str] = []
    over = asyncio.Event()

    async def pass_on(request: web.Request) -> web.Response:
        if f"/{SLOW}" in request.path:
            held.append(request.path)
            await over.wait()
        address = f"{there.github.url}{request.path_qs}"
        headers = {"Authorization": request.headers["Authorization"]}
        data = await request.read()
        async with session.request(request.method, address, headers=headers, data=data) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", pass_on)
    async with aiohttp.ClientSession() as session, TestServer(app) as server:
        yield Lag(str(server.make_url("/api/v3")), held, over)


async def test_waiting_for_tokens_delays_no_other(there: Hosting) -> None:
    key = await there.github.app_private_key()
    async with lagging(there) as lag:
        access = AppAccess(there.github.app_id, key, lag.api_url, there.threads)
        names = [f"{SLOW}-{number}" for number in range(WAITING)]
        slow = [asyncio.create_task(access.token(name, CONVERSATION)) for name in names]
        await there.github.wait_for(lambda: len(lag.held) == WAITING)
        assert await access.token(REPOSITORY, CONVERSATION)
        assert not any(task.done() for task in slow)
        lag.over.set()
        ended = await asyncio.gather(*slow, return_exceptions=True)
    assert all("isn't installed" in str(error) for error in ended)


async def test_private_key_is_read_once(there: Hosting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one takes tens of milliseconds in which nothing else of the process moves."""
    read: list[bytes] = []

    def load(key: bytes, password: None) -> object:
        read.append(key)
        return load_pem_private_key(key, password)

    monkeypatch.setattr("bot.github.access.load_pem_private_key", load)
    access = (await there.app()).access
    wanted = (access.token(f"{SLOW}-{number}", CONVERSATION) for number in range(WAITING))
    ended = await asyncio.gather(*wanted, return_exceptions=True)
    assert all("isn't installed" in str(error) for error in ended)
    assert len(read) == 1


async def test_token_for_many_calls_is_requested_once(there: Hosting) -> None:
    client = await there.app()
    await asyncio.gather(*(title(client, SLOW) for _ in range(WAITING)))
    assert there.asked("POST", "/access_tokens") == 1


async def test_limit_on_requesting_a_token_is_no_refusal(there: Hosting) -> None:
    there.github.limit_rate(retry_after=0, times=None, path_pattern=f"/api/v3/repos/{SLOW}/installation")
    client = await there.app()
    with pytest.raises(ForgeUnavailable):
        await title(client, SLOW)
    assert await title(client, REPOSITORY) == f"About {REPOSITORY}"


async def test_calls_get_no_more_than_they_ask_for(there: Hosting) -> None:
    client = await there.app()

    def comment(github: Github) -> int:
        return int(github.get_repo(REPOSITORY).get_issue(1).create_comment("hello").id)

    assert await client.call(REPOSITORY, CONVERSATION, comment) > 0
    with pytest.raises(ForgeError, match="not accessible"):
        await client.call(REPOSITORY, CHECKS, comment)


async def test_refusal_in_graphql_is_a_refusal(there: Hosting) -> None:
    client = await there.app()
    with pytest.raises(ForgeError, match="Could not resolve") as error:
        await client.query(REPOSITORY, "query { node(id: $id) { id } }".replace("$id", '"I_99999"'), {})
    assert not isinstance(error.value, ForgeUnavailable)
    there.github.fail("/api/graphql", 502, times=None)
    with pytest.raises(ForgeUnavailable):
        await client.query(REPOSITORY, "query { viewer { login } }", {})


async def signed_in(there: Hosting, **changes: str) -> Account:
    environment = {"GITHUB_API_URL": there.github.api_url} | changes
    return await sign_in(access_for(load(environment), there.threads))


async def as_app(there: Hosting, key: str | None = None) -> Account:
    return await signed_in(
        there,
        GITHUB_APP_ID=str(there.github.app_id),
        GITHUB_APP_PRIVATE_KEY=key or await there.github.app_private_key(),
    )


async def test_app_knows_who_it_is(there: Hosting) -> None:
    assert await as_app(there) == Account("heddle", "heddle[bot]", is_app=True)


async def test_account_knows_who_it_is(there: Hosting) -> None:
    account = await signed_in(there, GH_TOKEN=there.github.new_token("grace"))
    assert account == Account("grace", "grace", is_app=False)


async def test_app_counts_where_there_is_a_token_too(there: Hosting) -> None:
    account = await signed_in(
        there,
        GH_TOKEN=there.github.token,
        GITHUB_APP_ID=str(there.github.app_id),
        GITHUB_APP_PRIVATE_KEY=await there.github.app_private_key(),
    )
    assert account.is_app


async def test_key_of_another_app_is_named(there: Hosting) -> None:
    await there.github.app_private_key()
    other = (await asyncio.to_thread(make_key_pair)).private
    with pytest.raises(SettingsError, match=r"^GITHUB_APP_PRIVATE_KEY is wrong") as error:
        await as_app(there, other)
    assert other.splitlines()[1] not in str(error.value)


async def test_key_that_is_none_is_named(there: Hosting) -> None:
    (error,) = await asyncio.gather(as_app(there, NOT_A_KEY), return_exceptions=True)
    assert isinstance(error, SettingsError)
    assert str(error).startswith("GITHUB_APP_PRIVATE_KEY is wrong")


async def test_wrong_token_is_named(there: Hosting) -> None:
    with pytest.raises(SettingsError, match=r"^GH_TOKEN is wrong") as error:
        await signed_in(there, GH_TOKEN=NOT_A_TOKEN)
    assert NOT_A_TOKEN not in str(error.value)


@pytest.mark.parametrize("kind", ["app", "account"])
async def test_signing_in_waits_while_github_is_away(there: Hosting, kind: str) -> None:
    await there.github.app_private_key()
    await there.github.go_down()
    with capture_logs() as logs:
        waiting = asyncio.create_task(
            as_app(there) if kind == "app" else signed_in(there, GH_TOKEN=there.github.token)
        )
        async with asyncio.timeout(30):
            while not any(entry["event"] == "will try again" for entry in logs):
                assert not waiting.done()
                await asyncio.sleep(0.02)
        await there.github.come_up()
        async with asyncio.timeout(30):
            account = await waiting
    assert account.is_app == (kind == "app")


async def test_signing_in_waits_while_github_fails(there: Hosting) -> None:
    there.github.fail("/api/v3/user", 503, times=20)
    async with asyncio.timeout(60):
        account = await signed_in(there, GH_TOKEN=there.github.token)
    assert account.login == "ada"


async def test_call_that_waits_does_not_hold_up_the_end() -> None:
    """A process that has a call sleeping until a rate limit is over ends all the same."""
    script = (
        "import asyncio, time\n"
        "from bot.github.threads import Threads\n"
        "async def main():\n"
        "    asyncio.ensure_future(Threads().run(lambda: time.sleep(600)))\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    try:
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
