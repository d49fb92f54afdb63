"""Where GitHub's deliveries come in: signature first, then stored, then acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from bot.conversations import Incoming
from bot.endings import Ending
from bot.github.addresses import PLATFORM
from bot.github.deliveries import Terms, delivery_key, read
from bot.github.endings import read_ending

WEBHOOK_PATH = "/github/webhook"
STORE_SECONDS = 8.0  # GitHub waits for ten

log = structlog.get_logger(__name__)


class GitHubEdge:
    """The webhook. `receive` stores a message, `record` a delivery without one, `end` the end of a conversation.

    Each has done so when it returns.
    """

    def __init__(
        self,
        receive: Callable[[Incoming], Awaitable[None]],
        record: Callable[[str, str], Awaitable[None]],
        end: Callable[[Ending], Awaitable[None]],
        *,
        secret: str,
        terms: Terms,
    ) -> None:
        self._receive = receive
        self._record = record
        self._end = end
        self._secret = secret.encode()
        self._terms = terms

    async def http(self, request: web.Request) -> web.Response:
        """An aiohttp handler. 401 without the right signature, 400 for what is no delivery, 413 for too much.

        503 when the delivery can't be stored: GitHub counts it as failed, and Heddle asks for it again.
        """
        body = await request.read()
        if not is_signed(body, request.headers.get("X-Hub-Signature-256", ""), self._secret):
            return web.Response(status=401, text="The signature is missing or wrong.\n")
        guid, event = request.headers.get("X-GitHub-Delivery", ""), request.headers.get("X-GitHub-Event", "")
        payload = _payload(body, request.content_type)
        if payload is None or not guid or not event:
            log.warning("not a delivery of GitHub's", guid=guid, event_name=event, bytes=len(body))
            return web.Response(
                status=400, text="This is not a delivery: JSON and GitHub's headers are needed.\n"
            )
        try:
            async with asyncio.timeout(STORE_SECONDS):
                # A long comment takes its time to be read; nobody else should wait for it.
                incoming = await asyncio.to_thread(read, event, guid, payload, self._terms)
                if incoming is not None:
                    await self._receive(incoming)
                if (ending := read_ending(event, payload)) is not None:
                    await self._end(ending)
                await self._record(delivery_key(guid), PLATFORM)
        except Exception as error:  # whatever it was, GitHub must not take the delivery for stored
            log.error("could not store a delivery", guid=guid, error=repr(error))
            return web.Response(
                status=503, text="The delivery could not be stored; please deliver it again.\n"
            )
        return web.Response(status=202, text="Stored.\n")


def is_signed(body: bytes, signature: str, secret: bytes) -> bool:
    """Whether `signature` (`sha256=…`) is GitHub's of this very body."""
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape"))


def _payload(body: bytes, content_type: str) -> dict[str, Any] | None:
    """The object in a body, which comes as JSON or, if the webhook is set up so, as a form with one field."""
    try:
        if content_type == "application/x-www-form-urlencoded":
            body = parse_qs(body.decode(), max_num_fields=10)["payload"][0].encode()
        payload = json.loads(body)
    except (ValueError, KeyError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
