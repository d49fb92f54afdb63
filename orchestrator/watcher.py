"""Who is told how a run goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from orchestrator.report import Report


class Watcher(Protocol):
    """Shows reports to the people of a conversation. What it is given may still hold secrets."""

    def changed(self, conversation_id: str, report: Report) -> None:
        """A run has moved on. Never blocks; only the newest report counts."""
        ...

    async def ended(
        self, conversation_id: str, report: Report, log: Path | None, message_ids: Sequence[str]
    ) -> None:
        """A run has ended: show it for good, with the log where there is one.

        message_ids: what people had said that this run was about.

        Returns once the people can see it, raises while they can't; calling it again shows nothing twice.
        """
        ...
