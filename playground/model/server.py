"""The stand-in for the model: an HTTP server that speaks the Messages API and follows scripts."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from dataclasses import replace
from types import TracebackType

from aiohttp import web

from playground.model.answer import Answer, Cut, ErrorType, Failure, Garbage, Gate, Hang, Reply, Script
from playground.model.conversation import Conversation, Text
from playground.model.credentials import Credentials, auth_kind, check_version
from playground.model.record import Ending, Predicate, Seen, without_secrets
from playground.model.request import InvalidRequest, read, read_for_counting
from playground.model.scripts import Scripts
from playground.model.sidework import sidework
from playground.model.stream import PING, Event, Json, count_tokens, events, start, usage_of, whole

API_KEY = "sk-ant-api03-playground"
OAUTH_TOKEN = "sk-ant-oat01-playground"
MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")

NO_SUCH_PATH = "Not found: the scripted model answers /v1/messages, /v1/messages/count_tokens and /v1/models."
SCRIPT_FAILED = "The script of this conversation raised an error:"
TOO_LARGE = "The request is larger than the 32 MiB that the API takes."
NOT_AN_EVENT_STREAM = b"event: message_start\ndata: {this is no JSON\n\n<html>Bad gateway</html>\n\n"
CUT_AFTER = "This answer stops in the mid"

# What Claude Code asks to see whether anyone is there, without a credential.
_HELLOS = frozenset({"/", "/api/hello"})
_LARGEST_REQUEST = 32 * 1024 * 1024
_PING_SECONDS = 10.0
_REMEMBERED_REQUESTS = 5000
_REMEMBERED_ATTEMPTS = 1000


class ModelStandIn:
    """`async with ModelStandIn(script) as model:` … `ANTHROPIC_BASE_URL=model.url`.

    Accepts `api_key` in x-api-key, `oauth_token` (sk-ant-oat…, with the OAuth beta header) and `auth_token` (any other
    bearer token) in Authorization; None accepts none of that kind. port 0 takes a free one, which stays the same over
    `go_down` and `come_up`. `script` answers whatever no marker given to `add` matches.
    """

    def __init__(
        self,
        script: Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = API_KEY,
        oauth_token: str | None = OAUTH_TOKEN,
        auth_token: str | None = None,
    ) -> None:
        self._scripts = Scripts(script)
        self._credentials = Credentials(api_key, oauth_token, auth_token)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._faults: deque[Reply] = deque()
        self._seen: OrderedDict[int, Seen] = OrderedDict()
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._count = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> ModelStandIn:
        await self.come_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.go_down()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The base URL, without /v1."""
        return f"http://{self._host}:{self._port}"

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The latest requests (up to 5000), oldest first, the refused ones included."""
        return tuple(self._seen.values())

    def add(self, marker: str, script: Script) -> None:
        """Conversations in which someone says `marker` follow `script` from there on."""
        self._scripts.add(marker, script)

    def fail(
        self,
        status: int,
        error_type: ErrorType | None = None,
        times: int = 1,
        retry_after: float | None = None,
    ) -> None:
        """The next `times` requests for an answer, of any conversation, get this HTTP error."""
        self._faults.extend([Failure(status, error_type, retry_after=retry_after)] * times)

    def garbage(self, times: int = 1) -> None:
        """… get a body that is no event stream."""
        self._faults.extend([Garbage()] * times)

    def cut(self, times: int = 1) -> None:
        """… lose their connection in the middle of the answer."""
        self._faults.extend([Cut()] * times)

    def hang(self, times: int = 1) -> None:
        """… get no byte until the caller gives up."""
        self._faults.extend([Hang()] * times)

    def heal(self) -> None:
        """Forgets the faults that no request has met yet."""
        self._faults.clear()

    async def go_down(self) -> None:
        """Stops listening and drops what is open: connections are refused from now on."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def come_up(self) -> None:
        """Listens (again), on the same port. Raises OSError when someone else has it."""
        if self._runner is not None:
            return
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port, reuse_address=True)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = int(runner.addresses[0][1])

    async def wait_for(self, predicate: Predicate, seconds: float = 30.0) -> tuple[Seen, ...]:
        """Returns the requests once `predicate(requests)` holds. Raises TimeoutError after that long."""
        async with asyncio.timeout(seconds):
            while not predicate(self.requests):
                self._changed.clear()
                await self._changed.wait()
        return self.requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        number = self._noted(request)
        request_id = f"req_{uuid.uuid4().hex}"
        problem = ""
        try:
            response = await self._respond(request, number, request_id)
            if isinstance(response, Failure):
                problem = response.message
                response = _refused(response, request_id)
        except BaseException:
            self._note_end(number, Ending.DROPPED)
            raise
        dropped = request.transport is None or request.transport.is_closing()
        self._note_end(number, Ending.DROPPED if dropped else Ending.ANSWERED, response.status, problem)
        return response

    async def _respond(
        self, request: web.Request, number: int, request_id: str
    ) -> web.StreamResponse | Failure:
        if request.method == "HEAD" and request.path in _HELLOS:
            return web.Response(headers={"request-id": request_id})
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return Failure(413, message=TOO_LARGE)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if refusal := self._credentials.check(headers) or check_version(headers):
            return refusal
        try:
            match request.method, request.path:
                case "POST", "/v1/messages":
                    return await self._message(request, body, number, request_id)
                case "POST", "/v1/messages/count_tokens":
                    counted = read_for_counting(body)
                    self._note_conversation(number, counted, side=True, streamed=False)
                    return _json({"input_tokens": count_tokens(counted)}, request_id)
                case "GET", "/v1/models":
                    return _json(_models(), request_id)
                case _:
                    return Failure(404, message=NO_SUCH_PATH)
        except InvalidRequest as error:
            return Failure(400, message=str(error))

    async def _message(
        self, request: web.Request, body: bytes, number: int, request_id: str
    ) -> web.StreamResponse | Failure:
        conversation, streamed = read(body)
        aside = sidework(conversation)
        self._note_conversation(number, conversation, side=aside is not None, streamed=streamed)
        reply: Reply
        if self._faults:
            reply = self._faults.popleft()
        elif aside is not None:
            reply = aside
        else:
            reply = self._scripted(conversation)
        match reply:
            case Failure():
                return reply
            case Hang():
                await asyncio.Event().wait()
                raise AssertionError("unreachable: nothing sets the event")
            case Garbage():
                return web.Response(
                    body=NOT_AN_EVENT_STREAM,
                    content_type="text/event-stream",
                    headers={"request-id": request_id},
                )
            case Cut():
                return await self._cut(request, conversation, request_id)
            case Answer():
                if streamed:
                    return await self._stream(request, conversation, reply, request_id)
                async for _ in _while_pausing(reply):
                    pass
                usage = usage_of(conversation, reply)
                return _json(whole(reply, conversation.model, _message_id(), usage), request_id)

    async def _stream(
        self, request: web.Request, conversation: Conversation, answer: Answer, request_id: str
    ) -> web.StreamResponse:
        response = await _opened(request, request_id)
        message_id, usage = _message_id(), usage_of(conversation, answer)
        await response.write(start(conversation.model, message_id, usage).encode() + PING.encode())
        async for ping in _while_pausing(answer):
            await response.write(ping.encode())
        for event in events(answer, message_id, usage):
            if event.paced and answer.pace:
                await asyncio.sleep(answer.pace)
            await response.write(event.encode())
        await response.write_eof()
        return response

    async def _cut(
        self, request: web.Request, conversation: Conversation, request_id: str
    ) -> web.StreamResponse:
        answer = Answer((Text(CUT_AFTER),))
        message_id, usage = _message_id(), usage_of(conversation, answer)
        response = await _opened(request, request_id)
        await response.write(start(conversation.model, message_id, usage).encode())
        for event in events(answer, message_id, usage):
            if event.name == "content_block_stop":
                break
            await response.write(event.encode())
        if request.transport is not None:
            request.transport.close()  # unlike abort() it sends what was written
        return response

    def _scripted(self, conversation: Conversation) -> Reply:
        try:
            return self._scripts.answer(replace(conversation, attempt=self._attempt(conversation)))
        except Exception as error:  # scripts are foreign code; a 400 is not retried, so a test fails at once
            return Failure(400, message=f"{SCRIPT_FAILED} {error!r}")

    def _attempt(self, conversation: Conversation) -> int:
        """How often this conversation was asked before. A retry repeats it, an answer makes it longer."""
        digest = hashlib.sha256(
            f"{conversation.session}\n{conversation.messages!r}".encode("utf-8", "surrogatepass")
        ).hexdigest()
        attempt = self._attempts.pop(digest, -1) + 1
        self._attempts[digest] = attempt
        if len(self._attempts) > _REMEMBERED_ATTEMPTS:
            self._attempts.popitem(last=False)
        return attempt

    def _noted(self, request: web.Request) -> int:
        self._count += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._seen[self._count] = Seen(
            number=self._count,
            method=request.method,
            path=request.path_qs,
            headers=without_secrets(headers),
            auth=auth_kind(headers),
            at=time.time(),
        )
        if len(self._seen) > _REMEMBERED_REQUESTS:
            self._seen.popitem(last=False)
        self._changed.set()
        return self._count

    def _note_conversation(
        self, number: int, conversation: Conversation, *, side: bool, streamed: bool
    ) -> None:
        prompts = conversation.prompts
        if number in self._seen:
            self._seen[number] = replace(
                self._seen[number],
                model=conversation.model,
                session=conversation.session,
                messages=len(conversation.messages),
                task=conversation.task,
                prompt=prompts[-1].text if prompts else "",
                tools=conversation.tools,
                side=side,
                streamed=streamed,
            )
        self._changed.set()

    def _note_end(self, number: int, ending: Ending, status: int = 0, problem: str = "") -> None:
        if number in self._seen:
            self._seen[number] = replace(
                self._seen[number], status=status, ending=ending, ended_at=time.time(), problem=problem
            )
        self._changed.set()


def _message_id() -> str:
    return f"msg_{uuid.uuid4().hex[:24]}"


async def _opened(request: web.Request, request_id: str) -> web.StreamResponse:
    headers = {"cache-control": "no-cache", "request-id": request_id}
    response = web.StreamResponse(headers=headers)
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    await response.prepare(request)
    return response


async def _while_pausing(answer: Answer) -> AsyncGenerator[Event, None]:
    """Waits out the pauses of an answer; yields a ping now and then, as the real API sends them."""
    for pause in answer.pauses:
        waiting = asyncio.ensure_future(pause.passed() if isinstance(pause, Gate) else asyncio.sleep(pause))
        try:
            while not (await asyncio.wait({waiting}, timeout=_PING_SECONDS))[0]:
                yield PING
        finally:
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


def _json(body: Json, request_id: str, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"request-id": request_id})


def _refused(failure: Failure, request_id: str) -> web.Response:
    error: Json = {"type": failure.kind.value, "message": failure.message}
    response = _json({"type": "error", "error": error, "request_id": request_id}, request_id, failure.status)
    if failure.retry_after is not None:
        response.headers["retry-after"] = f"{failure.retry_after:g}"
    return response


def _models() -> Json:
    data = [{"type": "model", "id": name, "display_name": name.replace("-", " ").title()} for name in MODELS]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
