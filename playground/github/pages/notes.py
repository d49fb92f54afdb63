"""Remembers what happened to issues and pull requests besides what is written in them."""

from __future__ import annotations

from playground.github.happenings import Happening
from playground.github.hub import Hub
from playground.github.pages.conversation import Note

NOTED = frozenset({"labeled", "unlabeled", "assigned", "unassigned", "closed", "reopened"})
EVENTS = frozenset({"issues", "pull_request"})


class Notes:
    """Listens to a hub from now on."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._notes: dict[tuple[int, int], tuple[Note, ...]] = {}
        hub.listeners.append(self._hear)

    def of(self, repository: int, number: int) -> tuple[Note, ...]:
        """What was noted of an issue or pull request, oldest first."""
        return self._notes.get((repository, number), ())

    def _hear(self, happening: Happening) -> None:
        if happening.issue is None or happening.event not in EVENTS or happening.action not in NOTED:
            return
        at = self._hub.clock()
        note = Note(at, happening.action, happening.sender, happening.label, happening.assignee)
        key = happening.repository.id, happening.issue
        self._notes[key] = (*self.of(*key), note)
