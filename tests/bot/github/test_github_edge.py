"""The webhook over real HTTP: signature first, stored before it is acknowledged, whatever is delivered."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from bot.conversations import Incoming
from bot.endings import Ending
from bot.github.edge import WEBHOOK_PATH, GitHubEdge, is_signed
from tests.bot.github import shapes
from web.server import BODY_BYTES, Route, WebServer

SECRET = "a secret of the webhook's"


@dataclass
class Store:
    """Keeps what it is given; fails while `broken`."""

    received: list[Incoming] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    broken: bool = False

    async def receive(self, incoming: Incoming) -> None:
        if self.broken:
            raise ConnectionError
        self.received.append(incoming)

    async def record(self, delivery_id: str, platform: str) -> None:
        if self.broken:
            raise ConnectionError
        self.recorded.append(delivery_id)

    async def end(self, ending: Ending) -> None:
        if self.broken:
            raise ConnectionError
        self.endings.append(ending)


@dataclass
class Hook:
    url: str
    store: Store
    session: aiohttp.ClientSession

    async def post(
        self,
        body: bytes,
        *,
        event: str = "issue_comment",
        guid: str = "g-1",
        signature: str | None = None,
        content_type: str = "application/json",
    ) -> int:
        headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": guid, "Content-Type": content_type}
        headers["X-Hub-Signature-256"] = signed(body) if signature is None else signature
        headers = {name: value for name, value in headers.items() if value}
        async with self.session.post(self.url, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def encoded(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload).encode()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async def well() -> None:
        pass

    store = Store()
    edge = GitHubEdge(store.receive, store.record, store.end, secret=SECRET, terms=shapes.TERMS)
    server = WebServer(host="127.0.0.1", port=0, health=well)
    address = await server.start([Route("POST", WEBHOOK_PATH, edge.http)])
    async with aiohttp.ClientSession() as session:
        yield Hook(address + WEBHOOK_PATH, store, session)
    await server.close()


async def test_signed_delivery_is_stored(hook: Hook) -> None:
    assert await hook.post(encoded(shapes.issue_comment())) == 202
    assert [incoming.text for incoming in hook.store.received] == ["fix it"]
    assert hook.store.recorded == ["github:g-1"]


async def test_delivery_that_asks_nothing_is_recorded(hook: Hook) -> None:
    assert await hook.post(encoded(shapes.issue_comment("hello"))) == 202
    assert await hook.post(encoded({"zen": "Keep it simple"}), event="ping", guid="g-2") == 202
    assert hook.store.received == []
    assert hook.store.recorded == ["github:g-1", "github:g-2"]


async def test_end_is_kept_before_it_is_acknowledged(hook: Hook) -> None:
    body = encoded(shapes.delivery("closed", issue=shapes.issue(closed_at="2026-05-15T15:30:00Z")))
    assert await hook.post(body, event="issues", signature="sha256=" + "0" * 64) == 401
    assert hook.store.endings == []
    assert await hook.post(body, event="issues") == 202
    assert [(one.address, one.ended) for one in hook.store.endings] == [("github:acme/tally#3", True)]
    hook.store.broken = True
    assert await hook.post(body, event="issues", guid="g-2") == 503


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        signed(encoded(shapes.issue_comment()), "another secret"),
        signed(encoded(shapes.issue_comment())).upper(),
        signed(encoded(shapes.issue_comment("/claude something else"))),
    ],
)
async def test_wrong_signature_touches_nothing(hook: Hook, signature: str) -> None:
    assert await hook.post(encoded(shapes.issue_comment()), signature=signature) == 401
    assert hook.store.received == []
    assert hook.store.recorded == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": 1} x']
)
async def test_garbage_with_the_right_signature_is_no_delivery(hook: Hook, body: bytes) -> None:
    assert await hook.post(body) == 400
    assert hook.store.recorded == []


async def test_headers_that_github_always_sends_are_needed(hook: Hook) -> None:
    body = encoded(shapes.issue_comment())
    assert await hook.post(body, guid="") == 400
    assert await hook.post(body, event="") == 400


async def test_too_large_a_body_is_refused(hook: Hook) -> None:
    assert await hook.post(b" " * (BODY_BYTES + 1)) == 413
    assert hook.store.recorded == []


async def test_form_is_read_as_well(hook: Hook) -> None:
    body = aiohttp.FormData({"payload": json.dumps(shapes.issue_comment())})()._value
    assert await hook.post(body, content_type="application/x-www-form-urlencoded") == 202
    assert len(hook.store.received) == 1
    assert await hook.post(b"nothing=1", content_type="application/x-www-form-urlencoded") == 400


async def test_what_can_not_be_stored_is_not_acknowledged(hook: Hook) -> None:
    hook.store.broken = True
    assert await hook.post(encoded(shapes.issue_comment())) == 503


async def test_many_at_once_are_all_stored(hook: Hook) -> None:
    body = encoded(shapes.issue_comment())
    statuses = await asyncio.gather(*(hook.post(body, guid=f"g-{number}") for number in range(50)))
    assert set(statuses) == {202}
    assert len(hook.store.received) == 50


def test_signature_is_of_the_very_bytes() -> None:
    body = b'{"a":1}'
    assert is_signed(body, signed(body), SECRET.encode())
    assert not is_signed(b'{"a": 1}', signed(body), SECRET.encode())
    assert not is_signed(body, "sha256=é\udcff", SECRET.encode())
