"""The model through the gateway, over the real socket, against a service that a test plays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from orchestrator.gateway.credentials import OAUTH_BETA, CredentialKind, ModelCredential
from orchestrator.gateway.door import Door
from orchestrator.gateway.usage import Usage
from tests.orchestrator.gateway.stand_ins import API_KEY, StandInUpstream, gateway, serving

DOOR = Door("w1", "acme/app", "heddle/x")
MESSAGES = "http://gateway/model/v1/messages"
START = b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":7}}}\n\n'
END = b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9}}\n\n'


@dataclass
class Bench:
    client: aiohttp.ClientSession
    upstream: StandInUpstream
    used: list[tuple[str, Usage]] = field(default_factory=list)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def bench(folder: Path, handler: Handler) -> AsyncIterator[Bench]:
    async with serving(handler) as address:
        upstream = StandInUpstream(model_url=address + "/")
        used: list[tuple[str, Usage]] = []
        async with gateway(
            folder, upstream, on_usage=lambda workspace, usage: used.append((workspace, usage))
        ) as made:
            path = await made.open(DOOR) / "gateway.sock"
            async with aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(path)), timeout=aiohttp.ClientTimeout(20)
            ) as client:
                yield Bench(client, upstream, used)


async def test_each_piece_arrives_before_the_next_is_sent(tmp_path: Path) -> None:
    received: asyncio.Queue[None] = asyncio.Queue()
    pieces = [START, *(b"data: %d\n\n" % number for number in range(20)), END]

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await received.get()  # the client has the headers before there is a body
        for piece in pieces:
            await response.write(piece)
            await received.get()
        return response

    async with bench(tmp_path, answer) as b, b.client.post(MESSAGES, json={}) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        received.put_nowait(None)
        for piece in pieces:
            assert await response.content.readexactly(len(piece)) == piece
            received.put_nowait(None)
        assert await response.content.read() == b""
        assert b.used == [("w1", Usage("m", 7, 9))]


async def test_a_request_goes_up_as_it_comes(tmp_path: Path) -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(request: web.Request) -> web.StreamResponse:
        async for piece in request.content.iter_any():
            arrived.put_nowait(piece)
        return web.json_response({})

    async def body() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"piece %d" % number
            assert await arrived.get() == b"piece %d" % number

    async with bench(tmp_path, answer) as b, b.client.post(MESSAGES, data=body()) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (ModelCredential(CredentialKind.API_KEY, API_KEY), {"x-api-key": API_KEY, "anthropic-beta": "a,b"}),
        (
            ModelCredential(CredentialKind.OAUTH_TOKEN, "oat"),
            {"Authorization": "Bearer oat", "anthropic-beta": f"a,b,{OAUTH_BETA}"},
        ),
    ],
)
async def test_the_real_credential_replaces_whatever_the_container_sends(
    tmp_path: Path, credential: ModelCredential, expected: dict[str, str]
) -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        assert await request.read() == b'{"x": 1}'
        return web.json_response({}, headers={"request-id": "r1", "Set-Cookie": "a=b"})

    headers = {
        "Authorization": "Bearer heddle",
        "X-Api-Key": "mine",
        "Cookie": "a=b",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "a,b",
        "Content-Type": "application/json",
    }
    async with bench(tmp_path, answer) as b:
        b.upstream.credential = credential
        async with b.client.post(MESSAGES + "?beta=true", data=b'{"x": 1}', headers=headers) as response:
            assert response.headers["request-id"] == "r1"
            assert "Set-Cookie" not in response.headers
    (request,) = seen
    assert request.path_qs == "/v1/messages?beta=true"
    sent = dict(request.headers)
    assert sent.pop("Host").startswith("127.0.0.1:")
    assert sent.pop("User-Agent")
    assert sent == expected | {
        "anthropic-version": "2023-06-01",
        "Content-Type": "application/json",
        "Content-Length": "8",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }


async def test_counting_and_listing_work_and_greetings_are_answered_here(tmp_path: Path) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(f"{request.method} {request.path_qs}")
        return web.json_response({"type": "message", "usage": {"input_tokens": 3}})

    async with bench(tmp_path, answer) as b:
        for method, target in (
            ("POST", "/model/v1/messages/count_tokens?beta=true"),
            ("GET", "/model/v1/models?limit=5"),
            ("HEAD", "/model/api/hello"),
            ("GET", "/model/"),
        ):
            async with b.client.request(method, f"http://gateway{target}") as response:
                assert response.status == 200
        assert seen == ["POST /v1/messages/count_tokens?beta=true", "GET /v1/models?limit=5"]
        assert b.used == []


async def test_a_whole_json_answer_is_metered_and_unchanged(tmp_path: Path) -> None:
    said = json.dumps({"type": "message", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 4}})

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=said, content_type="application/json")

    async with bench(tmp_path, answer) as b, b.client.post(MESSAGES) as response:
        assert await response.text() == said
        assert response.headers["Content-Length"] == str(len(said))
        assert b.used == [("w1", Usage("m", 3, 4))]


async def test_a_client_that_goes_away_ends_the_request_and_is_metered(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(START)
            await asyncio.Event().wait()
            return response
        finally:
            gone.set()

    async with bench(tmp_path, answer) as b:
        async with b.client.post(MESSAGES) as response:
            await response.content.readexactly(len(START))
            response.close()
        await asyncio.wait_for(gone.wait(), 5)
        assert b.used == [("w1", Usage("m", 7))]


async def test_a_client_that_goes_away_before_the_answer_ends_the_request(tmp_path: Path) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            asked.set()
            await asyncio.Event().wait()
            return web.Response()
        finally:
            gone.set()

    async with bench(tmp_path, answer) as b:
        posting = asyncio.create_task(b.client.post(MESSAGES).__aenter__())
        await asyncio.wait_for(asked.wait(), 5)
        posting.cancel()
        await asyncio.wait_for(gone.wait(), 5)


async def test_an_answer_that_breaks_off_is_seen_to_break_off(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(START)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with bench(tmp_path, answer) as b, b.client.post(MESSAGES) as response:
        with pytest.raises(aiohttp.ClientError):
            await response.read()
        assert b.used == [("w1", Usage("m", 7))]


async def test_metering_that_fails_costs_nobody_their_answer(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=START + END, content_type="text/event-stream")

    def failing(workspace: str, usage: Usage) -> None:
        raise RuntimeError(workspace)

    async with serving(answer) as address, aiohttp.ClientSession() as _:
        upstream = StandInUpstream(model_url=address)
        with capture_logs() as logs:
            async with gateway(tmp_path, upstream, on_usage=failing) as made:
                path = await made.open(DOOR) / "gateway.sock"
                async with (
                    aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client,
                    client.post(MESSAGES) as response,
                ):
                    assert await response.read() == START + END
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["usage_lost"]


async def test_an_error_of_the_service_is_passed_on_without_the_credential(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        key = request.headers["x-api-key"]
        body = {"type": "error", "error": {"type": "overloaded_error", "message": f"busy {key}"}}
        return web.json_response(body, status=529, headers={"retry-after": "7", "x-echo": key})

    async with bench(tmp_path, answer) as b, b.client.post(MESSAGES) as response:
        assert (response.status, response.headers["retry-after"]) == (529, "7")
        assert (await response.json())["error"] == {"type": "overloaded_error", "message": "busy [removed]"}
        assert API_KEY not in str(response.headers)


@pytest.mark.parametrize(
    ("answered", "status", "kind", "words"),
    [
        (401, 401, "authentication_error", "ask whoever runs Heddle to look at ANTHROPIC_API_KEY"),
        (307, 502, "api_error", "look at ANTHROPIC_BASE_URL"),
        (None, 502, "api_error", "the model service could not be reached"),
    ],
)
async def test_what_only_heddles_keeper_can_mend_says_so(
    tmp_path: Path, answered: int | None, status: int, kind: str, words: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=answered or 200, headers={"Location": f"http://{request.host}/else"})

    async with bench(tmp_path, answer) as b:
        if answered is None:
            b.upstream.model_url = "http://127.0.0.1:1"
        with capture_logs() as logs:
            async with b.client.post(MESSAGES) as response:
                error = (await response.json())["error"]
        assert (response.status, error["type"]) == (status, kind)
        assert words in error["message"]
        assert response.headers.get("x-should-retry") == ("false" if answered == 401 else None)
        assert "Location" not in response.headers
        assert API_KEY not in f"{logs} {error} {response.headers}"


async def test_other_places_are_refused_in_anthropics_form(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        raise AssertionError("nothing may arrive here")

    async with bench(tmp_path, answer) as b, b.client.get("http://gateway/model/v1/files") as response:
        assert response.status == 403
        body = await response.json()
        assert (body["type"], body["error"]["type"]) == ("error", "permission_error")


async def test_many_at_once_share_no_limit(tmp_path: Path) -> None:
    waiting = 0
    everyone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        if waiting == 150:  # more than aiohttp's client would allow by itself
            everyone.set()
        await everyone.wait()
        return web.json_response({})

    async with bench(tmp_path, answer):

        async def one(client: aiohttp.ClientSession) -> int:
            async with client.post(MESSAGES) as response:
                return response.status

        connector = aiohttp.UnixConnector(str(tmp_path / "w1" / "gateway.sock"), limit=0)
        async with aiohttp.ClientSession(connector=connector) as client:
            assert set(await asyncio.gather(*(one(client) for _ in range(150)))) == {200}
