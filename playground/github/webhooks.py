"""The webhook of the App: signed deliveries over HTTP, and the history of them."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from playground.github import payload_git, payloads
from playground.github.happenings import Happening
from playground.github.hub import Hub

DELIVERY_SECONDS = 10.0
"""How long a receiver has for its answer."""
USER_AGENT = "GitHub-Hookshot/044aadd"
KEPT = 5000
"""Deliveries that the history holds; the oldest go first."""
RESPONSE_KEPT = 64 * 1024
"""Bytes of an answer that the history holds."""
OK = "OK"
NOT_OK = "Invalid HTTP Response: {status}"
UNREACHABLE = "failed to connect to host"
TIMED_OUT = "timed out"
NO_URL = "This GitHub's App has no webhook URL."


@dataclass(frozen=True, slots=True)
class Message:
    """One side of a delivery: what was sent, or what came back."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def payload(self) -> Mapping[str, object]:
        """The body of a request. Raises ValueError when it is not a JSON object."""
        values = json.loads(self.body)
        if not isinstance(values, dict):
            raise ValueError("The payload is not a JSON object.")
        return values


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver. `status_code` is 0, and `response` None, when no answer came."""

    id: int
    guid: str
    event: str
    action: str | None
    delivered_at: float
    duration: float
    status: str
    status_code: int
    redelivery: bool
    installation_id: int | None
    repository_id: int | None
    url: str
    request: Message
    response: Message | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """What waits to be delivered. `body` is asked for when its turn comes; `done` gets the delivery."""

    url: str
    guid: str
    event: str
    action: str | None
    body: Callable[[], Awaitable[bytes]]
    installation_id: int | None
    repository_id: int | None
    redelivery: bool = False
    done: asyncio.Future[Delivery] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str
    code: int = 0
    message: Message | None = None


def signature(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """How GitHub signs a body: `sha256=…` (or `sha1=…`)."""
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def to_bytes(payload: Mapping[str, object]) -> bytes:
    """A payload as it travels; what is no valid text becomes a question mark."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _ready(body: bytes) -> Callable[[], Awaitable[bytes]]:
    async def answer() -> bytes:
        return body

    return answer


class Webhooks:
    """Sends what happens to `url`, in order for each repository, and never again unless asked.

    url: None sends and remembers nothing. seconds: how long a receiver has.
    """

    def __init__(self, hub: Hub, *, seconds: float = DELIVERY_SECONDS) -> None:
        self.url: str | None = None
        self.history: deque[Delivery] = deque(maxlen=KEPT)
        self.seconds = seconds
        self._hub = hub
        self.hook_id = hub.take_id()
        self._waiting: dict[int | None, deque[Parcel]] = {}
        self._workers: dict[int | None, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    @property
    def secret(self) -> str:
        return self._hub.app.webhook_secret if self._hub.app else ""

    async def start(self) -> None:
        # Each delivery has a connection of its own: one that is kept may be dead already when it is used.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._hub.listeners.append(self._hear)

    async def close(self) -> None:
        """Stop sending; what still waits is lost."""
        if self._session is None:
            return
        self._hub.listeners.remove(self._hear)
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for parcels in self._waiting.values():
            for parcel in parcels:
                parcel.done.cancel()
        self._waiting.clear()
        await self._session.close()
        self._session = None

    def find(self, delivery_id: int) -> Delivery | None:
        return next((each for each in self.history if each.id == delivery_id), None)

    def redeliver(self, delivery: Delivery) -> asyncio.Future[Delivery]:
        """Send the same bytes again under the same guid; the new delivery, once it has happened.

        Raises LookupError without a URL.
        """
        parcel = Parcel(
            self._needed_url(),
            delivery.guid,
            delivery.event,
            delivery.action,
            _ready(delivery.request.body),
            delivery.installation_id,
            delivery.repository_id,
            redelivery=True,
        )
        return self._put(parcel)

    def ping(self) -> asyncio.Future[Delivery]:
        """Try the URL out; the delivery, once it has happened. Raises LookupError without an App or URL."""
        if self._hub.app is None:
            raise LookupError("This GitHub has no App.")
        url = self._needed_url()
        body = to_bytes(payloads.ping(self._hub.app, self.hook_id, url))
        return self._put(Parcel(url, str(uuid.uuid4()), "ping", None, _ready(body), None, None))

    async def deliver_raw(self, event: str, body: bytes, guid: str, signed: str | None) -> int:
        """Send any body at once, past the history; the status of the answer, 0 without one.

        signed: the value of X-Hub-Signature-256 instead of the right one; "" sends no signature at all.
        Raises LookupError without a URL.
        """
        url = self._needed_url()
        headers = self._headers(event, guid, body)
        if signed is not None:
            del headers["X-Hub-Signature"], headers["X-Hub-Signature-256"]
        if signed:
            headers["X-Hub-Signature-256"] = signed
        return (await self._post(url, headers, body)).code

    def _needed_url(self) -> str:
        if self.url is None:
            raise LookupError(NO_URL)
        return self.url

    def _hear(self, happening: Happening) -> None:
        """Make a parcel of what has happened, as it is at this moment."""
        installation = self._hub.installation_of(happening.repository)
        if self.url is None or self._hub.app is None or installation is None:
            return
        payload = payloads.payload(self._hub, happening, installation)
        repository, pull = happening.repository, payload_git.pull_of(happening)

        async def body() -> bytes:
            return to_bytes(await payload_git.completed(payload, repository, pull))

        event, action = happening.event, happening.action
        guid = str(uuid.uuid4())
        self._put(Parcel(self.url, guid, event, action, body, installation.id, repository.id))

    def _put(self, parcel: Parcel) -> asyncio.Future[Delivery]:
        row = parcel.repository_id
        self._waiting.setdefault(row, deque()).append(parcel)
        if row not in self._workers:
            self._workers[row] = asyncio.create_task(self._work(row))
        return parcel.done

    async def _work(self, row: int | None) -> None:
        """Deliver what waits for one repository, one after the other."""
        waiting = self._waiting[row]
        while waiting:
            parcel = waiting[0]
            delivery = await self._deliver(parcel)
            waiting.popleft()
            self.history.append(delivery)
            if not parcel.done.done():
                parcel.done.set_result(delivery)
            self._hub.changes.notify()
        del self._workers[row], self._waiting[row]

    async def _deliver(self, parcel: Parcel) -> Delivery:
        body = await parcel.body()
        began, at = time.monotonic(), self._hub.clock()
        headers = self._headers(parcel.event, parcel.guid, body)
        answer = await self._post(parcel.url, headers, body)
        return Delivery(
            # Taken now, so that a later delivery in the history has a higher id.
            id=self._hub.take_id(),
            guid=parcel.guid,
            event=parcel.event,
            action=parcel.action,
            delivered_at=at,
            duration=round(time.monotonic() - began, 2),
            status=answer.status,
            status_code=answer.code,
            redelivery=parcel.redelivery,
            installation_id=parcel.installation_id,
            repository_id=parcel.repository_id,
            url=parcel.url,
            request=Message(headers, body),
            response=answer.message,
        )

    def _headers(self, event: str, guid: str, body: bytes) -> dict[str, str]:
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(self.hook_id),
            "X-GitHub-Hook-Installation-Target-ID": str(self._hub.app.id if self._hub.app else 0),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": signature(self.secret, body, "sha1"),
            "X-Hub-Signature-256": signature(self.secret, body),
        }

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        if self._session is None:
            raise RuntimeError("The webhook sends nothing before the stand-in is started.")
        try:
            async with (
                asyncio.timeout(self.seconds),
                self._session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                text = b""
                async for chunk in response.content.iter_chunked(RESPONSE_KEPT):
                    text = (text + chunk)[:RESPONSE_KEPT]
                    if len(text) == RESPONSE_KEPT:
                        break
        except TimeoutError:
            return _Answer(TIMED_OUT)
        except (aiohttp.ClientError, OSError, ValueError):
            return _Answer(UNREACHABLE)
        status = OK if 200 <= response.status < 300 else NOT_OK.format(status=response.status)
        return _Answer(status, response.status, Message(dict(response.headers), text))
