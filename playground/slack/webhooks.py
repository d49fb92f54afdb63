"""HTTP deliveries: signed POST requests to the app's request URL."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlencode

import aiohttp

from playground.slack.deliveries import DeliveryKind, Outcome, Parcel
from playground.slack.shapes import JsonObject


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature over the raw body."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def signed_headers(secret: str, body: bytes, content_type: str, now: float) -> dict[str, str]:
    """The headers of a delivery at `now`, seconds since the epoch."""
    timestamp = str(int(now))
    return {
        "Content-Type": content_type,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(secret, timestamp, body),
    }


class Webhooks:
    """Carries deliveries to a URL, which may change while it runs."""

    def __init__(
        self, url: str, secret: str, ack_timeout: float, acknowledged: Callable[[str], None]
    ) -> None:
        self.url = url
        self._secret = secret
        self._acknowledged = acknowledged
        self._timeout = aiohttp.ClientTimeout(total=ack_timeout)
        self._session: aiohttp.ClientSession | None = None

    async def carry(self, parcel: Parcel) -> Outcome:
        """POST the payload; any 2xx in time is the acknowledgement."""
        if parcel.kind is DeliveryKind.INTERACTIVE:
            body = urlencode({"payload": json.dumps(parcel.payload)}).encode()
            content_type = "application/x-www-form-urlencoded"
        else:
            body = json.dumps(parcel.payload).encode()
            content_type = "application/json"
        headers = signed_headers(self._secret, body, content_type, time.time())
        if parcel.number:
            headers |= {"X-Slack-Retry-Num": str(parcel.number), "X-Slack-Retry-Reason": parcel.reason}
        try:
            async with self._client().post(
                self.url, data=body, headers=headers, timeout=self._timeout
            ) as answer:
                await answer.read()
                if 200 <= answer.status < 300:
                    self._acknowledged(parcel.envelope_id)
                    return Outcome.ACKED
                declined = answer.headers.get("X-Slack-No-Retry") == "1"
                return Outcome.DECLINED if declined else Outcome.HTTP_ERROR
        except TimeoutError:
            return Outcome.HTTP_TIMEOUT
        except aiohttp.ClientError:
            return Outcome.CONNECTION_FAILED

    async def verify(self) -> bool:
        """Do the `url_verification` handshake; True when the app gave the challenge back."""
        challenge = secrets.token_urlsafe(32)
        payload: JsonObject = {"token": "stand-in", "challenge": challenge, "type": "url_verification"}
        body = json.dumps(payload).encode()
        headers = signed_headers(self._secret, body, "application/json", time.time())
        try:
            async with self._client().post(
                self.url, data=body, headers=headers, timeout=self._timeout
            ) as answer:
                return answer.status == 200 and challenge in await answer.text()
        except (TimeoutError, aiohttp.ClientError):
            return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        return self._session
