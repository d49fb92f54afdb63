"""What Slack sends to the app, again and again until it is acknowledged, and what became of it."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from playground.slack.changes import Changes
from playground.slack.shapes import JsonObject

# Slack itself repeats at once, after a minute and after five; the playground's people won't wait that long.
SLACK_RETRY_SCHEDULE = (0.0, 60.0, 300.0)
RETRY_SCHEDULE = (0.5, 2.0, 5.0)
ACK_TIMEOUT = 3.0


class DeliveryKind(StrEnum):
    """The kinds of deliveries, by the names that Socket Mode envelopes give them."""

    EVENT = "events_api"
    INTERACTIVE = "interactive"


class Outcome(StrEnum):
    """How one attempt ended. The names double as Slack's retry reasons."""

    ACKED = "acked"
    TIMEOUT = "timeout"
    HTTP_TIMEOUT = "http_timeout"
    HTTP_ERROR = "http_error"
    CONNECTION_FAILED = "connection_failed"
    UNCONNECTED = "unconnected"
    DECLINED = "declined"  # an error answer with X-Slack-No-Retry


@dataclass(frozen=True, slots=True)
class Parcel:
    """One attempt to deliver. `number` is 0 for the first, `reason` is why the one before failed."""

    envelope_id: str
    kind: DeliveryKind
    payload: JsonObject
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    envelope_id: str
    number: int
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A payload and its attempts so far. `id` is the envelope id of the first attempt."""

    id: str
    kind: DeliveryKind
    payload: JsonObject
    attempts: tuple[Attempt, ...] = ()
    ended: bool = False

    @property
    def acked(self) -> bool:
        return any(attempt.outcome is Outcome.ACKED for attempt in self.attempts)

    @property
    def dropped(self) -> bool:
        """True when the last attempt is over and nobody acknowledged any."""
        return self.ended and not self.acked


class Courier(Protocol):
    """A way to the app."""

    async def carry(self, parcel: Parcel) -> Outcome: ...


class Deliveries:
    """Sends payloads, each in a task of its own, and remembers them all."""

    def __init__(self, changes: Changes, courier: Courier, retry_schedule: Sequence[float]) -> None:
        self.courier = courier
        self.acks: dict[str, float] = {}  # envelope id -> seconds until its acknowledgement, however late
        self._changes = changes
        self._schedule = tuple(retry_schedule)
        self._deliveries: dict[str, Delivery] = {}
        self._sent: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> list[Delivery]:
        """Every delivery, oldest first."""
        return list(self._deliveries.values())

    def get(self, delivery_id: str) -> Delivery:
        return self._deliveries[delivery_id]

    def send(self, payload: JsonObject, kind: DeliveryKind) -> str:
        """Start a delivery; returns its id at once. Only events are repeated, as in Slack."""
        delivery = Delivery(str(uuid.uuid4()), kind, payload)
        self._deliveries[delivery.id] = delivery
        task = asyncio.create_task(self._run(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery.id

    def acknowledged(self, envelope_id: str) -> None:
        """Note an acknowledgement when it arrives, in time or late."""
        if envelope_id in self._sent:
            self.acks.setdefault(envelope_id, time.monotonic() - self._sent[envelope_id])
            self._changes.announce()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, delivery: Delivery) -> None:
        schedule = self._schedule if delivery.kind is DeliveryKind.EVENT else ()
        reason = ""
        for number, delay in zip(itertools.count(), (0.0, *schedule), strict=False):
            if delay:
                await asyncio.sleep(delay)
            envelope_id = str(uuid.uuid4()) if number else delivery.id
            began = self._sent[envelope_id] = time.monotonic()
            parcel = Parcel(envelope_id, delivery.kind, delivery.payload, number, reason)
            outcome = await self.courier.carry(parcel)
            attempt = Attempt(envelope_id, number, outcome, time.monotonic() - began)
            delivery = replace(delivery, attempts=(*delivery.attempts, attempt))
            self._store(delivery)
            if outcome in (Outcome.ACKED, Outcome.DECLINED):
                break
            reason = Outcome.TIMEOUT if outcome is Outcome.UNCONNECTED else outcome
        self._store(replace(delivery, ended=True))

    def _store(self, delivery: Delivery) -> None:
        self._deliveries[delivery.id] = delivery
        self._changes.announce()
