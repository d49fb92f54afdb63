"""Keeps the ledger: looks into the volumes and at the remote, again and again, past Heddle."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import dataclass

from playground.chaos import evidence, rows
from playground.chaos.ledger import Held, Ledger
from playground.chaos.rows import WorkspaceFacts
from playground.chaos.stage import Stage

LOOK_SECONDS = 2.0


@dataclass(slots=True)
class Watch:
    """locked: held while certainty is taken away."""

    stage: Stage
    ledger: Ledger
    locked: asyncio.Lock

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            with suppress(sqlite3.Error):  # a full disk, for example
                for workspace in await asyncio.to_thread(rows.workspaces, self.stage.database):
                    async with self.locked:
                        self.ledger.saved(workspace.id, await self.on_remote(workspace))
                        self.ledger.seen(workspace.id, await self.in_volume(workspace))
            await asyncio.sleep(LOOK_SECONDS)

    async def in_volume(self, workspace: WorkspaceFacts) -> Held:
        return await evidence.in_volume(self.stage.daemon.volume(f"heddle-{workspace.id}"), self.stage.mirror)

    async def on_remote(self, workspace: WorkspaceFacts) -> Held:
        refs = evidence.refs_of(workspace.id, workspace.branch)
        return await evidence.on_remote(self.stage.remote, refs)

    async def everywhere(self) -> dict[str, Held]:
        """What each workspace has now, in its volume or on the remote. Raises sqlite3.Error."""
        listed = await asyncio.to_thread(rows.workspaces, self.stage.database)
        return {one.id: await self.in_volume(one) | await self.on_remote(one) for one in listed}
