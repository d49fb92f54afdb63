from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from playground.model.answer import ErrorType, Gate
from playground.model.conversation import Conversation
from playground.model.credentials import AuthKind
from playground.model.record import HIDDEN, Ending
from playground.model.server import API_KEY, OAUTH_TOKEN, ModelStandIn
from playground.model.sidework import TITLE
from playground.model.steps import Steps, bash, fail, hang, say, stop, wait

HEADERS = {"x-api-key": API_KEY, "anthropic-version": "2023-06-01"}
Json = dict[str, object]


@pytest.fixture
async def model() -> AsyncIterator[ModelStandIn]:
    async with ModelStandIn(Steps(stop("Hello there."))) as stand_in:
        yield stand_in


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


def asking(prompt: str = "hi", **more: object) -> Json:
    messages = [{"role": "user", "content": prompt}]
    request: Json = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": messages}
    return request | {"tools": [{"name": "Bash"}]} | more


async def post(
    http: aiohttp.ClientSession, model: ModelStandIn, body: Json, **headers: str
) -> tuple[int, Json]:
    async with http.post(
        f"{model.url}/v1/messages?beta=true", json=body, headers=HEADERS | headers
    ) as response:
        assert response.headers["request-id"].startswith("req_")
        return response.status, cast(Json, await response.json())


def words(answer: Json) -> str:
    blocks = cast(list[dict[str, str]], answer["content"])
    return blocks[0]["text"]


def kind(answer: Json) -> str:
    assert answer["type"] == "error"
    return cast(dict[str, str], answer["error"])["type"]


async def test_a_plain_answer(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    status, answer = await post(http, model, asking())
    assert (status, words(answer), answer["stop_reason"]) == (200, "Hello there.", "end_turn")


async def test_a_streamed_answer(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    model.add("#s", Steps(say("Look."), bash("ls")))
    async with http.post(
        f"{model.url}/v1/messages", json=asking("#s", stream=True), headers=HEADERS
    ) as response:
        assert response.content_type == "text/event-stream"
        body = await response.text()
    names = [line.removeprefix("event: ") for line in body.splitlines() if line.startswith("event: ")]
    assert names[:3] == ["message_start", "ping", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert names.count("content_block_delta") >= 4
    last = await model.wait_for(lambda requests: requests[-1].ended_at is not None, 5)
    assert (last[-1].streamed, last[-1].status, last[-1].ending) == (True, 200, Ending.ANSWERED)


async def test_refusals_have_anthropics_shape(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    assert kind((await post(http, model, asking(), **{"x-api-key": "wrong"}))[1]) == "authentication_error"
    assert kind((await post(http, model, asking(max_tokens=0)))[1]) == "invalid_request_error"
    assert kind((await post(http, model, asking(messages=[])))[1]) == "invalid_request_error"
    async with http.get(f"{model.url}/v1/nothing", headers=HEADERS) as response:
        assert (response.status, kind(await response.json())) == (404, "not_found_error")
    no_version = {"x-api-key": API_KEY}
    async with http.post(f"{model.url}/v1/messages", json=asking(), headers=no_version) as response:
        assert (response.status, kind(await response.json())) == (400, "invalid_request_error")
    assert [seen.status for seen in model.requests] == [401, 400, 400, 404, 400]
    assert all(seen.problem for seen in model.requests)


async def test_requests_may_not_be_larger_than_32_mib(
    model: ModelStandIn, http: aiohttp.ClientSession
) -> None:
    body = io.BytesIO(json.dumps(asking("x" * (32 * 1024 * 1024))).encode())
    async with http.post(f"{model.url}/v1/messages", data=body, headers=HEADERS) as response:
        assert (response.status, kind(await response.json())) == (413, "request_too_large")


async def test_models_counting_and_greeting(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    async with http.head(f"{model.url}/") as response:
        assert response.status == 200
    async with http.get(f"{model.url}/v1/models", headers=HEADERS) as response:
        assert (await response.json())["data"][0]["type"] == "model"
    counts = []
    for prompt in ("short", "a good deal longer than that"):
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
        async with http.post(f"{model.url}/v1/messages/count_tokens", json=body, headers=HEADERS) as response:
            counts.append((await response.json())["input_tokens"])
    assert 0 < counts[0] < counts[1]


async def test_the_log_holds_no_secret(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    await post(http, model, asking("the task"))
    oauth = {
        "authorization": f"Bearer {OAUTH_TOKEN}",
        "anthropic-version": "1",
        "anthropic-beta": "oauth-2025-04-20",
    }
    async with http.post(f"{model.url}/v1/messages", json=asking(), headers=oauth) as response:
        assert response.status == 200
    first, second = model.requests
    assert (first.path, first.model, first.task, first.messages) == (
        "/v1/messages?beta=true",
        "claude-opus-5-5",
        "the task",
        1,
    )
    assert (first.auth, second.auth) == (AuthKind.API_KEY, AuthKind.OAUTH)
    assert first.headers["x-api-key"] == second.headers["authorization"] == HIDDEN
    assert API_KEY not in repr(model.requests)
    assert OAUTH_TOKEN not in repr(model.requests)


async def test_faults_come_in_order_and_then_it_answers(
    model: ModelStandIn, http: aiohttp.ClientSession
) -> None:
    model.fail(429, retry_after=1.5)
    model.fail(500, ErrorType.OVERLOADED)
    async with http.post(f"{model.url}/v1/messages", json=asking(), headers=HEADERS) as response:
        assert (response.status, response.headers["retry-after"]) == (429, "1.5")
    status, answer = await post(http, model, asking())
    assert (status, kind(answer)) == (500, "overloaded_error")
    model.garbage()
    async with http.post(f"{model.url}/v1/messages", json=asking(), headers=HEADERS) as response:
        with pytest.raises(json.JSONDecodeError):
            json.loads((await response.text()).split("data: ")[1].splitlines()[0])
    model.cut()
    with pytest.raises(aiohttp.ClientPayloadError):
        async with http.post(
            f"{model.url}/v1/messages", json=asking(stream=True), headers=HEADERS
        ) as response:
            await response.read()
    model.fail(401, times=7)
    model.heal()
    assert (await post(http, model, asking()))[0] == 200
    assert [seen.ending for seen in model.requests][-2:] == [Ending.DROPPED, Ending.ANSWERED]


async def test_a_steps_fault_is_over_when_the_same_request_comes_again(
    model: ModelStandIn, http: aiohttp.ClientSession
) -> None:
    model.add("#f", Steps(fail(529, 2), stop("at last")))
    statuses = [(await post(http, model, asking("#f")))[0] for _ in range(4)]
    assert statuses == [529, 529, 200, 200]


async def test_a_hanging_request_ends_with_its_caller(
    model: ModelStandIn, http: aiohttp.ClientSession
) -> None:
    model.add("#h", Steps(hang()))
    asked = asyncio.create_task(post(http, model, asking("#h")))
    await model.wait_for(lambda requests: requests[-1:] != () and requests[-1].task == "#h", 5)
    asked.cancel()
    seen = await model.wait_for(lambda requests: requests[-1].ended_at is not None, 5)
    assert seen[-1].ending is Ending.DROPPED


async def test_a_gate_holds_an_answer_back(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    gate = Gate()
    model.add("#g", Steps(wait(gate), stop("through")))
    asked = asyncio.create_task(post(http, model, asking("#g")))
    await gate.reached()
    assert not asked.done()
    gate.open()
    assert words((await asked)[1]) == "through"


async def test_down_and_up_again_on_the_same_port(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    url = model.url
    model.hang()
    asked = asyncio.create_task(post(http, model, asking()))
    await model.wait_for(lambda requests: len(requests) == 1 and requests[0].messages == 1, 5)
    await model.go_down()
    with pytest.raises(aiohttp.ClientError):
        await asked
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(http, model, asking())
    await model.come_up()
    assert model.url == url
    assert (await post(http, model, asking()))[0] == 200


async def test_parallel_conversations_do_not_mix(model: ModelStandIn, http: aiohttp.ClientSession) -> None:
    for number in range(8):
        model.add(f"#{number}#", Steps(wait(0.01), stop(f"answer {number}")))
    answers = await asyncio.gather(*(post(http, model, asking(f"do #{number}#")) for number in range(8)))
    assert [words(answer) for _, answer in answers] == [f"answer {number}" for number in range(8)]


async def test_side_requests_are_answered_beside_the_script(
    model: ModelStandIn, http: aiohttp.ClientSession
) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    config = {"format": {"type": "json_schema", "schema": schema}}
    _, titled = await post(http, model, asking(tools=[], output_config=config))
    assert json.loads(words(titled)) == {"title": TITLE}
    _, named = await post(http, model, asking(tools=[], system="Generate a short title for the session."))
    assert words(named) == TITLE
    compact = "CRITICAL: Respond with TEXT ONLY.\nYour task is to create a detailed summary of the conversation so far"
    _, summary = await post(http, model, asking(compact))
    assert "<summary>" in words(summary)
    _, chat = await post(http, model, asking(tools=[]))
    assert words(chat) == "Hello there."
    assert [seen.side for seen in model.requests] == [True, True, True, False]


async def test_a_script_that_raises_is_told_at_once(http: aiohttp.ClientSession) -> None:
    class Broken:
        def answer(self, conversation: Conversation) -> None:
            raise LookupError("no such page")

    async with ModelStandIn(Broken()) as model:  # type: ignore[arg-type]
        status, answer = await post(http, model, asking())
        assert (status, kind(answer)) == (400, "invalid_request_error")
        assert "no such page" in model.requests[-1].problem


async def test_waiting_gives_up(model: ModelStandIn) -> None:
    def never(requests: object) -> bool:
        return False

    with pytest.raises(TimeoutError):
        await model.wait_for(never, 0.05)
