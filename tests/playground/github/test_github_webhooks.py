"""The webhook of the App: real deliveries to a real receiver, their history, and once more."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from github import Auth, Github, GithubException, GithubIntegration

from playground.github.access import Level
from playground.github.app import App
from playground.github.hub import Hub
from playground.github.server import GitHubStandIn
from playground.github.webhooks import Webhooks, to_bytes

WIDGETS, SECRET = "acme/widgets", "acme/secret"
Clients = Callable[[str | None], Github]
Ask = Callable[[str, str], Awaitable[tuple[int, dict[str, str], object]]]


class Receiver:
    """Somebody's server for webhooks: it keeps what it gets, and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 202
        self.gate = asyncio.Event()
        self.gate.set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    @property
    def events(self) -> list[str]:
        return [headers["X-GitHub-Event"] for headers, _ in self.got]

    async def start(self) -> None:
        application = web.Application(client_max_size=1 << 24)
        application.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append((dict(request.headers), body))
        await self.gate.wait()
        headers = {"Location": "/elsewhere"} if self.status == 302 else {}
        return web.Response(status=self.status, text="taken", headers=headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    made.gate.set()
    await made.stop()


@pytest.fixture
async def ask(
    stand_in: GitHubStandIn,
) -> AsyncIterator[Ask]:
    """Ask the API as the App: status, headers, body."""
    key = await stand_in.app_private_key()
    auth = Auth.AppAuth(stand_in.app_id, key)
    app = GithubIntegration(
        auth=auth, base_url=stand_in.api_url, seconds_between_requests=0, seconds_between_writes=0, retry=None
    )

    async def request(method: str, path: str) -> tuple[int, dict[str, str], object]:
        status, headers, text = await asyncio.to_thread(app.requester.requestJson, method, path)
        return status, {name.lower(): str(value) for name, value in headers.items()}, json.loads(text)

    yield request
    app.close()


async def delivered(stand_in: GitHubStandIn, count: int) -> None:
    await stand_in.wait_for(lambda: len(stand_in.deliveries) >= count)
    assert len(stand_in.deliveries) == count


async def test_signed_as_github_signs(stand_in: GitHubStandIn, receiver: Receiver) -> None:
    stand_in.webhook_url = receiver.url
    stand_in.open_issue(WIDGETS, "Größe \ud800", "✂ — “quoted”")
    await delivered(stand_in, 1)
    ((headers, body),) = receiver.got
    key = stand_in.webhook_secret.encode()
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature"] == "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert headers["Content-Type"] == "application/json"
    assert headers["X-GitHub-Event"] == "issues"
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert headers["X-GitHub-Hook-Installation-Target-ID"] == str(stand_in.app_id)
    assert headers["X-GitHub-Hook-ID"].isdecimal()
    (delivery,) = stand_in.deliveries
    assert headers["X-GitHub-Delivery"] == delivery.guid
    assert (delivery.status, delivery.status_code, delivery.redelivery) == ("OK", 202, False)
    assert (delivery.event, delivery.action) == ("issues", "opened")
    assert delivery.repository_id == stand_in.repository(WIDGETS).id
    payload = json.loads(body)
    assert payload["issue"]["title"] == "Größe ?"
    assert payload["installation"]["id"] == delivery.installation_id
    assert "✂ — “quoted”".encode() in body  # as GitHub sends it: not escaped
    assert delivery.request.body == body
    assert delivery.response is not None
    assert delivery.response.body == b"taken"


async def test_another_secret_signs_otherwise(tmp_path: Path, receiver: Receiver) -> None:
    async with GitHubStandIn(root=tmp_path / "other", app=App(webhook_secret="another")) as other:
        await other.create_repository(WIDGETS)
        other.webhook_url = receiver.url
        other.open_issue(WIDGETS, "T")
        await delivered(other, 1)
    ((headers, body),) = receiver.got
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"another", body, "sha256").hexdigest()


async def test_nothing_without_url_or_installation(stand_in: GitHubStandIn, receiver: Receiver) -> None:
    stand_in.open_issue(WIDGETS, "Nobody listens yet")
    stand_in.webhook_url = receiver.url
    stand_in.install("acme", repositories=[WIDGETS])
    stand_in.open_issue(SECRET, "Not installed here")
    stand_in.open_issue(WIDGETS, "Installed here")
    await delivered(stand_in, 1)
    stand_in.uninstall("acme")
    stand_in.open_issue(WIDGETS, "Not any more")
    await stand_in.ping()
    assert receiver.events == ["issues", "ping"]
    assert json.loads(receiver.got[0][1])["issue"]["title"] == "Installed here"


async def test_failed_and_delivered_again(
    stand_in: GitHubStandIn,
    receiver: Receiver,
    ask: Ask,
) -> None:
    stand_in.webhook_url = receiver.url
    await receiver.stop()
    stand_in.open_issue(WIDGETS, "While nobody is at home")
    await delivered(stand_in, 1)
    (failed,) = stand_in.deliveries
    assert (failed.status, failed.status_code, failed.response) == ("failed to connect to host", 0, None)
    await receiver.start()
    # GitHub does not try again by itself: only the second issue arrives.
    stand_in.open_issue(WIDGETS, "At home again")
    await delivered(stand_in, 2)
    assert len(receiver.got) == 1

    status, _, body = await ask("POST", f"/app/hook/deliveries/{failed.id}/attempts")
    assert (status, body) == (202, {})
    await delivered(stand_in, 3)
    again = stand_in.deliveries[-1]
    assert (again.guid, again.redelivery, again.status_code) == (failed.guid, True, 202)
    assert again.id > failed.id
    headers, raw = receiver.got[-1]
    assert raw == failed.request.body
    assert headers["X-GitHub-Delivery"] == failed.guid
    third = await stand_in.redeliver(failed.id)
    assert (third.guid, third.event, third.action) == (failed.guid, "issues", "opened")
    with pytest.raises(LookupError):
        await stand_in.redeliver(1)
    assert (await ask("POST", "/app/hook/deliveries/1/attempts"))[0] == 404


@pytest.mark.parametrize("status", [302, 404, 503])
async def test_what_the_receiver_answers(stand_in: GitHubStandIn, receiver: Receiver, status: int) -> None:
    receiver.status = status
    stand_in.webhook_url = receiver.url
    stand_in.open_issue(WIDGETS, "T")
    await delivered(stand_in, 1)
    (delivery,) = stand_in.deliveries
    assert (delivery.status, delivery.status_code) == (f"Invalid HTTP Response: {status}", status)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "http://127.0.0.1:1/", "http://[::1/"])
async def test_urls_that_lead_nowhere(stand_in: GitHubStandIn, url: str) -> None:
    stand_in.webhook_url = url
    assert (await stand_in.ping()).status_code == 0
    assert await stand_in.deliver_raw("ping", b"{}") == 0


async def test_slow_receiver_is_given_up(tmp_path: Path, receiver: Receiver) -> None:
    hub = Hub(root=tmp_path, app=App())
    webhooks = Webhooks(hub, seconds=0.2)
    await webhooks.start()
    try:
        webhooks.url = receiver.url
        receiver.gate.clear()
        async with asyncio.timeout(5):
            slow = await webhooks.ping()
        assert (slow.status, slow.status_code, slow.response) == ("timed out", 0, None)
        assert slow.duration >= 0.2
        receiver.gate.set()
        assert (await webhooks.ping()).status == "OK"
    finally:
        await webhooks.close()


async def test_closing_leaves_nothing_behind(tmp_path: Path, receiver: Receiver) -> None:
    hub = Hub(root=tmp_path, app=App())
    webhooks = Webhooks(hub)
    await webhooks.start()
    webhooks.url = receiver.url
    receiver.gate.clear()
    first, second = webhooks.ping(), webhooks.ping()
    while not receiver.got:
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await webhooks.close()
    assert first.cancelled()
    assert second.cancelled()
    assert hub.listeners == []
    assert not webhooks.history


async def test_order_within_a_repository_and_not_between_them(
    stand_in: GitHubStandIn, receiver: Receiver
) -> None:
    stand_in.webhook_url = receiver.url
    receiver.gate.clear()
    for number in range(10):
        stand_in.open_issue(WIDGETS, f"{number}")
    stand_in.open_issue(SECRET, "Elsewhere")
    # The first of each repository is on its way, though no answer has come.
    await stand_in.wait_for(lambda: len(receiver.got) == 2)
    assert not stand_in.deliveries
    receiver.gate.set()
    await delivered(stand_in, 11)
    titles = [json.loads(body)["issue"]["title"] for _, body in receiver.got]
    assert [title for title in titles if title != "Elsewhere"] == [str(number) for number in range(10)]
    ids = [delivery.id for delivery in stand_in.deliveries]
    assert ids == sorted(set(ids))
    assert len({delivery.guid for delivery in stand_in.deliveries}) == 11


async def test_payload_is_of_the_moment(stand_in: GitHubStandIn, receiver: Receiver) -> None:
    stand_in.webhook_url = receiver.url
    stand_in.open_issue(WIDGETS, "One")
    stand_in.edit_issue(WIDGETS, 1, title="Two")
    await delivered(stand_in, 2)
    assert [json.loads(body)["issue"]["title"] for _, body in receiver.got] == ["One", "Two"]


async def test_deliveries_over_the_api(
    stand_in: GitHubStandIn,
    receiver: Receiver,
    ask: Ask,
) -> None:
    stand_in.webhook_url = receiver.url
    for number in range(5):
        stand_in.open_issue(WIDGETS, f"{number}")
    await stand_in.wait_for(lambda: len(stand_in.deliveries) == 5)
    path, pages = "/app/hook/deliveries?per_page=2", []
    while path:
        status, headers, body = await ask("GET", path)
        assert status == 200
        assert isinstance(body, list)
        pages.append(body)
        link = headers.get("link", "")
        assert "rel=" not in link or link.endswith('rel="next"')
        path = link.partition(">")[0].removeprefix("<")
        assert not path or "cursor=" in path
    assert [len(page) for page in pages] == [2, 2, 1]
    shown = [item["id"] for page in pages for item in page]
    assert shown == [delivery.id for delivery in reversed(stand_in.deliveries)]
    fields = (
        "id guid delivered_at redelivery duration status status_code event action installation_id "
        "repository_id throttled_at url"
    )
    assert set(pages[0][0]) == set(fields.split())
    assert pages[0][0]["delivered_at"].endswith("Z")

    _, _, one = await ask("GET", f"/app/hook/deliveries/{shown[0]}")
    assert isinstance(one, dict)
    assert one["request"]["headers"]["X-GitHub-Event"] == "issues"
    assert one["request"]["payload"]["issue"]["title"] == "4"
    assert one["response"]["payload"] == "taken"
    assert one["url"] == receiver.url
    assert (await ask("GET", "/app/hook/deliveries/1"))[0] == 404
    assert (await ask("GET", "/app/hook/deliveries?cursor=x"))[0] == 422
    _, _, config = await ask("GET", "/app/hook/config")
    expected = {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": receiver.url}
    assert config == expected


async def test_only_the_app_sees_deliveries(stand_in: GitHubStandIn, clients: Clients) -> None:
    def work() -> None:
        for path in ("/app/hook/deliveries", "/app/hook/config"):
            status, _, _ = clients(stand_in.token).requester.requestJson("GET", path)
            assert status == 401

    await asyncio.to_thread(work)


async def test_without_a_url_nothing_can_be_sent_again(
    stand_in: GitHubStandIn,
    receiver: Receiver,
    ask: Ask,
) -> None:
    stand_in.webhook_url = receiver.url
    sent = await stand_in.ping()
    stand_in.webhook_url = None
    assert (await ask("POST", f"/app/hook/deliveries/{sent.id}/attempts"))[0] == 422
    for call in (stand_in.ping, lambda: stand_in.deliver_raw("ping", b"{}")):
        with pytest.raises(LookupError):
            await call()


async def test_raw_deliveries(stand_in: GitHubStandIn, receiver: Receiver) -> None:
    stand_in.webhook_url = receiver.url
    receiver.status = 401
    assert await stand_in.deliver_raw("issues", b"not json") == 401
    assert await stand_in.deliver_raw("issues", b"{}", signature="sha256=00", guid="twice") == 401
    assert await stand_in.deliver_raw("issues", b"{}", signature="") == 401
    right, wrong, unsigned = (headers for headers, _ in receiver.got)
    key = stand_in.webhook_secret.encode()
    assert right["X-Hub-Signature-256"] == "sha256=" + hmac.new(key, b"not json", "sha256").hexdigest()
    assert (wrong["X-Hub-Signature-256"], wrong["X-GitHub-Delivery"]) == ("sha256=00", "twice")
    assert "X-Hub-Signature" not in wrong
    assert not any(name.startswith("X-Hub-Signature") for name in unsigned)
    assert not stand_in.deliveries


async def test_each_delivery_has_a_connection_of_its_own(stand_in: GitHubStandIn, receiver: Receiver) -> None:
    stand_in.webhook_url = receiver.url
    for _ in range(3):
        assert (await stand_in.ping()).status == "OK"
        await receiver.stop()
        await receiver.start()


def test_bytes_are_compact_utf8() -> None:
    assert to_bytes({"a": ["ü", 1]}) == '{"a":["ü",1]}'.encode()


async def test_bot_exists_before_it_acts(stand_in: GitHubStandIn, clients: Clients) -> None:
    def work() -> None:
        client = clients(stand_in.token)
        bot = client.get_user("heddle[bot]")
        assert (bot.login, bot.type) == ("heddle[bot]", "Bot")
        assert client.get_user("heddle[bot]").id == bot.id
        with pytest.raises(GithubException) as caught:
            client.get_user("other[bot]")
        assert caught.value.status == 404

    await asyncio.to_thread(work)


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("admin", "admin"),
        ("maintain", "write"),
        ("write", "write"),
        ("triage", "read"),
        ("read", "read"),
        ("none", "none"),
    ],
)
async def test_roles_with_a_token_for_metadata_only(
    stand_in: GitHubStandIn, clients: Clients, role: str, permission: str
) -> None:
    stand_in.set_role(SECRET, "grace", role)
    token = await metadata_token(stand_in)

    def work() -> None:
        repository = clients(token).get_repo(SECRET)
        assert repository.get_collaborator_permission("grace") == permission
        assert repository.get_collaborator_role_name("grace") == role
        with pytest.raises(GithubException) as caught:
            repository.get_collaborator_permission("nobody")
        assert caught.value.status == 404

    await asyncio.to_thread(work)


async def test_a_level_replaces_a_role(stand_in: GitHubStandIn, clients: Clients) -> None:
    stand_in.set_role(WIDGETS, "grace", "triage")
    stand_in.set_permission(WIDGETS, "grace", Level.ADMIN)
    found = await asyncio.to_thread(clients(stand_in.token).get_repo, WIDGETS)
    assert await asyncio.to_thread(found.get_collaborator_role_name, "grace") == "admin"
    with pytest.raises(KeyError):
        stand_in.set_role(WIDGETS, "grace", "king")


async def metadata_token(stand_in: GitHubStandIn) -> str:
    key = await stand_in.app_private_key()

    def work() -> str:
        with GithubIntegration(
            auth=Auth.AppAuth(stand_in.app_id, key), base_url=stand_in.api_url, retry=None
        ) as app:
            installation = app.get_repo_installation("acme", "widgets")
            _, answer = app.requester.requestJsonAndCheck(
                "POST",
                f"/app/installations/{installation.id}/access_tokens",
                input={"permissions": {"metadata": "read"}},
            )
            return str(answer["token"])

    return await asyncio.to_thread(work)
