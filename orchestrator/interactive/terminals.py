"""The terminals of open workspaces: their list as it changes, their ends, what they have shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from orchestrator.containers import ContainerMissing, Engine
from orchestrator.interactive.execs import Execs
from orchestrator.interactive.opening import CLAUDE, Opening, OpeningState, Terminal, is_terminal
from orchestrator.interactive.tabs import Tabs
from orchestrator.interactive.topic import Topic

END_SECONDS = 10.0
HISTORY_SECONDS = 30.0


class Terminals:
    """Tabs in the database, and the tmux sessions behind them."""

    def __init__(self, tabs: Tabs, engine: Engine, execs: Execs) -> None:
        self._tabs = tabs
        self._execs = execs
        self._engine = engine
        self._lists: dict[str, Topic[list[Terminal]]] = {}

    async def all(self, workspace_id: str) -> list[Terminal]:
        """Claude Code's first, always."""
        return await self._tabs.all(workspace_id)

    async def watch(self, workspace_id: str) -> AsyncGenerator[list[Terminal], None]:
        """The tabs, then again whenever they change. Never ends by itself."""
        topic = self._lists.get(workspace_id)
        if topic is None:
            topic = self._lists[workspace_id] = Topic(await self._tabs.all(workspace_id))
        try:
            async with aclosing(topic.watch()) as values:
                async for terminals in values:
                    yield terminals
        finally:
            if not topic.watched and self._lists.get(workspace_id) is topic:
                del self._lists[workspace_id]

    async def add(self, workspace_id: str, title: str) -> Terminal:
        """Raises TooManyTerminals."""
        terminal = await self._tabs.add(workspace_id, title)
        await self._changed(workspace_id)
        return terminal

    async def rename(self, workspace_id: str, name: str, title: str) -> None:
        await self._tabs.rename(workspace_id, name, title)
        await self._changed(workspace_id)

    async def arrange(self, workspace_id: str, names: Sequence[str]) -> None:
        await self._tabs.arrange(workspace_id, names)
        await self._changed(workspace_id)

    async def end(self, workspace_id: str, opening: Opening | None, name: str) -> None:
        """End a shell and remove its tab. opening: the workspace's newest. Raises EngineUnavailable, TimeoutError."""
        if name == CLAUDE or not is_terminal(name):
            return
        if opening is not None and opening.state is OpeningState.OPEN:
            found = await self._engine.find(opening.container)
            if found is not None and found.state == "paused":
                # Or the next one of that name would find it there.
                await self._engine.unpause(opening.container)
            with suppress(ContainerMissing):
                command = ["/opt/heddle/end", name]
                async with self._execs.ask(opening.container):
                    await self._engine.execute(opening.container, command, seconds=END_SECONDS)
        await self._tabs.remove(workspace_id, name)
        await self._changed(workspace_id)

    async def history(self, opening: Opening, name: str) -> bytes:
        """All that a terminal has shown and still knows; empty when it has not begun. Raises as Engine.execute does."""
        if not is_terminal(name):
            return b""
        command = ["/opt/heddle/history", name]
        async with self._execs.ask(opening.container):
            code, text = await self._engine.execute(opening.container, command, seconds=HISTORY_SECONDS)
        return text if code == 0 else b""

    async def _changed(self, workspace_id: str) -> None:
        topic = self._lists.get(workspace_id)
        if topic is not None:
            topic.set(await self._tabs.all(workspace_id))
