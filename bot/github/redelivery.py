"""Deliveries that failed: GitHub never sends one again by itself, so Heddle asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog

from bot.github.access import AppAccess
from bot.github.deliveries import delivery_key
from orchestrator.forge import ForgeError

# GitHub lists deliveries of three days, and sends only those again.
OLDEST_SECONDS = 3 * 24 * 3600.0
YOUNGEST_SECONDS = 15.0  # what is younger may still be on its way
TRIES = 8  # of one delivery, the first included
PAGES = 20
PAGE = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of GitHub's to deliver. `guid` stays the same over all tries, `id` is each one's own."""

    id: int
    guid: str
    at: float
    good: bool


def missed(attempts: Sequence[Attempt], stored: Collection[str], now: float) -> list[Attempt]:
    """What to ask for again: of each delivery that never arrived, the newest attempt; oldest delivery first.

    stored: the guids that Heddle has.
    """
    tries: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        tries[attempt.guid].append(attempt)
    found = []
    for guid, made in tries.items():
        newest, oldest = max(made, key=_age), min(made, key=_age)
        arrived = guid in stored or any(attempt.good for attempt in made)
        in_time = now - newest.at >= YOUNGEST_SECONDS and now - oldest.at < OLDEST_SECONDS
        # Twice as long before each further try, so that one which always fails costs little.
        patient = now - newest.at >= YOUNGEST_SECONDS * 2 ** (len(made) - 1)
        if not arrived and in_time and patient and len(made) < TRIES:
            found.append((oldest, newest))
    return [newest for _, newest in sorted(found, key=lambda pair: _age(pair[0]))]


def _age(attempt: Attempt) -> tuple[float, int]:
    return attempt.at, attempt.id


class Redelivery:
    """Asks for missed deliveries. `stored`: which of these delivery ids are in the database."""

    def __init__(
        self,
        access: AppAccess,
        stored: Callable[[Sequence[str]], Awaitable[set[str]]],
        clock: Callable[[], float],
    ) -> None:
        self._access = access
        self._stored = stored
        self._clock = clock

    async def recover(self) -> None:
        """One sweep over GitHub's list. Never raises: the next sweep tries again."""
        try:
            asked = await self._sweep()
        except ForgeError as error:
            log.warning("can't list GitHub's deliveries", error=str(error))
            return
        if asked:
            log.info("asked GitHub for missed deliveries", count=asked)

    async def _sweep(self) -> int:
        now = self._clock()
        attempts = await self._attempts(now)
        keys = {delivery_key(attempt.guid): attempt.guid for attempt in attempts if not attempt.good}
        stored = {keys[key] for key in await self._stored(list(keys))}
        asked = 0
        for attempt in missed(attempts, stored, now):
            try:
                await self._access.as_app("POST", f"/app/hook/deliveries/{attempt.id}/attempts")
                asked += 1
            except ForgeError as error:
                log.warning("GitHub does not deliver again", guid=attempt.guid, error=str(error))
        return asked

    async def _attempts(self, now: float) -> list[Attempt]:
        attempts: list[Attempt] = []
        cursor = ""
        for _ in range(PAGES):
            query = f"per_page={PAGE}" + (f"&cursor={cursor}" if cursor else "")
            headers, listed = await self._access.as_app("GET", f"/app/hook/deliveries?{query}")
            attempts += [found for item in listed if (found := _attempt(item)) is not None]
            cursor = next_cursor(str(headers.get("link", "")))
            if not cursor or (attempts and now - attempts[-1].at > OLDEST_SECONDS):
                break
        return attempts


def next_cursor(link: str) -> str:
    """The cursor of the next page, from a `Link` header; empty on the last one."""
    for part in link.split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return parse_qs(urlsplit(address.strip().strip("<>")).query).get("cursor", [""])[0]
    return ""


def _attempt(item: Any) -> Attempt | None:
    try:
        code = int(item["status_code"])
        at = datetime.fromisoformat(item["delivered_at"]).timestamp()
        return Attempt(int(item["id"]), str(item["guid"]), at, 200 <= code < 300)
    except (KeyError, TypeError, ValueError):
        return None
