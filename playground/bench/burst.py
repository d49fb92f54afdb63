"""How long Slack waits for acknowledgements when everybody speaks at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.bench.table import table
from playground.slack.records import Channel, ChannelKind
from playground.town import Town

MENTIONS = 90  # each is delivered twice, as an app_mention and as a message
REPEATED = 20
CHANNELS = 45
LIMIT = 3.0  # seconds, Slack's own
PATIENCE = 60.0
PAUSE = 0.01

VERDICT = "The slowest of {count} acknowledgements took {worst:.2f} s (limit {limit:.0f} s, Slack's own)."


class BurstFailed(Exception):
    """Not everything was acknowledged."""


@dataclass(frozen=True, slots=True)
class BurstResult:
    """Seconds until each acknowledgement: of deliveries one at a time, which is the floor, and of all at once."""

    alone: Sequence[float]
    together: Sequence[float]

    @property
    def holds(self) -> bool:
        return max(self.together) < LIMIT

    def lines(self) -> list[str]:
        rows = [("one at a time (floor)", self.alone), ("all at once", self.together)]
        verdict = VERDICT.format(count=len(self.together), worst=max(self.together), limit=LIMIT)
        return [*table("Acknowledged after", rows), "", verdict]

    def data(self) -> dict[str, object]:
        return {"alone": list(self.alone), "together": list(self.together), "limit": LIMIT}


async def measure_burst(folder: Path) -> BurstResult:
    """Raises BurstFailed, and what a Town raises."""
    async with Town(folder / "town") as town:
        await town.start_heddle()
        state = town.slack.state
        (known,) = [channel for channel in state.channels.values() if channel.name == "heddle-demo"]
        names = [f"burst-{number}" for number in range(CHANNELS)]
        for name in names:
            identity = state.new_id("C")
            state.add_channel(Channel(identity, name, ChannelKind.CHANNEL, known.created, known.members))
        alone: list[float] = []
        for name in names[:20]:
            before = len(town.slack.deliveries)
            await town.slack.post("ada", name, "help", mention=True)
            ids = [delivery.id for delivery in town.slack.deliveries[before:]]
            alone += await _acknowledged(town, ids)
        before = len(town.slack.deliveries)
        for number in range(MENTIONS):
            await town.slack.post("ada", names[number % CHANNELS], "help", mention=True)
        sent = list(town.slack.deliveries)[before:]
        repeated = [town.slack.deliver(delivery.payload) for delivery in sent[:REPEATED]]
        return BurstResult(alone, await _acknowledged(town, [*(one.id for one in sent), *repeated]))


async def _acknowledged(town: Town, ids: Sequence[str]) -> list[float]:
    begun = time.monotonic()
    while not set(ids) <= set(town.slack.acks):
        if time.monotonic() - begun > PATIENCE:
            raise BurstFailed(f"{len(set(ids) - set(town.slack.acks))} deliveries were not acknowledged")
        await asyncio.sleep(PAUSE)
    return [town.slack.acks[one] for one in ids]
