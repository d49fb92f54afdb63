"""What is there: containers and volumes by label, and the folders of sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from orchestrator.both import both
from orchestrator.containers import Engine
from orchestrator.gateway.door import is_workspace_id
from orchestrator.recovery.facts import Listing


class Lister:
    """Looks at what belongs to a deployment. sockets: the folder with a folder for each workspace."""

    def __init__(self, engine: Engine, deployment: str, sockets: Path) -> None:
        self._engine = engine
        self._deployment = deployment
        self._sockets = sockets

    async def all(self) -> Listing:
        """Everything: one list of containers, one of volumes, one of the folder. Raises EngineUnavailable, OSError."""
        return await self._look("", lambda: _folders(self._sockets))

    async def one(self, workspace_id: str) -> Listing:
        """What belongs to one workspace, by as many calls. Raises EngineUnavailable, OSError."""
        folder = self._sockets / workspace_id

        def look() -> frozenset[str]:
            known = is_workspace_id(workspace_id) and folder.is_dir()
            return frozenset((workspace_id,)) if known else frozenset()

        return await self._look(workspace_id, look)

    async def _look(self, workspace_id: str, look: Callable[[], frozenset[str]]) -> Listing:
        (containers, volumes), folders = await both(
            both(
                self._engine.containers(self._deployment, workspace_id),
                self._engine.volumes(self._deployment, workspace_id),
            ),
            asyncio.to_thread(look),
        )
        return Listing(tuple(containers), tuple(volumes), folders)


def _folders(sockets: Path) -> frozenset[str]:
    try:
        names = os.listdir(sockets)
    except FileNotFoundError:  # no workspace was ever open
        return frozenset()
    return frozenset(filter(is_workspace_id, names))
